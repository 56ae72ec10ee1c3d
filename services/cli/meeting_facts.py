"""A meeting as it is read: each fact by its name; what a change makes of it; as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from services.cli import dates, meeting_fields, meeting_where, programmes, sessions
from services.cli.called import id_of
from services.cli.facts import Difference, differing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openchair.meetings.v1 import meeting_pb2

    from services.cli.dates import Date
    from services.cli.house import House


def facts(meeting: meeting_pb2.Meeting, house: House) -> dict[str, str]:
    """Everything it says of itself, by names that are those of the options."""
    told = {"title": meeting.title, "when": dates.rhythm_of(meeting)}
    if meeting.schedule.time_zone != house.centre.time_zone:
        told["timezone"] = meeting.schedule.time_zone
    told |= meeting_where.read_back(meeting, house) | meeting_fields.read_back(meeting)
    if meeting.registration_opens:
        told["registration opens"] = meeting.registration_opens.replace("T", " ")
    extra = ", ".join(" ".join(filter(None, (each.date, each.time))) for each in meeting.schedule.extra_dates)
    told |= {"also": extra} if extra else {}
    told |= {f"programme {n}": programmes.said(each) for n, each in enumerate(meeting.programmes, 1)}
    return told | {f"agenda {n}": sessions.said(each, house) for n, each in enumerate(meeting.sessions, 1)}


def differences(before: meeting_pb2.Meeting, after: meeting_pb2.Meeting, house: House) -> list[Difference]:
    """What differs between the two."""
    return differing(facts(before, house), facts(after, house)) + [
        Difference(name, "another one", "a new one")
        for name, path in (("passcode", "passcode"), ("join notes", "notes"))
        if getattr(before.online, path) and getattr(after.online, path)
        if getattr(before.online, path) != getattr(after.online, path)
    ]


def next_lines(found: Sequence[Date]) -> list[str]:
    """The next few dates."""
    return [f"  {each.told()}" for each in found[: dates.NEXT]] or ["  (none)"]


def plain(meeting: meeting_pb2.Meeting, *, passcode: bool = False) -> dict[str, Any]:
    """For a program: the fields of the contract, and the id. The passcode only where it is asked for."""
    shown = type(meeting)()
    shown.CopyFrom(meeting)
    for online in (shown.online, *(each.online for each in shown.changes if each.HasField("online"))):
        if not passcode and online.passcode:
            online.ClearField("passcode")
    if shown.HasField("source"):
        shown.source.ClearField("original")
    if not meeting.HasField("online"):
        shown.ClearField("online")
    said: dict[str, Any] = MessageToDict(shown, preserving_proto_field_name=True)
    return {"id": id_of(meeting), **said}


def plain_dates(found: Sequence[Date]) -> list[dict[str, Any]]:
    """Dates for a program."""
    return [
        {
            "name": each.name,
            "local_start": each.local.isoformat(timespec="minutes"),
            "start_time": each.start.isoformat().replace("+00:00", "Z"),
            "end_time": each.end.isoformat().replace("+00:00", "Z"),
            "cancelled": each.cancelled,
            "changed": each.change is not None,
            "reason": each.change.reason if each.change else "",
        }
        for each in found[: dates.NEXT]
    ]

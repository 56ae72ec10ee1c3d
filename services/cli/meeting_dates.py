"""Single dates: `openchair meeting cancel`, `restore`, `move`, `edit --only` and `confirm`."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import dates, if_taken, meeting_fields, meeting_where
from services.cli.asking import SAME, UNSEEN, give, go_ahead, say, until_current
from services.cli.book_clashes import unless_taken
from services.cli.facts import Difference, changed_lines
from services.cli.house import House, open_house
from services.cli.meeting_date_rooms import alone, refuse_taken
from services.cli.meeting_facts import plain_dates
from services.cli.series import Series, find
from services.cli.server import PATIENCE, Site
from services.cli.shell import USAGE, Failure
from services.cli.when import full, hour_alone, long
from services.kit.client import RpcError, explain
from services.recurrence.zones import midnight

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from services.cli.dates import Date

OPTIONS: Final[Mapping[str, str]] = {
    "change.start": "--to",
    "change.minutes": "--for",
    "change.title": "--title",
    "change.notes": "--notes",
    "change.mode": "--mode",
    "change.place": "--place",
    "change.rooms": "--room",
    "change.reason": "--because",
    "change.online": "--link",
    "change.online.url": "--link",
    "change.online.phone": "--phone",
    "change.online.passcode": "--passcode-file",
    "change.online.notes": "--join-notes",
    "reason": "--because",
    "name": "--on",
}
_ON_ONE_DATE: Final = frozenset({"title", "notes", "mode"})
_DAY: Final = timedelta(days=1)
AS_USUAL: Final = "(as usual)"


async def cancel(site: Site, asked: argparse.Namespace) -> None:
    """The dates that are named are not held."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        series = await find(site, asked.centre, asked.meeting)
        found = [each for each in _chosen(asked, house, series) if not each.cancelled]
        if not found:
            raise Failure("every one of these dates is cancelled already")
        say(asked, f'"{series.title}" would be cancelled on:')
        say(asked, "\n".join(f"  {full(each.local)}" for each in found))
        say(asked, f"All other dates stay. People would read: {asked.because or 'no reason (--because says one)'}")
        if go_ahead(asked):
            for each in found:
                request = pb.CancelOccurrenceRequest(
                    name=each.name,
                    reason=asked.because or "",
                    etag=_etag(found, each),
                    request_id=secrets.token_hex(16),
                )
                await site.meetings.CancelOccurrence(request, timeout=PATIENCE)
            say(asked, f"Cancelled: {len(found)} date{'s' * (len(found) > 1)}. `openchair meeting restore` undoes it.")
        await _give(site, asked, series, found)

    await until_current(asked, attempt)


def _chosen(asked: argparse.Namespace, house: House, series: Series) -> list[Date]:
    """The dates of --on, or of --from and --until. Raises Failure."""
    if asked.on:
        named = {each.name: each for each in (_one(house, series, text) for text in asked.on)}
        return sorted(named.values(), key=lambda each: each.start)
    if not (asked.scope_from and asked.until):
        raise Failure(
            "say which dates: --on DATE (again for another), or --from DATE --until DATE."
            " To end it for good: `openchair meeting delete`;"
            " to close it for a while: `openchair meeting edit --suspend`",
            USAGE,
        )
    zone = series.named.schedule.time_zone
    since, until = house.day("--from", asked.scope_from), house.day("--until", asked.until)
    held = [
        each
        for part in series.parts
        for each in dates.of(part, midnight(since, zone), midnight(until + _DAY, zone))
        if since <= each.local.date() <= until
    ]
    if not held:
        raise Failure(f"it is not held from {full(since)} to {full(until)}", USAGE)
    return sorted(held, key=lambda each: each.start)


def _one(house: House, series: Series, text: str) -> Date:
    """A date, by its day or by its id ("20261224-1")."""
    if text.partition("-")[0].isdecimal() and len(text.partition("-")[0]) == len("20261224"):
        return dates.by_id(series.parts, text)
    return dates.on_day(series.parts, house.day("--on", text))


def _etag(found: Sequence[Date], date: Date) -> str:
    """Of the first change of each part only: every change moves the part on."""
    first = next(each for each in found if each.meeting.name == date.meeting.name)
    return date.meeting.etag if first is date else ""


async def restore(site: Site, asked: argparse.Namespace) -> None:
    """That date is as the series says; or, despite closures, held."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        series = await find(site, asked.centre, asked.meeting)
        found = [_one(house, series, text) for text in asked.on]
        for each in found:
            _refuse_restoring(asked, each)
        usual = "held although it is closed then" if asked.despite_closures else "as usual again, whatever was changed"
        say(asked, f'"{series.title}" would be {usual}, on:')
        say(asked, "\n".join(f"  {each.told()}" for each in found))
        if go_ahead(asked):
            for each in found:
                call = _restore(site, asked, each, _etag(found, each))
                await unless_taken(asked, house, alone(each), call, if_taken.ADVICE)
            say(asked, "Done.")
            await _say_lost(site, asked, found)
        await _give(site, asked, series, found)

    await until_current(asked, attempt)


def _refuse_restoring(asked: argparse.Namespace, date: Date) -> None:
    if date.change is None:
        raise Failure(f"nothing is different on {full(date.local)}")
    if (date.change.closure or date.change.holiday) and not asked.despite_closures:
        why = date.change.reason or date.change.holiday
        raise Failure(
            f"on {full(date.local)} the centre is closed ({why}): --despite-closures has it held all the same,"
            " `openchair close list` shows the closure"
        )


async def _restore(site: Site, asked: argparse.Namespace, date: Date, etag: str) -> None:
    id_ = secrets.token_hex(16)
    taken: Any = {"on_clash": if_taken.policy(asked), "overrule_reason": asked.reason}
    if asked.despite_closures:
        change = meeting_pb2.OccurrenceChange(despite_closures=True)
        request = pb.ChangeOccurrenceRequest(name=date.name, etag=etag, change=change, request_id=id_, **taken)
        await site.meetings.ChangeOccurrence(request, timeout=PATIENCE)
    else:
        undo = pb.RestoreOccurrenceRequest(name=date.name, etag=etag, request_id=id_, **taken)
        await site.meetings.RestoreOccurrence(undo, timeout=PATIENCE)


async def move(site: Site, asked: argparse.Namespace) -> None:
    """One date is at another time, or elsewhere."""
    if asked.to is None and asked.minutes is None and asked.place is None and asked.room is None:
        raise Failure('say where or when it moves to: --to "26 dec 18:00", --place or --room', USAGE)
    await _change(site, asked)


async def edit_one(site: Site, asked: argparse.Namespace) -> None:
    """One date differs from the series."""
    series_only = (*meeting_fields.TEXTS, *meeting_fields.LISTS, *meeting_fields.CHOICES, *meeting_fields.NUMBERS)
    said = [each.option for each in series_only if each.path not in _ON_ONE_DATE and _is_said(asked, each.path)]
    paths = ("every", "rule", "until", "also", "ends", "starts", "timezone", "programme", "agenda", "invite_group")
    said += [f"--{path.replace('_', '-')}" for path in paths if _is_said(asked, path)]
    said += [each.option for each in meeting_fields.FLAGS if _is_said(asked, each.path)]
    if said:
        can = "--on, --at, --for, --title, --notes, --mode, --place, --room, --link, --phone"
        raise Failure(f"{said[0]} cannot be different on one date. With --only can be: {can}", USAGE)
    asked.to, asked.on = asked.on, [asked.only]
    await _change(site, asked)


def _is_said(asked: argparse.Namespace, path: str) -> bool:
    return getattr(asked, path, None) is not None


async def _change(site: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        series = await find(site, asked.centre, asked.meeting)
        date = _one(house, series, asked.on[0])
        change, paths = await _wanted(asked, house, date)
        say(asked, f'"{series.title}", only on {full(date.local)}:')
        if _same(date, change, paths):
            say(asked, SAME)
            await _give(site, asked, series, [date], done=False)
            return
        differences = _differences(house, date, change, paths)
        say(asked, "\n".join(changed_lines(differences)) or UNSEEN)
        say(asked, "All other dates stay.")
        await refuse_taken(site, asked, house, date, change, paths)
        if go_ahead(asked):
            request = pb.ChangeOccurrenceRequest(
                name=date.name,
                etag=date.meeting.etag,
                change=change,
                request_id=secrets.token_hex(16),
                on_clash=if_taken.policy(asked),
                overrule_reason=asked.reason,
            )
            request.update_mask.paths.extend(paths)
            call = site.meetings.ChangeOccurrence(request, timeout=PATIENCE)
            await unless_taken(asked, house, alone(date), call, if_taken.ADVICE)
            say(asked, "Done. `openchair meeting restore` undoes it.")
            await _say_lost(site, asked, [date])
        await _give(site, asked, series, [date], differences)

    await until_current(asked, attempt)


async def _wanted(
    asked: argparse.Namespace, house: House, date: Date
) -> tuple[meeting_pb2.OccurrenceChange, list[str]]:
    """The change of one date, and the paths that name what differs. Raises Failure."""
    change = meeting_pb2.OccurrenceChange()
    paths = [path for path in meeting_fields.fill(asked, change) if path in _ON_ONE_DATE]
    where = await meeting_where.fill(asked, house, change)
    if not change.place:
        change.ClearField("place")  # without one of its own, a date is where the series is
    if "online.url" in where or "online.phone" in where or "online.passcode" in where or "online.notes" in where:
        where = ["online", *(path for path in where if not path.startswith("online"))]
    start = _moved(asked, house, date)
    if start is not None:
        change.start = start.isoformat(timespec="minutes")
        paths.append("start")
    if asked.minutes is not None:
        change.minutes = asked.minutes
        paths.append("minutes")
    if not paths and not where:
        raise Failure("say what is to be different on this date", USAGE)
    if asked.because is not None:
        change.reason = asked.because
        paths.append("reason")
    return change, [*paths, *where]


def _same(date: Date, change: meeting_pb2.OccurrenceChange, paths: Sequence[str]) -> bool:
    """Whether what is named stands so already. Under a closure nobody sees from here what does."""
    now = date.change or meeting_pb2.OccurrenceChange()
    if now.closure or now.holiday:
        return False
    wanted = meeting_pb2.OccurrenceChange()
    wanted.CopyFrom(change)
    if wanted.HasField("online") and not wanted.online.access:
        wanted.online.access = now.online.access  # told to as many as before
    return _stated(now, paths) == _stated(wanted, paths)


def _stated(change: meeting_pb2.OccurrenceChange, paths: Sequence[str]) -> dict[str, object]:
    return {field.name: value for field, value in change.ListFields() if field.name in paths}


def _moved(asked: argparse.Namespace, house: House, date: Date) -> datetime | None:
    hour = getattr(asked, "at", None) or hour_alone(asked.to or "")
    if asked.to is None or hour_alone(asked.to) is not None:
        return datetime.combine(date.local.date(), hour) if hour else None
    to = house.moment("--to", asked.to)
    return to if isinstance(to, datetime) else datetime.combine(to, hour or date.local.time())


def _differences(
    house: House, date: Date, change: meeting_pb2.OccurrenceChange, paths: Sequence[str]
) -> list[Difference]:
    """What this date is now, and would be."""
    now, meeting = date.change or meeting_pb2.OccurrenceChange(), date.meeting
    minutes = int((date.end - date.start).total_seconds()) // 60
    rows = {
        "start": ("when", full(date.local), _when(change)),
        "minutes": ("for", long(minutes), long(change.minutes)),
        "title": ("title", now.title or meeting.title, change.title),
        "notes": ("notes", now.notes or meeting.notes, change.notes),
        "mode": ("mode", _mode(now.mode or meeting.mode), _mode(change.mode)),
        "place": ("place", _titles(house, [now.place or meeting.place]), _titles(house, [change.place])),
        "rooms": ("room", _titles(house, now.rooms if now.place else meeting.rooms), _titles(house, change.rooms)),
        "online": ("link", now.online.url or meeting.online.url, change.online.url),
        "reason": ("because", now.reason, change.reason),
    }
    found = [Difference(*rows[path]) for path in paths if path in rows]
    usual = {"link"} if change.place else {"place", "room", "link"}
    return [
        each._replace(after=each.after or (AS_USUAL if each.name in usual else ""))
        for each in found
        if each.before != each.after
    ]


def _when(change: meeting_pb2.OccurrenceChange) -> str:
    return full(datetime.fromisoformat(change.start)) if change.start else ""


def _mode(number: int) -> str:
    return meeting_fields.word(meeting_fields.MODES, number)


def _titles(house: House, names: Sequence[str]) -> str:
    return ", ".join(house.titles([name for name in names if name]))


async def confirm(site: Site, asked: argparse.Namespace) -> None:
    """We are on."""
    house = await open_house(site, asked.centre)
    series = await find(site, asked.centre, asked.meeting)
    coming = [each for each in series.coming() if not each.cancelled]
    if not asked.on and not coming:
        raise Failure("it has no date to come")
    date = _one(house, series, asked.on) if asked.on else coming[0]
    request = pb.ConfirmOccurrenceRequest(name=date.name, request_id=secrets.token_hex(16))
    try:
        await site.meetings.ConfirmOccurrence(request, timeout=PATIENCE)
    except RpcError as error:
        if explain(error).code != "FAILED_PRECONDITION":
            raise
        raise Failure(f"{full(date.local)}: {explain(error).message}") from None
    say(
        asked,
        f'Confirmed: "{series.title}" on {full(date.local)} is on. No report that nobody is there counts any more.',
    )
    give(asked, {"done": True, "dates": plain_dates([date])})


async def delete(site: Site, asked: argparse.Namespace) -> None:
    """The whole series, with all its parts."""

    async def attempt() -> None:
        series = await find(site, asked.centre, asked.meeting)
        coming = series.coming()
        endless = any(not dates.ends(part) for part in series.parts)
        say(asked, f'"{series.title}" would be cancelled for good: {dates.counted(coming, endless=endless)}.')
        say(asked, "It is shown as cancelled for 30 days, then it is gone. This cannot be undone.")
        say(asked, "To close it for a while instead: `openchair meeting edit --suspend`.")
        done = go_ahead(asked)
        for n, part in enumerate(series.parts if done else ()):
            request = pb.DeleteMeetingRequest(
                name=part.name,
                etag="" if n else part.etag,
                reason=asked.because or "",
                request_id=secrets.token_hex(16),
            )
            await site.meetings.DeleteMeeting(request, timeout=PATIENCE)
        if done:
            say(asked, "Done.")
        give(asked, {"done": done, "deleted": [part.name for part in series.parts]})

    await until_current(asked, attempt)


async def _as_now(site: Site, found: Sequence[Date]) -> list[Date]:
    """The same dates as the server has them."""
    names = {each.meeting.name for each in found}
    parts = [await site.meetings.GetMeeting(pb.GetMeetingRequest(name=name), timeout=PATIENCE) for name in names]
    return [dates.by_id(parts, each.name.rpartition("/")[2]) for each in found]


async def _say_lost(site: Site, asked: argparse.Namespace, found: Sequence[Date]) -> None:
    """The dates that have to do without their room, where that was allowed."""
    if asked.if_taken != "skip":
        return
    for each in await _as_now(site, found):
        if each.change is not None and each.change.lost_rooms:
            say(asked, f"  {each.told()}")


async def _give(
    site: Site,
    asked: argparse.Namespace,
    series: Series,
    found: Sequence[Date],
    changes: Sequence[Difference] = (),
    *,
    done: bool = True,
) -> None:
    """The dates as they are now, for a program."""
    if not asked.json:
        return
    now = await _as_now(site, found)
    said = [each._asdict() for each in changes]
    give(asked, {"done": done and not asked.dry_run, "title": series.title, "changes": said, "dates": plain_dates(now)})

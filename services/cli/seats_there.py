"""`openchair seats places`, `check-in`, `feedback`, `slip`: whether there is a place, and what who is there may do."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2, slip_pb2

from services.cli import seats_told, seats_words
from services.cli.asking import give, say
from services.cli.facts import lines
from services.cli.seats_acts import WAYS
from services.cli.seats_answers import answers_of, question_text
from services.cli.seats_dates import date_of
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure
from services.cli.when import full

if TYPE_CHECKING:
    import argparse

    from services.cli.server import Site

FIELDS: Final = {
    "date": slip_pb2.SLIP_FIELD_DATE,
    "times": slip_pb2.SLIP_FIELD_TIMES,
    "meeting": slip_pb2.SLIP_FIELD_MEETING,
    "attendance": slip_pb2.SLIP_FIELD_ATTENDANCE,
}


def add_check_in(parser: Any) -> None:
    """Adds what checking in takes."""
    parser.add_argument("--code", required=True, metavar="CODE", help="as it is shown in the room: four words")
    parser.add_argument("--attend", choices=WAYS, help="how, where both are possible")
    parser.add_argument("--people", type=int, default=0, metavar="N", help="so many came together")


def add_slip(parser: Any) -> None:
    """Adds what a slip takes."""
    parser.add_argument("--to", required=True, metavar="FILE", help="the page to print, as PDF")
    parser.add_argument("--show", action="append", choices=FIELDS, default=[], help="stands on it; may be given again")
    parser.add_argument("--name", default="", metavar="NAME", help="stands on it; nobody checks it, and it says so")
    parser.add_argument("--days", type=int, default=0, metavar="N", help="valid for 1 to 90 days (default: 30)")


def add_feedback(parser: Any) -> None:
    """Adds the answers."""
    parser.add_argument("--answer", action="append", metavar="QUESTION=ANSWER", help="without: the questions are shown")


async def places(site: Site, asked: argparse.Namespace) -> None:
    """One word for each way of taking part, as everybody is told."""
    date = await date_of(site, asked)
    found = await site.seats.GetAvailability(pb.GetAvailabilityRequest(name=date.name), timeout=PATIENCE)
    now = found.availability
    ways = {"in person": seats_told.PLACES.get(now.in_person, ""), "online": seats_told.PLACES.get(now.online, "")}
    told = {way: word for way, word in ways.items() if word}
    say(asked, f"{date.meeting.title}, {full(date.local)}")
    say(asked, "\n".join(lines(told | ({"list": "closed"} if now.closed else {}) or {"seats": "none are kept"})))
    give(asked, MessageToDict(found, preserving_proto_field_name=True))


async def check_in(site: Site, asked: argparse.Namespace) -> None:
    """Somebody is here. Six new words are for the slip, and for feedback: they are no seat's."""
    date, said = await date_of(site, asked), seats_words.made()
    request = pb.CheckInRequest(name=date.name, guest_key=said, code=asked.code, party_size=asked.people)
    request.attendance = WAYS.get(asked.attend, seat_pb2.ATTENDANCE_UNSPECIFIED)
    request.request_id = secrets.token_hex(16)
    await site.seats.CheckIn(request, timeout=PATIENCE)
    say(asked, f"Checked in: {date.meeting.title}, {full(date.local)}.")
    say(asked, f"\nWith these six words a slip can be had until three days after the end:\n\n{seats_words.card(said)}")
    give(asked, {"words": said, "name": date.name})


async def slip(site: Site, asked: argparse.Namespace) -> None:
    """A slip for who checked in, by the six words of that."""
    date = await date_of(site, asked)
    shown = [*(FIELDS[each] for each in asked.show), *([slip_pb2.SLIP_FIELD_NAME] if asked.name else [])]
    request = pb.IssueAttendanceSlipRequest(name=date.name, fields=shown, person=asked.name, days=asked.days)
    request.guest_key = seats_words.typed()
    made = await site.seats.IssueAttendanceSlip(request, timeout=PATIENCE)
    _write(asked.to, made.pdf)
    say(asked, f"Valid until {made.content.valid_until}. Nothing of it is kept here.")
    give(asked, {"token": made.token, "content": MessageToDict(made.content, preserving_proto_field_name=True)})


def _write(path: str, pdf: bytes) -> None:
    try:
        Path(path).write_bytes(pdf)
    except OSError as error:
        raise Failure(f"--to: {error}", USAGE) from None


async def feedback(site: Site, asked: argparse.Namespace) -> None:
    """Answers of who checked in, once; without any the questions."""
    date = await date_of(site, asked)
    found = await site.seats.GetAvailability(pb.GetAvailabilityRequest(name=date.name), timeout=PATIENCE)
    questions = found.invitation.feedback
    if not asked.answer:
        say(asked, "\n".join(map(question_text, questions)) or "Nothing is asked after this meeting.")
        give(asked, {"questions": [MessageToDict(each, preserving_proto_field_name=True) for each in questions]})
        return
    request = pb.GiveFeedbackRequest(name=date.name, answers=answers_of(asked.answer, questions))
    request.guest_key, request.request_id = seats_words.typed(), secrets.token_hex(16)
    await site.seats.GiveFeedback(request, timeout=PATIENCE)
    say(asked, "Thank you. The answers are counted, without you.")
    give(asked, {"done": True})

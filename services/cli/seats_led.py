"""`openchair seats needs`, `count`, `close`, `reopen`, `export`, `code`: what who leads has to know and to do."""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import segno
from google.protobuf.json_format import MessageToDict
from openchair.rsvps.v1 import list_rules_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.cli import seats_told
from services.cli.asking import give, go_ahead, say
from services.cli.facts import lines
from services.cli.seats_dates import date_of
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure, seen
from services.cli.when import full
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from openchair.rsvps.v1 import seat_pb2

    from services.cli.server import Site

_NEWER = 1.0
"""Seconds after a code has ended until the next is asked for."""


async def needs(site: Site, asked: argparse.Namespace) -> None:
    """How many chairs, and what people need."""
    date = await date_of(site, asked)
    found = await site.seats.GetNeeds(pb.GetNeedsRequest(name=date.name), timeout=PATIENCE)
    say(asked, f"{date.meeting.title}, {full(date.local)}")
    say(asked, "\n".join(lines(_needs(found))))
    give(asked, _plain(found))


def _needs(found: pb.Needs) -> dict[str, str]:
    waiting = ((found.waitlisted_in_person, "in person"), (found.waitlisted_online, "online"))
    told = {
        "chairs to put out": str(found.expected_in_person),
        "online": str(found.expected_online) if found.expected_online else "",
        "on the waitlist": ", ".join(f"{number} {way}" for number, way in waiting if number),
        "offers not answered": str(found.offered) if found.offered else "",
        **{each.question.title: _total(each) for each in found.totals},
        "places of": "\n".join(f"{each.quota.title}: {each.taken} of {each.quota.places}" for each in found.quotas),
        "first names": ", ".join(found.first_names),
        "celebrations": "\n".join(map(_celebration, found.celebrations)),
        "for the organiser": "\n".join("; ".join(map(_said, each.answers)) for each in found.organiser_answers),
    }
    return {seen(name): "\n".join(map(seen, text.split("\n"))) for name, text in told.items() if text}


def _total(total: pb.QuestionTotals) -> str:
    asked = total.question
    if asked.kind == list_rules_pb2.QUESTION_KIND_NUMBER:
        return f"{total.sum} in all ({total.answered} answered)"
    counts = zip(asked.choices, total.counts, strict=False)
    return ", ".join(f"{choice}: {number}" for choice, number in counts if number) or "nobody answered"


def _celebration(one: seat_pb2.Celebration) -> str:
    return ", ".join(filter(None, (one.named, one.milestone, "a chip" * one.chip)))


def _said(answer: seat_pb2.Answer) -> str:
    said = answer.text or ", ".join(map(str, answer.choices)) or str(answer.number)
    return f"{answer.question}: {said}"


async def count(site: Site, asked: argparse.Namespace) -> None:
    """How many are there."""
    date = await date_of(site, asked)
    if asked.in_person is None and asked.online is None:
        raise Failure("say how many are there: --in-person N, --online N", USAGE)
    request = pb.HeadCountRequest(
        name=date.name, in_person=asked.in_person or 0, online=asked.online or 0, request_id=secrets.token_hex(16)
    )
    done = await site.seats.HeadCount(request, timeout=PATIENCE)
    say(asked, f"{date.meeting.title}, {full(date.local)}: {done.in_person} in person, {done.online} online.")
    give(asked, _plain(done))


async def close(site: Site, asked: argparse.Namespace) -> None:
    """No more seats are taken for a date."""
    await _close(site, asked, reopen=False)


async def reopen(site: Site, asked: argparse.Namespace) -> None:
    """They are taken again."""
    await _close(site, asked, reopen=True)


async def _close(site: Site, asked: argparse.Namespace, *, reopen: bool) -> None:
    date = await date_of(site, asked)
    would = "Seats would be taken again" if reopen else "No more seats would be taken"
    say(asked, f"{would} for {date.meeting.title}, {full(date.local)}. Those that are kept stay.")
    done = go_ahead(asked)
    if done:
        request = pb.CloseListRequest(name=date.name, reopen=reopen, request_id=secrets.token_hex(16))
        await site.seats.CloseList(request, timeout=PATIENCE)
        say(asked, "Done.")
    give(asked, {"done": done, "name": date.name})


async def export(site: Site, asked: argparse.Namespace) -> None:
    """What guests chose to share, as CSV or JSON."""
    date = await date_of(site, asked)
    found = await site.seats.ExportList(pb.ExportListRequest(name=date.name), timeout=PATIENCE)
    if asked.json:
        give(asked, _plain(found))
        return
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(("first name", "taking part", "chip", "named", "milestone"))
    for row in found.rows:
        one = row.celebration
        way = seats_told.WAYS.get(row.attendance, "")
        table.writerow(map(_cell, (row.first_name, way, "yes" * one.chip, one.named, one.milestone)))
    sys.stdout.write(out.getvalue())


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    shown = seen(text)
    return f"'{shown}" if shown[:1] in {"=", "+", "-", "@"} else shown


async def code(site: Site, asked: argparse.Namespace) -> None:
    """The code to show in the room, and the next one when it has ended, until Ctrl-C."""
    date = await date_of(site, asked)
    while True:
        request = pb.GetCheckInCodeRequest(name=date.name)
        found = await site.seats.GetCheckInCode(request, timeout=PATIENCE)
        if asked.json:
            give(asked, _plain(found))
            return
        print(_shown(found, clear=sys.stdout.isatty() and not asked.once), flush=True)
        if asked.once:
            return
        left = found.expire_time.ToDatetime(UTC) - SystemClock().now()
        await asyncio.sleep(max(_NEWER, left.total_seconds()))


def _shown(found: pb.GetCheckInCodeResponse, *, clear: bool) -> str:
    """The QR code in characters, and the words."""
    out = io.StringIO()
    segno.make(found.url, error="m", micro=False).terminal(out, compact=True)
    until = datetime.fromtimestamp(found.expire_time.seconds).astimezone()
    head = "\x1b[2J\x1b[H" * clear
    code = f"{head}{out.getvalue()}\n   {seen(found.words)}\n\n   {seen(found.url)}\n   until {until:%H:%M:%S}"
    return f"{code}\n\nFor a screen in the room, a page that goes on by itself:\n   {seen(found.display_url)}"


def _plain(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)

"""Meetings with programmes, agendas, rooms and doubts, for the tests of what feeds make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openchair.meetings.v1 import meeting_pb2

from tests.unit.feeds_examples import CENTRE, meeting

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOMS = {"hearth": "Hearth Room", "attic": "Attic", "hall": "Hall"}
HYBRID, ONLINE = meeting_pb2.MODE_HYBRID, meeting_pb2.MODE_ONLINE
LINK = meeting_pb2.Online(access=meeting_pb2.ONLINE_ACCESS_PUBLIC, url="https://meet.example.org/j/1")


def room(id_: str) -> str:
    return f"centres/{CENTRE}/rooms/{id_}"


def venue(rooms: Iterable[str] = (), title: str = "St Mary's", **more: Any) -> meeting_pb2.Venue:
    return meeting_pb2.Venue(title=title, address="10 Main St, Edmonton", rooms=[ROOMS[each] for each in rooms], **more)


def held_in(number: int, *rooms: str, **more: Any) -> meeting_pb2.Meeting:
    """A meeting in these rooms."""
    return meeting(number, rooms=[room(each) for each in rooms], venue=venue(rooms), **more)


def special(base: meeting_pb2.Meeting, title: str, *weeks: int, **more: Any) -> meeting_pb2.Meeting:
    """The same with a programme; `rotation`, `turn`, `anchor` instead of weeks."""
    base.programmes.add(title=title, weeks=weeks, **more)
    return base


def turning(base: meeting_pb2.Meeting, title: str, turn: int, of: int) -> meeting_pb2.Meeting:
    return special(base, title, rotation=of, turn=turn, anchor="2026-11-26")


def changed(base: meeting_pb2.Meeting, date: str, **fields: Any) -> meeting_pb2.Meeting:
    base.changes.add(date=date, **fields)
    base.changes.sort(key=lambda each: (each.date, each.ordinal))
    return base


def with_extra(base: meeting_pb2.Meeting, date: str, time: str = "", ordinal: int = 0) -> meeting_pb2.Meeting:
    base.schedule.extra_dates.add(date=date, time=time, ordinal=ordinal)
    return base


def retreat(number: int, **more: Any) -> meeting_pb2.Meeting:
    """From Friday evening to Sunday noon, with an agenda in two rooms."""
    made = meeting(number, "2027-05-07T17:00", "", minutes=43 * 60, title="Spring retreat", kind="retreat", **more)
    made.venue.CopyFrom(venue(["hall"]))
    made.rooms.append(room("hall"))
    made.sessions.add(id="opening", title="Opening circle", day=1, time="18:00", minutes=60, leader="Ana M.")
    hearth: dict[str, Any] = {"rooms": [room("hearth")], "room_titles": ["Hearth Room"]}
    made.sessions.add(
        id="sit", title="Morning sit", day=2, time="07:30", minutes=45, notes="Bring a blanket.", **hearth
    )
    made.sessions.add(id="closing", title="Closing", day=3, time="11:00", minutes=60)
    return made


def programmes() -> dict[str, meeting_pb2.Meeting]:
    """Every way in which a programme can lie over a rule. What cannot be said by rules ends in "singly"."""
    tuesdays = ["2026-11-24T19:00", "FREQ=WEEKLY;BYDAY=TU"]
    shapes = {
        "one week": special(meeting(101), "Speaker", 3),
        "several weeks": special(special(meeting(102), "Speaker", 3), "Business", 1, 5),
        "two on one week": special(special(meeting(103), "Speaker", 3, 4), "Birthdays", 4),
        "the last": special(meeting(104), "Birthdays", -1),
        "the last and a front week, singly": special(special(meeting(105), "Birthdays", -1), "Speaker", 2),
        "in turns of two": turning(meeting(106), "Book", 2, 2),
        "in turns of four": turning(turning(meeting(107), "Book", 1, 4), "Steps", 3, 4),
        "in turns of two and of three": turning(turning(meeting(108), "Book", 1, 2), "Steps", 3, 3),
        "in turns of 26, singly": turning(meeting(109), "Book", 1, 26),
        "turns and weeks, singly": turning(special(meeting(110), "Speaker", 3), "Book", 1, 3),
        "several weekdays, singly": special(meeting(111, tuesdays[0], "FREQ=WEEKLY;BYDAY=TU,TH"), "Speaker", 3),
        "every other week, singly": special(meeting(112, tuesdays[0], "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"), "Speaker", 3),
        "every other week in turns": turning(meeting(113, tuesdays[0], "FREQ=WEEKLY;INTERVAL=2"), "Book", 1, 2),
        "third Tuesday": special(meeting(114, "2026-12-15T19:00", "FREQ=MONTHLY;BYDAY=3TU"), "Speaker", 3),
        "second and fourth": special(meeting(115, rule="FREQ=MONTHLY;BYDAY=2TU,4TU"), "Speaker", 4),
        "fourth as the last, singly": special(meeting(116, rule="FREQ=MONTHLY;BYDAY=4TU"), "Birthdays", -1),
        "the last as the fifth, singly": special(
            meeting(117, "2026-11-27T19:00", rule="FREQ=MONTHLY;BYDAY=-1FR"), "Fifth", 5
        ),
        "a day of the month, singly": special(
            meeting(118, "2026-12-15T19:00", "FREQ=MONTHLY;BYMONTHDAY=15"), "Tuesday's third", 3
        ),
        "with count": special(meeting(119, rule="FREQ=WEEKLY;BYDAY=TU;COUNT=9"), "Speaker", 3),
        "with until": turning(meeting(120, rule="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270110"), "Book", 2, 4),
        "weekly by its start": special(meeting(121, rule="FREQ=WEEKLY"), "Speaker", 1),
        "daily, singly": special(meeting(122, "2026-11-24T07:00", "FREQ=DAILY"), "Speaker", 3),
        "one-off": special(meeting(123, "2026-12-15T10:00", ""), "Speaker", 3),
        "special extra date": with_extra(special(meeting(124), "Speaker", 4), "2026-12-24", "12:00"),
        "cancelled": changed(special(meeting(125), "Speaker", 3), "2026-12-15", cancelled=True),
        "moved": changed(special(meeting(126), "Speaker", 3), "2026-12-15", start="2026-12-16T12:00"),
        "renamed": changed(special(meeting(127), "Speaker", 3), "2026-12-15", title="Guest from Calgary"),
        "cancelled, singly": changed(special(special(meeting(128), "A", 2), "B", -1), "2026-12-08", cancelled=True),
        "moved, singly": changed(
            special(special(meeting(129), "A", 2), "B", -1), "2026-12-29", start="2026-12-30T12:00"
        ),
        "Sunday evenings in Sydney": special(
            meeting(130, "2026-11-29T19:00", "FREQ=WEEKLY;BYDAY=SU", zone="Australia/Sydney"), "Speaker", 1
        ),
    }
    assert len({each.name for each in shapes.values()}) == len(shapes)
    return shapes


def doubted() -> dict[str, meeting_pb2.Meeting]:
    return {
        "unconfirmed": changed(meeting(140), "2026-12-08", unconfirmed=True),
        "unconfirmed one-off": changed(meeting(141, "2026-12-20T10:00", ""), "2026-12-20", unconfirmed=True),
        "doubtful": meeting(142, doubtful=True),
    }


def roomy() -> dict[str, meeting_pb2.Meeting]:
    """Meetings in rooms, and dates that are held elsewhere."""
    there: dict[str, Any] = {"place": f"centres/{CENTRE}/places/p"}
    attic = there | {"rooms": [room("attic")], "venue": venue(["attic"])}
    other = {"place": f"centres/{CENTRE}/places/q", "venue": venue(title="Library")}
    shelter = venue(["hearth"], address_access=2)
    return {
        "always": held_in(150, "hearth"),
        "never": held_in(151, "attic"),
        "both": held_in(152, "hearth", "attic"),
        "moved out of it": changed(held_in(153, "hearth"), "2026-12-08", **attic),
        "moved into it": changed(
            held_in(154, "attic"), "2026-12-15", **(there | {"rooms": [room("hearth")], "venue": venue(["hearth"])})
        ),
        "at another place": changed(held_in(155, "hearth"), "2026-12-08", **other),
        "online": changed(held_in(156, "hearth"), "2026-12-08", mode=ONLINE, online=LINK, reason="Snow"),
        "cancelled": changed(held_in(157, "hearth"), "2026-12-08", cancelled=True, reason="Flood"),
        "another hour": changed(held_in(158, "hearth"), "2026-12-08", start="2026-12-09T12:00"),
        "one-off": held_in(159, "hearth", start="2026-12-20T10:00", rule=""),
        "one-off and an extra date elsewhere": changed(
            with_extra(held_in(160, "hearth", start="2026-12-20T10:00", rule=""), "2026-12-22"), "2026-12-22", **attic
        ),
        "only one date left, elsewhere": changed(
            held_in(161, "hearth", rule="FREQ=WEEKLY;BYDAY=TU;COUNT=1"), "2026-11-24", **attic
        ),
        "at a place that is kept back": meeting(162, rooms=[room("hearth")], venue=shelter),
        "hybrid": held_in(163, "hearth", mode=HYBRID, online=LINK),
        "online only": meeting(164, mode=ONLINE, online=LINK),
        "with its programme": special(held_in(165, "hearth"), "Speaker", 2, types=["SP"]),
        "with a programme singly": special(special(held_in(166, "hearth"), "Speaker", 2, types=["SP"]), "Last", -1),
    }


def agendas() -> dict[str, meeting_pb2.Meeting]:
    second = with_extra(retreat(172), "2027-06-11")
    return {
        "retreat": retreat(170),
        "moved": changed(retreat(171), "2027-05-07", start="2027-05-14T18:00"),
        "twice": second,
        "the second called off": changed(with_extra(retreat(173), "2027-06-11"), "2027-06-11", cancelled=True),
        "called off": changed(retreat(174), "2027-05-07", cancelled=True, reason="Too few"),
    }

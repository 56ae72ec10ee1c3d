"""Meetings of every sort for tests of search, from a seed; and requests that some of them fit."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.meetings.types import (
    AddressAccess,
    Approach,
    Change,
    LedBy,
    Meeting,
    Mode,
    Online,
    OnlineAccess,
    Position,
    Programme,
    Venue,
    Visibility,
    WhoMayCome,
)
from services.recurrence.types import ByDay, ExtraDate, Frequency, Rule, Schedule, Weeks

CENTRES: Final = ("elm", "oak", "yew")
GROUPS: Final = {"elm": "g-elm", "oak": "g-oak", "yew": "g-yew"}
FIRST: Final = date(2026, 1, 1)
ZONES: Final = ("America/Edmonton", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Pacific/Auckland")
WORDS: Final = "Morning Tuesday Straße Café Women's Night Serenity İzmir Łódź Hope Step Big Book Méditation 東京"
TITLES: Final = WORDS.split()
SAID: Final = "parking behind the hall ring bell twice bring a chair newcomers welcome côté cour"
NOTES: Final = [*SAID.split(), *TITLES]
AREAS: Final = ("Old Town", "Straßburg", "Nørrebro", "West End", "")
TOWNS: Final = ((53.5, -113.5), (52.5, 13.4), (-36.8, 174.7), (0.0, 179.95), (0.0, -179.95), (89.9, 20.0))
TYPES: Final = ("O", "C", "SP", "ST", "X", "W")
ACCESS: Final = ("wheelchair", "hearing-loop", "step-free")
LANGUAGES: Final = ("en", "en-CA", "pt-BR", "pt", "de", "es-MX", "")
FOCUS: Final = ("women", "men", "young-people", "newcomers")
HOURS: Final = (time(0, 0), time(6, 30), time(9, 0), time(12, 15), time(19, 0), time(19, 30), time(23, 45))


def some(source: random.Random, choices: Any, most: int) -> tuple[Any, ...]:
    """Up to so many of the choices."""
    return tuple(source.sample(choices, source.randint(0, most)))


def perhaps(source: random.Random, choices: Any) -> Any:
    """One of them, or None."""
    return source.choice([None, *choices])


def meetings(count: int, seed: int) -> list[Meeting]:
    """Series of every kind; each tenth is a part of a series that was split."""
    source = random.Random(seed)  # noqa: S311 - the same ones in every run
    found = [meeting(number, source) for number in range(count)]
    for index in range(0, count - 1, 10):
        earlier, later = found[index], found[index + 1]
        found[index] = _replaced(earlier, next=later.id)
        found[index + 1] = _replaced(later, previous=earlier.id, lineage=earlier.id, centre=earlier.centre)
    return found


def _replaced(meeting: Meeting, **fields: Any) -> Meeting:
    return Meeting(**{name: getattr(meeting, name) for name in meeting.__struct_fields__} | fields)


def meeting(number: int, source: random.Random) -> Meeting:
    """One of them."""
    id_, centre = f"{source.getrandbits(64):016x}-{number}", source.choice(CENTRES)
    schedule = a_schedule(source)
    mode = source.choice([Mode.IN_PERSON, Mode.IN_PERSON, Mode.HYBRID, Mode.ONLINE])
    return Meeting(
        id=id_,
        centre=centre,
        created_at="2026-01-01T00:00:00.000Z",
        lineage=id_,
        title=" ".join(source.sample(TITLES, source.randint(1, 3))),
        schedule=schedule,
        kind=source.choice(["support-meeting", "support-meeting", "workshop", "retreat"]),
        fellowship=source.choice(["AA", "NA", "SMART", "Recovery Dharma", ""]),
        types=some(source, TYPES, 3),
        mode=mode,
        language=source.choice(LANGUAGES),
        other_languages=some(source, [tag for tag in LANGUAGES if tag], 1),
        accessibility=some(source, ACCESS, 1),
        notes=" ".join(some(source, NOTES, 6)),
        group=source.choice(["", "", "Night Owls", "Früh auf"]),
        visibility=source.choice([Visibility.PUBLIC] * 6 + [Visibility.MEMBERS, Visibility.UNLISTED]),
        invite_group=source.choice(["", GROUPS[centre]]),
        venue=None if mode is Mode.ONLINE and source.random() < 0.8 else venue(source),
        online=online(source) if mode is not Mode.IN_PERSON else None,
        approach=perhaps(source, list(Approach)),
        led_by=perhaps(source, list(LedBy)),
        who_may_come=perhaps(source, list(WhoMayCome)),
        focus=some(source, FOCUS, 2),
        programmes=programmes(source),
        changes=changes(schedule, source),
        doubtful=source.random() < 0.05,
    )


def venue(source: random.Random) -> Venue:
    """A place, whose address one of three keeps from somebody."""
    latitude, longitude = source.choice(TOWNS)
    latitude = max(-90.0, min(90.0, latitude + source.gauss(0, 0.3)))
    longitude = (longitude + source.gauss(0, 0.3) + 180) % 360 - 180
    return Venue(
        title=f"Hall {source.randint(1, 40)}",
        address=f"{source.randint(1, 90)} {source.choice(['Main', 'Église', 'Königs'])} Street",
        area=source.choice(AREAS),
        regions=some(source, ["North", "South", "Ville-Marie"], 1),
        address_access=source.choice([AddressAccess.PUBLIC] * 4 + [AddressAccess.AREA_ONLY, AddressAccess.HOLDERS]),
        position=None if source.random() < 0.1 else Position(round(latitude * 1e7), round(longitude * 1e7)),
        accessibility=some(source, ACCESS, 2),
    )


def online(source: random.Random) -> Online:
    """A link."""
    return Online(access=source.choice(list(OnlineAccess)), url="https://meet.example/1", phone="+1 780 555 0100")


def programmes(source: random.Random) -> tuple[Programme, ...]:
    """Something special in one of five series."""
    if source.random() < 0.8:
        return ()
    who = perhaps(source, list(WhoMayCome))
    return (Programme(when=Weeks(weeks=(source.choice([1, 2, 3, -1]),)), title="Speaker évening", who_may_come=who),)


def a_schedule(source: random.Random) -> Schedule:
    """Weekly for the most part; some are over, some are to begin."""
    begin = datetime.combine(FIRST + timedelta(days=source.randint(0, 400)), source.choice(HOURS))
    minutes = source.choice([60, 90, 60 * 24 * 3])
    rule = a_rule(begin.date(), source)
    extra = (ExtraDate(begin.date() + timedelta(days=source.randint(1, 300)), 1, time(10, 5)),)
    return Schedule(begin, source.choice(ZONES), minutes, rule, extra if source.random() < 0.1 else ())


def a_rule(start: date, source: random.Random) -> Rule | None:
    """A rule of which `start` is a date."""
    day, nth = start.weekday(), (start.day - 1) // 7 + 1
    limit: dict[str, Any] = source.choice([{}] * 6 + [{"until": start + timedelta(days=source.randint(0, 500))}])
    limit = source.choice([limit] * 9 + [{"count": source.randint(1, 40)}])
    both = tuple(sorted({ByDay(day), ByDay(source.randint(0, 6))}))
    return source.choice(
        [Rule(Frequency.WEEKLY, 1, (ByDay(day),), **limit)] * 6
        + [
            Rule(Frequency.WEEKLY, source.randint(1, 2), both, **limit),
            Rule(Frequency.DAILY, source.choice([1, 2, 7]), **limit),
            Rule(Frequency.MONTHLY, 1, (ByDay(day, min(nth, 4)),), **limit) if nth <= 4 else None,
            Rule(Frequency.MONTHLY, 1, (), (min(start.day, 28),), **limit) if start.day <= 28 else None,
            None,
        ]
    )


def changes(schedule: Schedule, source: random.Random) -> tuple[Change, ...]:
    """Dates that are cancelled, moved, elsewhere or doubtful, around the turn of November 2026."""
    if schedule.rule is None or schedule.rule.frequency is not Frequency.WEEKLY or source.random() < 0.6:
        return ()
    first = schedule.start.date()
    weeks = range(max(0, (date(2026, 11, 14) - first).days // 7), max(0, (date(2026, 11, 14) - first).days // 7) + 5)
    return tuple(_change(first + timedelta(weeks=week * schedule.rule.interval), source) for week in weeks)


def _change(day: date, source: random.Random) -> Change:
    moved = datetime.combine(day + timedelta(days=source.randint(-3, 3)), time(15, 0))
    return source.choice(
        [
            Change(date=day, cancelled=True, reason="closed"),
            Change(date=day, cancelled=True),
            Change(date=day, start=moved),
            Change(date=day, minutes=45, title="Another evening"),
            Change(date=day, mode=Mode.ONLINE, online=Online(url="https://meet.example/2")),
            Change(date=day, place="p", venue=Venue(title="Library", area="West End")),
            Change(date=day, unconfirmed=True),
        ]
    )


def request(source: random.Random) -> pb.SearchMeetingsRequest:
    """One to four conditions, in some order."""
    asked = pb.SearchMeetingsRequest(
        parent=source.choice(["centres/-", "centres/-", *(f"centres/{centre}" for centre in CENTRES)]),
        next_dates=source.choice([0, 1, 3, 10]),
        page_size=source.choice([0, 1, 7, 20, 100]),
        order=source.choice(
            [pb.SEARCH_ORDER_UNSPECIFIED, pb.SEARCH_ORDER_NEXT_DATE, pb.SEARCH_ORDER_TITLE, pb.SEARCH_ORDER_UNSPECIFIED]
        ),
    )
    for condition in source.sample(CONDITIONS, source.randint(1, 4)):
        condition(asked, source)
    return asked


def _text(asked: pb.SearchMeetingsRequest, source: random.Random) -> None:
    words = [
        source.choice([*NOTES, "hall", "strasse", "cafe", "MEDITATION", "old", "town", "eglise", "izmir", "speaker"])
    ]
    words += source.choice([[], [source.choice(NOTES)]])
    words[-1] = words[-1][: source.choice([1, 2, 3, 20])]
    asked.text = " ".join(words)


def _near(asked: pb.SearchMeetingsRequest, source: random.Random) -> None:
    latitude, longitude = source.choice(TOWNS)
    asked.near.latitude, asked.near.longitude = latitude, longitude
    asked.near.radius_km = source.choice([0, 5, 40, 150, 500])
    if source.random() < 0.3:
        asked.order = pb.SEARCH_ORDER_DISTANCE


def _times(asked: pb.SearchMeetingsRequest, source: random.Random) -> None:
    asked.from_time, asked.to_time = source.choice(
        [("17:00", "22:00"), ("19:00", "19:30"), ("22:00", "07:00"), ("", "12:15"), ("19:30", ""), ("23:45", "00:00")]
    )


def _several(field: str, choices: Any, most: int = 2) -> Any:
    def add(asked: pb.SearchMeetingsRequest, source: random.Random) -> None:
        chosen = list(choices)
        getattr(asked, field).extend(source.sample(chosen, source.randint(1, min(most, len(chosen)))))

    return add


def _now(asked: pb.SearchMeetingsRequest, _: random.Random) -> None:
    asked.open_now = True


CONDITIONS: Final = [
    _text,
    _text,
    _near,
    _near,
    _times,
    _several("days", range(1, 8), 3),
    _several("days", range(1, 8), 1),
    _several("fellowships", ["AA", "na", "recovery dharma"]),
    _several("kinds", ["workshop", "retreat", "support-meeting"]),
    _several("types", TYPES),
    _several("languages", ["pt", "en", "EN-ca", "de", "fr"]),
    _several("modes", [1, 2, 3]),
    _several("accessibility", ACCESS),
    _several("focus", FOCUS),
    _several("approaches", [1, 2, 3]),
    _several("led_by", [1, 2, 3]),
    _several("who_may_come", [1, 2, 3]),
    _now,
]

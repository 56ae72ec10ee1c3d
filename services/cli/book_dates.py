"""The dates of a booking, reckoned from what it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.cli.dates import AHEAD, rhythm
from services.cli.shell import Failure
from services.cli.when import full, span
from services.recurrence.schedule import occurrences
from services.recurrence.types import Schedule
from services.recurrence.wire import key_text, parse_key, to_schedule
from services.recurrence.zones import midnight, to_local, to_utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from openchair.meetings.v1 import booking_pb2

    from services.cli.house import House

_REACH: Final = timedelta(days=62)


class Booked(NamedTuple):
    """One date: what it is called inside its booking, and when it is, local (naive)."""

    key: str
    start: datetime
    end: datetime
    instant: datetime

    def told(self) -> str:
        """A line about it."""
        return span(self.start, self.end)


def zone_of(booking: booking_pb2.Booking) -> str:
    """The zone in which its times are meant."""
    return booking.schedule.time_zone or booking.time_zone


def of(booking: booking_pb2.Booking, since: datetime, until: datetime) -> list[Booked]:
    """What ends after `since` and starts before `until` (instants), in order of time."""
    zone = zone_of(booking)
    found = [slot(each, zone) for each in booking.slots]
    without = {*booking.without, *(each.key for each in booking.slots)}
    if booking.HasField("schedule"):
        found += (
            Booked(key, each.local, to_local(each.end, zone), each.start)
            for each in occurrences(to_schedule(booking.schedule), (), since, until)
            if (key := key_text(each.key)) not in without
        )
    within = [each for each in found if each.instant < until and to_utc(each.end, zone) > since]
    return sorted(within, key=lambda each: (each.instant, each.key))


def slot(one: booking_pb2.BookedSlot, zone: str) -> Booked:
    """A single stretch."""
    start = datetime.fromisoformat(one.start)
    instant = to_utc(start, zone)
    return Booked(one.key, start, to_local(instant + timedelta(minutes=one.minutes), zone), instant)


def coming(booking: booking_pb2.Booking, now: datetime) -> list[Booked]:
    """What is not over, for two years to come; of what begins later for two years from then on."""
    zone = zone_of(booking)
    starts = [to_utc(datetime.fromisoformat(each.start), zone) for each in booking.slots]
    if booking.HasField("schedule"):
        starts.append(to_utc(to_schedule(booking.schedule).start, zone))
    since = max(now, min(starts, default=now))
    return of(booking, since, since + AHEAD)


def rhythm_of(booking: booking_pb2.Booking) -> str:
    """When it is, in words: "every Tuesday, 19:00 to 20:00"; "Tue 1 Dec 2026 19:00 to 20:00"."""
    if booking.HasField("schedule"):
        schedule = to_schedule(booking.schedule)
        if schedule.rule is not None or schedule.extra:
            return rhythm(schedule)
        return span(schedule.start, schedule.start + timedelta(minutes=schedule.minutes))
    found = sorted((slot(each, zone_of(booking)) for each in booking.slots), key=lambda each: each.instant)
    if not found:
        return "no date"
    return found[0].told() + (f", and {len(found) - 1} more" if len(found) > 1 else "")


def several(booking: booking_pb2.Booking) -> bool:
    """Whether it has more than one date."""
    return bool(booking.schedule.rule or booking.schedule.extra_dates) or len(booking.slots) > 1


def schedule_of(booking: booking_pb2.Booking) -> Schedule:
    """When it is; of what has single stretches only the first of them, taken or left out."""
    if booking.HasField("schedule"):
        return to_schedule(booking.schedule)
    first = (*booking.slots, *(each.slot for each in booking.skipped))[0]
    return Schedule(datetime.fromisoformat(first.start), zone_of(booking), first.minutes)


def on_day(booking: booking_pb2.Booking, wanted: date) -> Booked:
    """The date that it has on a local day. Raises Failure."""
    noon = midnight(wanted, zone_of(booking)) + timedelta(hours=12)
    near = of(booking, noon - _REACH, noon + _REACH)
    if found := [each for each in near if each.start.date() == wanted]:
        return _only(found, wanted)
    after = [each for each in near if each.start.date() > wanted][:2]
    hint = " It is next after that on " + " and ".join(full(each.start) for each in after) if after else ""
    raise Failure(f"it is not booked on {full(wanted)}.{hint}")


def skipped_on(booking: booking_pb2.Booking, wanted: date) -> Booked:
    """The date that it could not have on a local day. Raises Failure."""
    if found := _left_out(booking, wanted):
        return _only(found, wanted)
    raise Failure(f"no date was left out on {full(wanted)}")


def left_out_on(booking: booking_pb2.Booking, wanted: date) -> bool:
    """Whether there is a date that it could not have on a local day."""
    return bool(_left_out(booking, wanted))


def _left_out(booking: booking_pb2.Booking, wanted: date) -> list[Booked]:
    every = [slot(each.slot, zone_of(booking)) for each in booking.skipped]
    return [each for each in every if each.start.date() == wanted]


def _only(found: Sequence[Booked], wanted: date) -> Booked:
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {each.key}  {each.told()}" for each in found)
    raise Failure(f"it has several dates on {full(wanted)}: say which by its id:{listed}")


def by_key(booking: booking_pb2.Booking, wanted: str) -> Booked:
    """The date with this id ("20261224-1"), left out or not. Raises Failure."""
    skipped = [slot(each.slot, zone_of(booking)) for each in booking.skipped]
    day = datetime.combine(parse_key(wanted).date, datetime.min.time(), UTC)
    for each in (*skipped, *of(booking, day - _REACH, day + _REACH)):
        if each.key == wanted:
            return each
    raise Failure(f"it has no date {wanted!r}")


def named(house: House, booking: booking_pb2.Booking, option: str, text: str) -> Booked:
    """A date of a booking, by its day or by its id ("20261224-1"). Raises Failure."""
    if is_key(text):
        return by_key(booking, text)
    return on_day(booking, house.day(option, text))


def is_key(text: str) -> bool:
    """Whether it is the id of a date."""
    try:
        parse_key(text)
    except ValueError:
        return False
    return True

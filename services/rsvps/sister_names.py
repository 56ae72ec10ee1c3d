"""Sister dates: as staff names them, and as they are stored, by their series: so they stay through every split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.kit.errors import Invalid
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import key_text, parse_key
from services.rsvps import following, lists
from services.rsvps.desk import OCCURRENCE
from services.rsvps.reacting import parts_of
from services.rsvps.ruling import Fault, Faults, ids
from services.rsvps.types import SisterDate, Sisters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.rsvps.desk import Desk
    from services.rsvps.types import Event

DATES: Final = range(2, 21)
MOST_GROUPS: Final = 10


async def read_sisters(
    desk: Desk, event: Event, messages: Sequence[pb.SisterDates], new_id: Callable[[], str]
) -> tuple[Sisters, ...]:
    """The groups that a message names. A group that there is keeps its list. Raises Invalid."""
    faults = Faults()
    faults.check(len(messages) <= MOST_GROUPS, "sister_dates", f"must be at most {MOST_GROUPS}")
    known, found = {each.id: each.list for each in event.rules.sisters}, []
    taken: set[SisterDate] = set()
    for index, (id_, each) in enumerate(
        zip(ids("sister_dates", (one.id for one in messages), new_id, faults), messages, strict=True)
    ):
        where = f"sister_dates[{index}]"
        dates = await _dates(desk, event, where, each.names, faults)
        faults.check(len(each.names) in DATES, f"{where}.names", f"must be {DATES.start} to {DATES.stop - 1} dates")
        faults.check(any(one.event == event.id for one in dates), f"{where}.names", "must hold a date of this meeting")
        faults.check(len(set(dates)) == len(dates), f"{where}.names", "hold a date twice")
        faults.check(taken.isdisjoint(dates), f"{where}.names", "hold a date of another group")
        taken.update(dates)
        found.append(Sisters(id_, known.get(id_) or lists.new_id(desk.ids), dates))
    faults.settle()
    return tuple(found)


async def _dates(desk: Desk, event: Event, where: str, names: Sequence[str], faults: Faults) -> tuple[SisterDate, ...]:
    found = []
    for index, name in enumerate(names[: DATES.stop]):
        date = await _date(desk, event.centre, name)
        if date is None:
            faults.append(Fault(f"{where}.names[{index}]", "must be a date of a meeting of this centre"))
        else:
            found.append(date)
    return tuple(found)


async def _date(desk: Desk, centre: str, name: str) -> SisterDate | None:
    try:
        said = OCCURRENCE.parse(name, "names")
        key = parse_key(said["occurrence"])
    except (Invalid, RecurrenceError):
        return None
    part = await desk.known.part(said["meeting"])
    if part is None or said["centre"] != centre or part.value.centre != centre:
        return None
    lineage = part.value.lineage
    has_it = following.part_with(await parts_of(desk.store, lineage), key) is not None
    return SisterDate(lineage, key.date, key.ordinal) if has_it else None


async def names_of(desk: Desk, event: Event) -> list[pb.SisterDates]:
    """The groups as staff reads them. A date that is none any more is called as the first part would have it."""
    parts = {lineage: await parts_of(desk.store, lineage) for lineage in following.sister_events(event)}
    found = []
    for group in event.rules.sisters:
        names = []
        for each in group.dates:
            part = following.part_with(parts[each.event], each.key)
            meeting = part.id if part is not None else each.event
            names.append(f"centres/{event.centre}/meetings/{meeting}/occurrences/{key_text(each.key)}")
        found.append(pb.SisterDates(id=group.id, names=names))
    return found

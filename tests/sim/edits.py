"""Edits that a seed draws, in the words of the naive model."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from tests.system import edit_model as model
from tests.system.edit_days import DAY, DAYS, Rule, names
from tests.system.edit_model import Extra, Key

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import date

ZONES = ("America/Edmonton", "America/New_York", "Europe/Berlin", "Asia/Kolkata")
HOURS = (time(6, 30), time(12, 0), time(19, 0), time(20, 15))
KINDS = ("update",) * 8 + ("change",) * 4 + ("cancel",) * 4 + ("create",) * 2 + ("restore", "delete")
ASPECTS = ("title", "title", "hour", "day", "minutes", "rule", "limit", "no rule", "extra")
NEAR = 40  # days around today in which dates are edited


class Edits:
    """Draws edits of what there is; titles and reasons carry a number, so that each can be told from the others."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0

    def create(self, today: date) -> model.Create:
        """A new series, or a one-off."""
        near = today + self._chance.randint(-30, 30) * DAY
        rule = self._rule() if self._chance.random() < 0.8 else None
        start = _first(rule, near) if rule else near
        rule = self._limited(rule, start) if rule else None
        hour, zone = self._chance.choice(HOURS), self._chance.choice(ZONES)
        times = model.Times(datetime.combine(start, hour), zone, self._chance.choice([60, 90]), rule)
        return model.Create(self._text("Group"), times)

    def retitle(self, number: int) -> model.Update:
        """Another title for a part."""
        return model.Update(number, {"title": self._text("Group")}, None, "")

    def any(self, parts: Sequence[model.Part], today: date) -> model.Edit:
        """Any edit, by preference of what is not deleted."""
        living = [number for number, part in enumerate(parts) if not part.deleted]
        kind = self._chance.choice(KINDS)
        if kind == "create" or not living:
            return self.create(today)
        number = self._chance.choice([*living * 6, *range(len(parts)), *living[-1:] * 6 * len(living)])  # one is hot
        if kind == "delete":
            return model.Delete(number)
        if kind == "update":
            return self._update(number, parts[number], today)
        key = self._key(parts[number], today)
        if kind == "cancel":
            return model.Cancel(number, key, self._text("Snow"))
        return model.Restore(number, key) if kind == "restore" else self._change(number, key)

    def _update(self, number: int, part: model.Part, today: date) -> model.Update:
        following = self._key(part, today) if self._chance.random() < 0.4 else None
        anchor = following.day if following else part.times.start.date()
        fields: dict[str, Any] = {}
        for aspect in self._chance.sample(ASPECTS, self._chance.randint(1, 2)):
            fields |= self._fields(aspect, part.times, anchor, today)
        return model.Update(number, fields, following, self._chance.choice(["", "keep", "drop"]))

    def _fields(self, aspect: str, times: model.Times, anchor: date, today: date) -> dict[str, Any]:
        if aspect == "title":
            return {"title": self._text("Group")}
        if aspect == "hour":
            return {"schedule.start": datetime.combine(anchor, self._chance.choice(HOURS))}
        if aspect == "day":
            day = anchor + self._chance.randint(-8, 8) * DAY
            return {"schedule.start": datetime.combine(day, times.start.time())}
        if aspect in {"minutes", "extra"}:
            minutes = self._chance.choice([30, 60, 90])
            return (
                {"schedule.minutes": minutes} if aspect == "minutes" else {"schedule.extra": self._extra(times, today)}
            )
        if aspect != "no rule":
            rule = times.rule if aspect == "limit" and times.rule else self._rule()
            return {"schedule.rule": self._limited(rule, _first(rule, anchor))}
        return {"schedule.rule": None}

    def _extra(self, times: model.Times, today: date) -> tuple[Extra, ...]:
        kept = {extra.key: extra for extra in times.extra if self._chance.random() < 0.5}
        for _ in range(self._chance.randint(0, 2)):
            day, ordinal = today + self._chance.randint(-20, 60) * DAY, self._chance.randint(0, 1)
            kept[Key(day, ordinal)] = Extra(day, ordinal, (time(16, 40), time(21, 30))[ordinal])
        return tuple(kept[key] for key in sorted(kept))

    def _change(self, number: int, key: Key) -> model.Change:
        hour = time(8 + key.day.month % 4 + 5 * key.ordinal, key.day.day)  # no other date's: readers may join the two
        moved = datetime.combine(key.day + self._chance.randint(-9, 9) * DAY, hour)
        values = {"start": moved, "minutes": self._chance.choice([30, 45, 75]), "title": self._text("Speaker")}
        paths = self._chance.sample(sorted(values), self._chance.randint(1, 3))
        return model.Change(
            number, key, {path: values[path] if self._chance.random() < 0.8 else None for path in paths}
        )

    def _key(self, part: model.Part, today: date) -> Key:
        """A date of the part that is near, by preference one of which something is said already; rarely none of it."""
        there = model.dates(part.times)
        near = [key for key in there if abs((key.day - today).days) <= NEAR] or list(there[:5])
        said = sorted({*part.cancelled, *part.changed})
        return self._chance.choice([*near, *said, *said, Key(near[0].day + DAY, 2)])

    def _rule(self) -> Rule:
        kind = self._chance.choice(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY"])
        if kind == "DAILY":
            return Rule(kind, self._chance.randint(1, 3))
        if kind == "WEEKLY":
            days = tuple(self._chance.sample(DAYS, self._chance.randint(0, 3)))
            return Rule(kind, self._chance.randint(1, 2), days, week_start=self._chance.choice(["MO", "SU"]))
        return Rule(kind, 1, self._chance.choice([("1MO",), ("3TH",), ("-1FR",), ("2TU", "4TU")]))

    def _limited(self, rule: Rule, start: date) -> Rule:
        rule = replace(rule, until=None, count=None)
        limit = self._chance.choice(["count", "until", "", ""])
        if limit == "until":
            return replace(rule, until=start + self._chance.randint(0, 150) * DAY)
        return replace(rule, count=self._chance.randint(2, 14)) if limit == "count" else rule

    def _text(self, word: str) -> str:
        self._count += 1
        return f"{word} {self._count}"


def _first(rule: Rule, near: date) -> date:
    return next(day for day in (near + n * DAY for n in range(120)) if names(rule, day, day))

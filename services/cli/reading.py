"""Arguments as argparse reads them: what is wrong in itself is said before any server is asked."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from services.cli import when
from services.cli.when import FURTHER_NOTICE, Unclear
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, time

T = TypeVar("T")

_NEAR: Final = (0, -1, 1)
"""It is this day in UTC, or the one before or after it, wherever somebody is."""


def words(text: str) -> list[str]:
    """A list with commas between."""
    return [each.strip() for each in text.split(",") if each.strip()]


def put(repeated: Any, messages: Iterable[Any]) -> None:
    """Makes these the only entries of a repeated field of messages, which takes no assignment."""
    found = list(messages)
    del repeated[:]
    repeated.extend(found)


def date_text(text: str) -> str:
    """A date in any form; what it means is decided where the centre's own day is known."""
    _checked(lambda: _somewhere(when.day, text))
    return text


def date_or_nothing(text: str) -> str:
    """The same, or empty."""
    return date_text(text) if text else text


def moment_text(text: str) -> str:
    """A date in any form, or a date with a time of day."""
    _checked(lambda: _somewhere(when.moment, text))
    return text


def moved_text(text: str) -> str:
    """The same, or a time of day alone."""
    return text if when.hour_alone(text) is not None else moment_text(text)


def end_text(text: str) -> str:
    """The same, or "further notice"."""
    return "" if text.casefold().replace("-", " ").removeprefix("until ") == FURTHER_NOTICE else moment_text(text)


def clock(text: str) -> time:
    """A time of day."""
    return _checked(lambda: when.clock(text))


def length(text: str) -> int:
    """A length, in minutes."""
    return _checked(lambda: when.length(text))


def _somewhere(read: Callable[[str, date], object], text: str) -> None:
    """Raises Unclear where it is understood on none of the days that it may be: "Sunday 22 nov" depends on the year."""
    today, wrong = SystemClock().now().date(), list[Unclear]()
    for days in _NEAR:
        try:
            read(text, today + timedelta(days=days))
        except Unclear as error:
            wrong.append(error)
        else:
            return
    raise wrong[0]


def _checked(read: Callable[[], T]) -> T:
    try:
        return read()
    except Unclear as error:
        raise ArgumentTypeError(str(error)) from None

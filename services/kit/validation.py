"""What no request may hold, whatever its method: found by walking the message's fields.

- Text that is too long, or holds control characters; a line break where one line is meant.
- Characters that cannot be seen (Unicode's format characters, bidirectional controls and marks, fillers): they make two
  texts look the same, or one read as another. Kept are those that writing needs: ZERO WIDTH NON-JOINER and JOINER where
  RFC 5892 appendix A allows them and in Arabic script, ZERO WIDTH JOINER inside an emoji, tags inside a flag.
- Numbers that an enumeration does not have; NaN and infinity; a Timestamp out of its range.

A violation names the field and the reason and never repeats what stood there.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from services.kit.errors import Invalid, Violation

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from services.kit.call import Call, Method

MOST_REPORTED = 20

_ZWNJ, _ZWJ, _FLAG = "\u200c", "\u200d", "\U0001f3f4"
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_BREAK = "\t\n\r\u2028\u2029"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SUSPECT = re.compile(f"[{_CONTROL}{_BREAK}{_INVISIBLE}\ud800-\udfff]")
_EARLIEST, _LATEST = -62135596800, 253402300799  # years 1 to 9999, as timestamp.proto says
_NANOS = 1_000_000_000
_VIRAMA = 9  # canonical combining class


@dataclass(frozen=True)
class TextRules:
    """What a service says about its text fields, by field name ("notes") or full name ("example.v1.Book.notes").

    Lengths are in characters. A field with several lines may hold tabs and line breaks.
    """

    several_lines: frozenset[str] = frozenset()
    longest: Mapping[str, int] = field(default_factory=dict)
    longest_line: int = 1_000
    longest_text: int = 10_000


class Validation:
    """The middleware that refuses, with all the fields that are wrong (at most 20)."""

    def __init__(self, rules: TextRules | None = None) -> None:
        self._walk = Walk(rules or TextRules())

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes a sound message on. Raises Invalid."""
        found = self._walk.violations(call.message)
        if found:
            raise Invalid(*found)
        return await method(call)


_Check = Callable[[Any], str | None]


class Walk:
    """Goes through messages; what has to be looked at is worked out once per field."""

    def __init__(self, rules: TextRules) -> None:
        self._rules = rules
        self._checks: dict[FieldDescriptor, _Check | None] = {}

    def violations(self, message: Message) -> tuple[Violation, ...]:
        """What is wrong with the message, in the order of its fields, at most 20."""
        if self._sound(message):
            return ()
        found: list[Violation] = []
        for violation in self._message(message, ""):
            found.append(violation)
            if len(found) == MOST_REPORTED:
                break
        return tuple(found)

    def _sound(self, message: Message) -> bool:
        """Whether all is well at first sight, as it is with most; False: it has to be looked at, field by field."""
        for descriptor, value in message.ListFields():
            if descriptor.message_type is not None or descriptor.is_repeated:
                return False
            check = self._check_of(descriptor)
            if check is not None and check(value):
                return False
        return True

    def _message(self, message: Message, path: str) -> Iterator[Violation]:
        if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            yield from _timestamp(message, path)
            return
        for descriptor, value in message.ListFields():
            here = f"{path}.{descriptor.name}" if path else descriptor.name
            if not descriptor.is_repeated:
                yield from self._value(descriptor, value, here)
            elif _is_map(descriptor):
                yield from self._map(descriptor, value, here)
            else:
                for index, item in enumerate(value):
                    yield from self._value(descriptor, item, f"{here}[{index}]")

    def _map(self, descriptor: FieldDescriptor, value: Mapping[Any, Any], path: str) -> Iterator[Violation]:
        """Entries are numbered: a key is user text too, and is not repeated."""
        assert descriptor.message_type is not None
        fields = descriptor.message_type.fields_by_name
        for index, (key, item) in enumerate(value.items()):
            yield from self._value(fields["key"], key, f"{path}[{index}].key")
            yield from self._value(fields["value"], item, f"{path}[{index}].value")

    def _value(self, descriptor: FieldDescriptor, value: Any, path: str) -> Iterator[Violation]:
        if descriptor.message_type is not None:
            yield from self._message(value, path)
            return
        check = self._check_of(descriptor)
        reason = check(value) if check else None
        if reason:
            yield Violation(path, reason)

    def _check_of(self, descriptor: FieldDescriptor) -> _Check | None:
        if descriptor not in self._checks:
            self._checks[descriptor] = self._check(descriptor)
        return self._checks[descriptor]

    def _check(self, descriptor: FieldDescriptor) -> _Check | None:
        """What has to be looked at in values of this field; None: nothing."""
        if descriptor.type == FieldDescriptor.TYPE_STRING:
            return self._text_check(descriptor)
        if descriptor.enum_type is not None:
            numbers = frozenset(descriptor.enum_type.values_by_number)
            return lambda number: None if number in numbers else "is not one of the values there are"
        if descriptor.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
            return lambda number: None if math.isfinite(number) else "must be a finite number"
        return None

    def _text_check(self, descriptor: FieldDescriptor) -> _Check:
        rules, names = self._rules, (descriptor.full_name, descriptor.name)
        several = any(name in rules.several_lines for name in names)
        usual = rules.longest_text if several else rules.longest_line
        longest = next((rules.longest[name] for name in names if name in rules.longest), usual)
        return lambda text: text_fault(text, longest, several_lines=several)


def text_fault(text: str, longest: int, *, several_lines: bool = False) -> str | None:
    """What is wrong with a text, in words that do not repeat it; None: nothing."""
    if len(text) > longest:
        return f"must not be longer than {longest} characters"
    if text.isascii() and text.isprintable():
        return None
    for match in _SUSPECT.finditer(text):
        reason = _character_fault(text, match.start(), several_lines)
        if reason:
            return reason
    return None


def _character_fault(text: str, at: int, several_lines: bool) -> str | None:
    """What is wrong with one suspicious character of a text; None: it is needed there."""
    character = text[at]
    if character in _BREAK:
        return None if several_lines else "must be one line, without tabs"
    code = f"U+{ord(character):04X}"
    if unicodedata.category(character) in {"Cc", "Cs"}:
        return f"must not hold the control character {code}"
    before, after = text[:at], text[at + 1 :]
    if character in {_ZWNJ, _ZWJ} and _joins(character, before[-2:], after[:1]):
        return None
    if _is_flag_tag(before, character):
        return None
    return f"must not hold the invisible character {code}"


def _joins(joiner: str, before: str, after: str) -> bool:
    """Whether writing needs the joiner there: RFC 5892 appendix A.1 and A.2, and emoji sequences (UTS 51)."""
    if not before or not after:
        return False
    last = before[-1]
    if unicodedata.combining(last) == _VIRAMA:
        return True
    if joiner == _ZWJ and unicodedata.category(after) == "So":
        return unicodedata.category(last) in {"So", "Sk"} or last == "\ufe0f"
    base = before[0] if unicodedata.category(last) == "Mn" else last
    return unicodedata.bidirectional(base) == unicodedata.bidirectional(after) == "AL"


def _is_flag_tag(before: str, character: str) -> bool:
    """Whether it is a tag of an emoji flag such as Wales': WAVING BLACK FLAG, then at most seven tags."""
    if not "\U000e0020" <= character <= "\U000e007f":
        return False
    flag = before.rfind(_FLAG, max(len(before) - 8, 0))
    return flag >= 0 and all("\U000e0020" <= tag <= "\U000e007e" for tag in before[flag + 1 :])


def _timestamp(message: Message, path: str) -> Iterator[Violation]:
    """google/protobuf/timestamp.proto: years 1 to 9999, nanoseconds that count forward."""
    stamp: Any = message
    if not (_EARLIEST <= stamp.seconds <= _LATEST and 0 <= stamp.nanos < _NANOS):
        yield Violation(path, "must be an instant of the years 1 to 9999")


def _is_map(descriptor: FieldDescriptor) -> bool:
    entry = descriptor.message_type
    return entry is not None and bool(entry.GetOptions().map_entry)

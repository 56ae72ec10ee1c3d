"""Content lines (RFC 5545 section 3.1) of bytes from elsewhere, with their numbers, within bounds."""

from __future__ import annotations

import codecs
import re
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from services.formats.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKED_BYTES: Final = 2 * 2**20
FILE_BYTES: Final = 20 * 2**20
LINE_BYTES: Final = 64 * 2**10

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
_PARAMETER: Final = r'[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*'
_LINE: Final = re.compile(rf"([A-Za-z0-9-]+)((?:;{_PARAMETER})*):(.*)", re.DOTALL)
_EACH: Final = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')


class Line(NamedTuple):
    """A content line, unfolded. `number` counts from 1 where it begins; `name` is "" where it is none.

    `value` is as it stands; of one that is longer than a line may be nothing but the name is kept (`long`).
    """

    number: int
    name: str
    parameters: str
    value: str
    long: bool = False

    def parameter(self, name: str) -> str:
        """The value of a parameter, unquoted; "" for none."""
        if not self.parameters:
            return ""
        found = (each for each in _EACH.finditer(self.parameters) if each[1].upper() == name)
        return next((each[2].replace('"', "") for each in found), "")


def lines(data: bytes) -> Iterator[Line]:
    """The lines of a file, packed or not. Raises Unreadable: too large, or not text."""
    plain = unpacked(data)
    for number, raw in _unfolded(plain):
        yield _line(number, raw)


def unpacked(data: bytes) -> bytes:
    """The bytes as they are, or those inside of a gzip file. Raises Unreadable: too large, or no text."""
    plain = _inflated(data) if data.startswith(_GZIP) else data
    if len(plain) > FILE_BYTES:
        raise Unreadable(f"it is larger than {FILE_BYTES // 2**20} MiB")
    if plain.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("it is UTF-16: iCalendar is UTF-8 (RFC 5545 section 3.1.4)")
    if (nul := plain.find(0)) >= 0:
        raise Unreadable(f"it is not a text: it holds NUL (line {plain.count(10, 0, nul) + 1})")
    return plain.removeprefix(codecs.BOM_UTF8)


def _inflated(data: bytes) -> bytes:
    if len(data) > PACKED_BYTES:
        raise Unreadable(f"it is larger than {PACKED_BYTES // 2**20} MiB, compressed")
    inflating = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflating.decompress(data, FILE_BYTES + 1)
    except zlib.error:
        raise Unreadable("it is compressed (gzip), and damaged") from None
    if len(plain) > FILE_BYTES:
        raise Unreadable(f"it is larger than {FILE_BYTES // 2**20} MiB when it is unpacked")
    if not inflating.eof:
        raise Unreadable("it is compressed (gzip), and ends in the middle: truncated")
    return plain


def _unfolded(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Folds are undone before characters are read: some programs fold inside of one."""
    pieces: list[bytes] = []
    begun = 0
    for number, physical in enumerate(data.split(b"\n"), 1):
        if len(physical) > LINE_BYTES:
            raise Unreadable(f"line {number} is longer than {LINE_BYTES // 1024} KiB")
        raw = physical.removesuffix(b"\r")
        if raw[:1] in {b" ", b"\t"} and pieces:
            pieces.append(raw[1:])
        elif raw.strip():
            if pieces:
                yield begun, b"".join(pieces)
            pieces, begun = [raw], number
    if pieces:
        yield begun, b"".join(pieces)


def _line(number: int, raw: bytes) -> Line:
    long = len(raw) > LINE_BYTES
    try:
        text = (raw[:LINE_BYTES] if long else raw).decode("utf-8", "ignore" if long else "strict")
    except UnicodeDecodeError:
        reason = f"it is not UTF-8 (line {number}): iCalendar is UTF-8 (RFC 5545 section 3.1.4)"
        raise Unreadable(reason) from None
    found = _LINE.fullmatch(text)
    if found is None:
        return Line(number, "", "", text[:200])
    return Line(number, found[1].upper(), found[2], "" if long else found[3], long)

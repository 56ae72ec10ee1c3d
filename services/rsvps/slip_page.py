"""A slip as a page to print: PDF (ISO 32000-1), the same bytes for the same slip, with nothing to be fetched.

The token stands in it three times: as a QR code (ISO/IEC 18004), as text to read, and in the document's "Keywords",
where a program finds it.
"""

from __future__ import annotations

import functools
import io
import unicodedata
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reportlab
import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from services.rsvps.slip_words import Words, words

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from services.rsvps.slip_token import Content

FONT: Final = "Vera"
"""Bitstream Vera Sans: comes with reportlab, and has the letters of Western and Central European languages."""

MM: Final = 72 / 25.4
"""A millimetre, in points."""

LEFT: Final = 25 * MM
WIDTH: Final[float] = A4[0] - 2 * LEFT
COLUMN: Final = 45 * MM
LEAST: Final = 8 * MM
"""Nothing stands lower: printers leave it out."""
LINE: Final = 1.4
"""Of the size of letters."""
QR_SIDE: Final = 80 * MM
QUIET: Final = 4
"""Modules of white around the code (ISO/IEC 18004 section 6.3.8)."""


def page(content: Content, token: str, language: str = "") -> bytes:
    """The PDF."""
    said = words(language)
    _load()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, lang=language or "en")
    canvas.setTitle(said.title)
    canvas.setAuthor(_fit(content.centre_title))
    canvas.setSubject(said.title)
    canvas.setCreator("Openchair")
    canvas.setKeywords(token)
    top = _heading(canvas, content, said)
    for label, text in _rows(content, said):
        top = _row(canvas, label, text, top)
    _code(canvas, token, top - 6 * MM - QR_SIDE)
    _foot(canvas, content, token, said, top - 12 * MM - QR_SIDE)
    canvas.save()
    return buffer.getvalue()


def _heading(canvas: Canvas, content: Content, said: Words) -> float:
    """Says where what follows begins, in points from the bottom."""
    canvas.setFont(FONT, 20)
    canvas.drawString(LEFT, A4[1] - 30 * MM, said.title)
    meeting = f"“{content.meeting_title}”" if content.meeting_title else said.meeting
    sentence = said.attended.format(meeting=meeting, centre=content.centre_title)
    return _text(canvas, sentence, 11, A4[1] - 42 * MM) - 4 * MM


def _rows(content: Content, said: Words) -> Iterator[tuple[str, str]]:
    """What was asked for, and what always stands there."""
    if content.person:
        yield said.person, f"{content.person} ({said.unchecked})"
    if content.date:
        yield said.date, content.date
    if content.start:
        yield said.times, f"{content.start}\u2013{content.end}"
    if content.attendance:
        yield said.way, said.online if content.attendance == "online" else said.in_person
    yield said.centre, f"{content.centre_title} ({content.centre})"
    yield said.until, content.valid_until
    yield said.number, content.id


def _row(canvas: Canvas, label: str, text: str, top: float) -> float:
    canvas.setFont(FONT, 9)
    canvas.drawString(LEFT, top, label)
    return _text(canvas, text, 11, top, COLUMN) - 2 * MM


def _code(canvas: Canvas, token: str, bottom: float) -> None:
    """The QR code: a rectangle for each run of dark modules, so that it is sharp at any size."""
    rows = matrix(token)
    side = QR_SIDE / (len(rows) + 2 * QUIET)
    for number, row in enumerate(rows):
        column = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                x, y = LEFT + (QUIET + column) * side, bottom + (QUIET + len(rows) - number - 1) * side
                canvas.rect(x, y, length * side, side, stroke=0, fill=1)
            column += length


def matrix(token: str) -> tuple[tuple[bool, ...], ...]:
    """The modules of its code, dark ones True."""
    code: Any = segno.make(token, error="m", micro=False, boost_error=False)
    return tuple(tuple(bool(module) for module in row) for row in code.matrix)


def _foot(canvas: Canvas, content: Content, token: str, said: Words, top: float) -> None:
    top = _text(canvas, said.how.format(centre=content.centre_title), 9, top)
    top = _text(canvas, said.kept, 9, top - 2 * MM)
    lines = [token[start : start + 100] for start in range(0, len(token), 100)]
    if top - (len(lines) + 3) * 3 * MM < LEAST:  # the code itself and the document's keywords hold it too
        return
    top = _text(canvas, said.scan, 7, top - 3 * MM)
    canvas.setFont("Courier", 7)
    for number, line in enumerate(lines):
        canvas.drawString(LEFT, top - number * 3 * MM, line)


def _text(canvas: Canvas, text: str, size: int, top: float, indent: float = 0) -> float:
    """Writes lines of text, and says where the next one begins."""
    canvas.setFont(FONT, size)
    lines: list[str] = simpleSplit(_fit(text), FONT, size, WIDTH - indent)
    for number, line in enumerate(lines):
        canvas.drawString(LEFT + indent, top - number * LINE * size, line)
    return top - len(lines) * LINE * size


def _fit(text: str) -> str:
    """The text with what the font can draw; the code holds it as it was said."""
    known = _load().face.charToGlyph
    return "".join(each if ord(each) in known else _plain(each, known) for each in text)


def _plain(letter: str, known: Container[int]) -> str:
    """A letter without its accents, or a question mark."""
    return "".join(each for each in unicodedata.normalize("NFKD", letter) if ord(each) in known) or "?"


@functools.cache
def _load() -> Any:
    """The font, read once for the process."""
    font = TTFont(FONT, Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    pdfmetrics.registerFont(font)
    return font

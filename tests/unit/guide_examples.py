"""How the tests of Meeting Guide JSON read it, and what they read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from openchair.meetings.v1 import import_pb2 as imports

from services.formats.meeting_guide import Reading, read

DATA = Path(__file__).parent.parent / "data" / "meeting_guide"
FULL = Path(__file__).parents[3] / "shared" / "data" / "recovery"
SATURDAY = date(2026, 11, 21)


def reading(data: bytes, fellowship: str = "AA", zone: str = "America/Edmonton", language: str = "") -> Reading:
    return read(data, fellowship=fellowship, timezone=zone, today=SATURDAY, language=language)


def one(fellowship: str = "AA", **fields: Any) -> imports.ImportRow:
    record = {"slug": "a", "name": "A", "day": 1, "time": "19:00", "formatted_address": "1 Main St, Town"} | fields
    (row,) = reading(json.dumps([record]).encode(), fellowship).rows
    return row


def excerpt(name: str) -> dict[str, imports.ImportRow]:
    return {row.source_id: row for row in reading((DATA / f"{name}.json").read_bytes()).rows}


def public_text(row: imports.ImportRow) -> str:
    """What members may come to read, and the report."""
    said = imports.ImportRow()
    said.CopyFrom(row)
    said.ClearField("original")
    said.meeting.online.ClearField("notes")
    return str(said)

"""Meeting Guide as a table (CSV, one meeting a line), both ways: the same fields under plain names, and one of ours.

The first line names the columns, in any order. A table is read as the records that it means (`meeting_guide`).
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final

from services.formats import codes, meeting_guide, ours, records, words
from services.formats.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from services.formats.reading import Reading

LINE_BYTES: Final = 64 * 2**10
COLUMNS: Final = 200

_SHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of spreadsheet programs begin: a ZIP archive, or an OLE one."""

_OWN: Final = "Openchair"
_NAMES: Final = {
    "Time": "time", "End Time": "end_time", "Day": "day", "Name": "name", "Location": "location",
    "Address": "formatted_address", "Region": "region", "Sub Region": "sub_region", "Regions": "regions",
    "Types": "types", "Notes": "notes", "Location Notes": "location_notes", "Timezone": "timezone", "Group": "group",
    "Group Notes": "group_notes", "Conference URL": "conference_url", "Conference Phone": "conference_phone",
    "Latitude": "latitude", "Longitude": "longitude", "Approximate": "approximate",
    "Attendance Option": "attendance_option", "URL": "url", "Slug": "slug", "Updated": "updated",
}  # fmt: skip
"""The columns that are written, and the field of each."""

_READ: Final = {"id": "slug", "formatted_address": "formatted_address", "address": "address"}
_ALSO: Final = {"temporary closure": codes.CLOSED, "temporarily closed": codes.CLOSED, "online": codes.ONLINE}
_OLDER: Final = {"AA": {"step meeting": "ST"}}
"""Names that are in the template still, and no longer in the specification."""
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_GLUED: Final = re.compile(r"(\d{4}-\d\d-\d\d)(\d\d:\d\d:\d\d)")
_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![\d ().,*#x;-]*$)")
_KEPT: Final = re.compile(r"'(?=[=@+\t\r-])")


def read(data: bytes, *, fellowship: str, timezone: str, today: date, language: str = "") -> Reading:
    """Translates a table of at most 20 MiB and 20,000 lines of at most 64 KiB. As `meeting_guide.read` otherwise."""
    if data.startswith(_SHEETS):
        raise Unreadable("it is a spreadsheet's own file (.xlsx, .ods, .xls): save it as CSV first")
    found = _records(records.text_of(data), fellowship)
    return meeting_guide.read_records(found, fellowship=fellowship, timezone=timezone, today=today, language=language)


def written(found: Sequence[Mapping[str, Any]]) -> bytes:
    """The records of a list (`meeting_guide_out.records`) as a table."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\r\n")
    table.writerow([*_NAMES, _OWN])
    for record in found:
        table.writerow([*(_cell(record, field) for field in _NAMES.values()), _own(record)])
    return file.getvalue().encode()


# --- in ---------------------------------------------------------------------------------------------------------------


def _records(text: str, fellowship: str) -> list[dict[str, Any]]:
    """What the lines say, as Meeting Guide records. Raises Unreadable."""
    _check_lines(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [_key(name) for name in next(lines)]
        _check_header(header, text)
        filled = (line for line in lines if any(map(str.strip, line)))
        found = [_record(header, line, fellowship) for line in itertools.islice(filled, records.RECORDS + 1)]
    except csv.Error as error:
        raise Unreadable(f"it is not a table that can be read (line {lines.line_num}: {error})") from error
    if not found:
        raise Unreadable("it has no lines: that is taken as a fault of the source, not as 'there are no meetings'")
    if len(found) > records.RECORDS:
        raise Unreadable(f"it has more than {records.RECORDS:,} lines")
    return found


def _check_lines(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LINE_BYTES:
            raise Unreadable(f"its line {number} is longer than {LINE_BYTES // 1024} KiB")


def _check_header(header: list[str], text: str) -> None:
    if text.lstrip()[:1] in {"<", "[", "{"}:
        raise Unreadable("it is a web page or JSON, not a table (CSV)")
    if "name" not in header or not {"day", "time"} & set(header):
        raise Unreadable("its first line does not name the columns: Name, Day, Time, Slug ...")
    if len(header) > COLUMNS:
        raise Unreadable(f"it has more than {COLUMNS} columns")


def _delimiter(text: str) -> str:
    """What stands most often in the first line."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _key(name: str) -> str:
    """The field that a column's name means: "Sub Region" is sub_region."""
    key = re.sub(r"[^a-z0-9]+", "_", words.line(name).casefold()).strip("_")
    return _READ.get(key, key)


def _record(header: list[str], line: list[str], fellowship: str) -> dict[str, Any]:
    cells = ((key, _KEPT.sub("", value, count=1)) for key, value in zip(header, line, strict=False) if key)
    record = _with_own({key: value for key, value in cells if value.strip()})
    if isinstance(days := record.get("day"), str) and "," in days:
        record["day"] = [day.strip() for day in days.split(",") if day.strip()]
    if isinstance(types := record.get("types"), str):
        known = ours.fellowship_of(record, fellowship)
        record["types"] = [_code(name, known) for name in types.split(",") if name.strip()]
    if isinstance(regions := record.get("regions"), str):
        record["regions"] = [region.strip() for region in regions.split(">")]
    if isinstance(updated := record.get("updated"), str):
        record["updated"] = _GLUED.sub(r"\1 \2", updated)
    return record


def _with_own(record: dict[str, Any]) -> dict[str, Any]:
    """The record with what our own column says of it."""
    cell = record.pop(ours.KEY, "")
    found = records.object_of(cell) if cell else {}
    fields = found.pop("fields", {})
    if found:
        record[ours.KEY] = found
    return (fields if isinstance(fields, dict) else {}) | record


def _code(name: str, fellowship: str) -> str:
    """The code of a type that is written by its name, or by its code."""
    said = words.line(name)
    return said if codes.type_name(fellowship, said) else _codes_by_name(fellowship).get(said.casefold(), said)


@functools.cache
def _codes_by_name(fellowship: str) -> dict[str, str]:
    return _ALSO | _OLDER.get(fellowship, {}) | {name.casefold(): code for code, name in codes.names_of(fellowship)}


# --- out --------------------------------------------------------------------------------------------------------------


def _cell(record: Mapping[str, Any], field: str) -> str:
    """A value as people read it in a table; nothing that a spreadsheet would take for a formula."""
    value = record.get(field, "")
    if field == "day" and value != "":
        value = ", ".join(_DAYS[day] for day in (value if isinstance(value, list) else [value]))
    elif field == "types":
        fellowship = ours.fellowship_of(record, "")
        value = ", ".join(_named(fellowship, code) for code in value)
    elif field == "regions":
        value = " > ".join(value)
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _named(fellowship: str, code: str) -> str:
    """The name of a type where it is read back as that code, else the code."""
    name = codes.type_name(fellowship, code) or code
    return name if "," not in name and _code(name, fellowship) == code else code


def _own(record: Mapping[str, Any]) -> str:
    """Our part, and the fields that have no column."""
    fields = {key: value for key, value in record.items() if key not in _NAMES.values() and key != ours.KEY}
    part = dict(record.get(ours.KEY, {})) | ({"fields": fields} if fields else {})
    return json.dumps(part, ensure_ascii=False, separators=(",", ":")) if part else ""

"""What the formats of a BMLT server mean. A key means something on its own server only, and in one language.

A server says what its formats are (`GetFormats`). Of two servers it is known here: facts only, by id.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from services.formats import records, words
from services.formats.codes import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LAST: Final = -1
_OF_WEEK: Final = re.compile(r"(FC1|O)-([1-5L])")
_ONLY: Final = re.compile(
    r"ONLY-([1-5L])|findet nur in der (?:([1-5])\.|(letzten)) woche des monats statt", re.IGNORECASE
)
"""Weeks in which alone a meeting is held: as the table beside this module says it, and as the German server does."""
_LAST_WEEK: Final = re.compile(r"(?:last week of the month|letzte woche des monats):", re.IGNORECASE)
_SHUT: Final = re.compile(r"temporarily closed|vor\u00fcbergehend geschlossen", re.IGNORECASE)
_SPOKEN: Final = "LANG"
_AS: Final = "LANG-"  # in the table beside this module: a language that the key does not say
_SIGNED: Final = {"ASL": "ase", "AMERICAN SIGN LANGUAGE": "ase"}
_AS_CODE: Final = {"OPEN": "O", "CLOSED": "C"}
_NAMED: Final = {"naf": "CH"}


class Format(NamedTuple):
    """A format: its code is the one of all NA servers where it has one, else its key. `week` -1 is the last, 0 none.

    `only`: the meeting is held in that week alone (and in others that it names so).
    """

    key: str
    code: str
    title: str
    language: str = ""
    week: int = 0
    opens: bool = False
    only: bool = False


class Formats:
    """The formats of a list, by id and by key."""

    def __init__(self, found: Iterable[tuple[str, Format]]) -> None:
        self._by_id = dict(found)
        self._by_key: dict[str, Format] = {}
        for each in self._by_id.values():
            self._by_key.setdefault(each.key, each)

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def of(self, record: Mapping[str, Any]) -> tuple[list[Format], list[str]]:
        """A meeting's formats, by id or else by key, and the keys that are not known.

        Keys and ids stand in the same order: a key in another language than the formats were given in has its id.
        """
        keys, ids = (_split(record.get(name)) for name in ("formats", "format_shared_id_list"))
        found = [self._by_id[id_] for id_ in ids if id_ in self._by_id]
        known = {each.key for each in found}
        if len(keys) == len(ids):
            known.update(key for key, id_ in zip(keys, ids, strict=True) if id_ in self._by_id)
        missing = [key for key in keys if key not in known]
        by_key = [] if ids else [self._by_key[key] for key in missing if key in self._by_key]
        return found + by_key, [key for key in missing if key not in {each.key for each in by_key}]

    def over(self, other: Formats) -> Formats:
        """These, and what another collection of the same server has besides.

        A server tells only those that have a name in the language that it was asked in.
        """
        more = {id_: each for id_, each in other._by_id.items() if id_ not in self._by_id}
        return Formats({**self._by_id, **more}.items())

    def programme(self, said: Format) -> Format:
        """What a format of one week is about: the one without the week ("Sp" of "Sp1"), else itself."""
        return self._by_key.get(re.sub(r"[1-5L]$", "", said.key), said)


def read(data: bytes) -> Formats:
    """The formats that a server gave (`GetFormats`, JSON). Raises Unreadable."""
    return of_list(records.records(data))


def of_list(found: Iterable[object]) -> Formats:
    """The same, parsed already."""
    rows = [each for each in found if isinstance(each, dict) and words.line(each.get("id"))]
    return Formats((words.line(each.get("id")), _format(each)) for each in rows)


def known(server: str) -> Formats:
    """Those of a server that is known here, by its address; none of any other."""
    rows = _known().get(server.rstrip("/"), {})
    return Formats(
        (id_, _format({"key_string": key, "world_id": world, "format_type_enum": kind}))
        for id_, (key, world, kind) in rows.items()
    )


@functools.cache
def _known() -> dict[str, dict[str, tuple[str, str, str]]]:
    text = importlib.resources.files(__package__).joinpath("bmlt_formats.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, tuple[str, str, str]]] = json.loads(text)
    return found


def _format(said: Mapping[str, Any]) -> Format:
    key, world, kind, name = (
        words.line(said.get(field)) for field in ("key_string", "world_id", "format_type_enum", "name_string")
    )
    spoken = _SIGNED.get(name.upper(), "") or (key.lower() if _SPOKEN in {world, kind} else "")
    spoken = kind.removeprefix(_AS) if kind.startswith(_AS) else spoken
    about = words.line(said.get("description_string"))
    only = _ONLY.fullmatch(kind) or _ONLY.fullmatch(about) or _ONLY.fullmatch(name)
    of_week = _OF_WEEK.fullmatch(kind)
    world = "TC" if _SHUT.search(name) else world or _NAMED.get(key, "")
    code = _AS_CODE.get(world, world) or key
    return Format(
        key=key,
        code=code,
        title=type_name("NA", code) or name.rpartition(": ")[2] or key,
        language=spoken if re.fullmatch(r"[a-z]{2,3}", spoken) else "",
        week=_week(only[1] or only[2] or "L") if only else _week(of_week[2]) if of_week else _last_week(about),
        opens=of_week is not None and of_week[1] == "O",
        only=only is not None,
    )


def _week(said: str) -> int:
    return LAST if said == "L" else int(said)


def _last_week(about: str) -> int:
    return LAST if _LAST_WEEK.match(about) else 0


def _split(value: object) -> list[str]:
    return [part for part in map(str.strip, words.line(value).split(",")) if part]

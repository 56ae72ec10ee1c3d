"""What a commit may hold: checked before anything is written, in the same words for every adapter."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from services.kit.store.port import Answer, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.kit.store.port import Audit, Commit, Document, Entry, Kind, Value

LEAST, MOST = -(2**63), 2**63 - 1
INT64 = range(LEAST, MOST + 1)
DEPTH = 64
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}", re.ASCII)
MOST_NAMES = 10_000
MOST_AT_ONCE = 10_000
_NAMES: set[str] = set()
"""Names of fields that were found sound."""


def kinds(declared: Sequence[Kind]) -> dict[str, Kind]:
    """The kinds by name. Raises ValueError for names that cannot stand in a table, an index or a path."""
    for kind in declared:
        for name in (kind.name, *fields(kind)):
            if not NAME.fullmatch(name) or name == "id":
                raise ValueError(f"kind {kind.name!r}: {name!r} cannot name a kind or an indexed field")
    if len({kind.name for kind in declared}) != len(declared):
        raise ValueError("a kind is declared twice")
    return {kind.name: kind for kind in declared}


def fields(kind: Kind) -> tuple[str, ...]:
    """Every field that an index of this kind holds, each once."""
    return _each(kind.indexes)


@functools.lru_cache(maxsize=256)
def _each(indexes: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for index in indexes for field in index))


def known(declared: Mapping[str, Kind], name: str) -> Kind:
    """The kind of that name. Raises ValueError for one that was not declared."""
    if name not in declared:
        raise ValueError(f"{name!r} is not a kind of this store")
    return declared[name]


def change(declared: Mapping[str, Kind], commit: Commit) -> None:
    """Raises ValueError, naming kind, id and path, where a commit holds what no store could keep."""
    for record in commit.records:
        _record(known(declared, record.kind), record)
    for answer in commit.answers:
        _answer(answer)
    for line in commit.audit:
        _audit(line)
    for one in commit.forgotten:
        known(declared, one.kind)
        scalar(one.id, f"{one.kind} {one.id!r}: id")
    forgotten = [(one.kind, one.id) for one in commit.forgotten]
    _once("record", [*((record.kind, record.id) for record in commit.records), *forgotten])
    _once("answer", [(answer.key.method, answer.key.caller, answer.key.request_id) for answer in commit.answers])


def entry(declared: Mapping[str, Kind], entry: Entry) -> None:
    """The same for one entry of a dump."""
    if isinstance(entry, Record):
        _record(known(declared, entry.kind), entry)
    elif isinstance(entry, Answer):
        _answer(entry)
    else:
        _audit(entry)


def scalar(value: object, where: str) -> None:
    """Raises ValueError unless the value is one that an index can hold: an int64, a bool, a str without NUL."""
    if isinstance(value, str):
        _text(value, where)
        if "\0" in value:
            raise ValueError(f"{where}: an indexed text cannot hold NUL")
    elif not isinstance(value, int) or value not in INT64:
        raise ValueError(f"{where}: an indexed field is a str, an int64 or a bool, not {type(value).__name__}")


def _record(kind: Kind, record: Record) -> None:
    where = f"{record.kind} {record.id!r}"
    scalar(record.id, f"{where}: id")
    if not record.id:
        raise ValueError(f"{where}: id: is empty")
    if record.revision < 1:
        raise ValueError(f"{where}: revision: is not at least 1")
    _text(record.actor, f"{where}: actor")
    _instants(where, at=record.at, **({} if record.due_at is None else {"due_at": record.due_at}))
    for view in record.views:
        _instants(f"{where}: views.{view.name}", at=view.at)
    if type(record.state) is not dict:
        raise ValueError(f"{where}: state: is not a document")
    if not _plain(record.state):
        _value(record.state, f"{where}: state", DEPTH)
    if not record.gone:
        _indexed(kind, record, where)


def _indexed(kind: Kind, record: Record, where: str) -> None:
    for field in fields(kind):
        if field not in record.state:
            raise ValueError(f"{where}: state.{field}: an indexed field is always there")
        scalar(record.state[field], f"{where}: state.{field}")


def _plain(state: Document) -> bool:
    """Whether it is sound at first sight, as nearly all are; False: it has to be looked at value by value.

    It goes down level by level. Field names that were found sound before are known.
    """
    level: list[Any] = [state]
    for _ in range(DEPTH):
        below: list[Any] = []
        for each in level:
            if type(each) is dict:
                if not (_NAMES.issuperset(each) or _named(each)) or not _plain_values(each.values(), below):
                    return False
            elif not _plain_values(each, below):
                return False
        if not below:
            return True
        if len(below) > MOST_AT_ONCE:  # one that holds itself would go on for ever
            return False
        level = below
    return False


def _plain_values(values: Iterable[Any], below: list[Any]) -> bool:
    """Whether each is a plain one, or a document or list, which is added to those below."""
    for value in values:
        kind = type(value)
        if kind is str:
            if not value.isascii():
                return False
        elif kind is dict or kind is list:
            below.append(value)
        elif value is not None and kind is not bool and not (kind is int and LEAST <= value <= MOST):
            return False
    return True


def _named(document: Mapping[object, object]) -> bool:
    """Whether all its keys are field names as ours are; those are known from then on."""
    for key in document:
        if type(key) is not str or not FIELD.fullmatch(key) or len(_NAMES) >= MOST_NAMES:
            return False
        _NAMES.add(key)
    return True


def _value(value: Value, where: str, depth: int) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _text(value, where)
    elif isinstance(value, int):
        if value not in INT64:
            raise ValueError(f"{where}: does not fit into 64 bits")
    elif depth == 0:
        raise ValueError(f"{where}: is nested deeper than {DEPTH}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _value(item, f"{where}[{position}]", depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _key(key, where)
            _value(item, f"{where}.{key}", depth - 1)
    else:
        raise ValueError(f"{where}: a {type(value).__name__} cannot be stored")


def _key(key: object, where: str) -> None:
    if not isinstance(key, str):
        raise ValueError(f"{where}: a key is a str, not {type(key).__name__}")  # noqa: TRY004 - the port says ValueError
    if not key or key.startswith("$") or "." in key or "\0" in key:  # what MongoDB cannot query: it was user text
        raise ValueError(f"{where}: a key is empty, or holds a dot, a NUL or a leading $")
    _text(key, where)


def _text(value: str, where: str) -> None:
    if value.isascii():  # nearly all are: known without a copy
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: holds half of a surrogate pair") from None


def _instants(where: str, **named: str) -> None:
    for name, text in named.items():
        if not INSTANT.fullmatch(text):
            raise ValueError(f"{where}: {name}: is not an instant as clock.instant writes it")


def _answer(answer: Answer) -> None:
    where = f"answer of {answer.key.method}"
    _instants(where, expires_at=answer.expires_at)
    for text in (answer.key.method, answer.key.caller, answer.key.request_id, answer.digest, answer.reply):
        _text(text, where)


def _audit(line: Audit) -> None:
    where = f"audit of {line.kind} {line.id!r}"
    _instants(where, at=line.at)
    for text in (line.actor, line.action, line.reason):
        _text(text, where)


def _once(what: str, keys: Iterable[tuple[str, ...]]) -> None:
    seen: set[tuple[str, ...]] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"{what} {key} stands twice in one commit")
        seen.add(key)

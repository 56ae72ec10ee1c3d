"""What the stand-in for a MongoDB server holds: documents, snapshots, transactions. See mongo_wire."""

from __future__ import annotations

import copy
import operator
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import bson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Document: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[str, bytes]
"""A document's namespace and the bytes of its _id."""

MISSING: Final = object()
RANKS: dict[type, int] = {type(None): 1, int: 2, bson.Int64: 2, str: 3, dict: 4, bool: 8, datetime: 9}
"""The order of types in BSON, as far as they are used."""
TRANSIENT = ("TransientTransactionError",)


class Refused(Exception):  # noqa: N818 - what a server answers
    """An error as a server sends it."""

    def __init__(self, code: int, message: str, labels: Iterable[str] = (), *, unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.labels = list(labels)
        self.unknown = unknown
        """The stand-in does not know what it was asked: the adapter sends something that nobody has thought about."""


def unknown(what: str) -> Refused:
    return Refused(40415, f"the stand-in does not know {what}", unknown=True)


def key(id_: object) -> bytes:
    return bson.encode({"": id_})


def rank(value: object) -> tuple[int, Any]:
    """Sorts as BSON does."""
    if value is MISSING:
        return (1, None)
    number = RANKS.get(type(value))
    if number is None:
        raise unknown(f"an order of {type(value).__name__}")
    return (number, key(value) if isinstance(value, dict) else value)  # text sorts by its bytes as it does by letters


def look(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split(".") if "." in path else (path,):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    if isinstance(value, list):
        raise unknown(f"a search of {path}, a list")
    return value


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Only values of one type compare."""

    def holds(value: Any, wanted: Any) -> bool:
        if type(value) is type(wanted) is not dict:
            return test(value, wanted)
        mine, other = rank(value), rank(wanted)
        return value is not MISSING and mine[0] == other[0] and test(mine[1], other[1])

    return holds


_same = _compared(operator.eq)


def _equal(value: Any, wanted: Any) -> bool:
    return (value is MISSING and wanted is None) or _same(value, wanted)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$gt": _compared(operator.gt),
    "$gte": _compared(operator.ge),
    "$lt": _compared(operator.lt),
    "$lte": _compared(operator.le),
    "$in": lambda value, wanted: any(_equal(value, one) for one in wanted),
    "$exists": lambda value, wanted: (value is not MISSING) is wanted,
}


def matches(document: Document, query: Document) -> bool:
    return all(_holds(document, name, wanted) for name, wanted in query.items())


def _holds(document: Document, name: str, wanted: Any) -> bool:
    if name == "$and":
        return all(matches(document, term) for term in wanted)
    if name == "$or":
        return any(matches(document, term) for term in wanted)
    if name.startswith("$"):
        raise unknown(name)
    value = look(document, name)
    if not isinstance(wanted, dict) or not next(iter(wanted), "").startswith("$"):
        return _equal(value, wanted)
    if unknowns := wanted.keys() - OPERATORS.keys():
        raise unknown(f"the operators {unknowns}")
    return all(OPERATORS[name](value, operand) for name, operand in wanted.items())


def projected(document: Document, wanted: Document) -> Document:
    if not wanted:
        return document
    if any("." in name or included != 1 for name, included in wanted.items()):
        raise unknown(f"the projection {wanted}")
    return {name: value for name, value in document.items() if name == "_id" or name in wanted}


def _set(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    document[last] = value


def _unset(document: Document, path: str, value: Any) -> None:
    del value
    *parents, last = path.split(".")
    for name in parents:
        document = document.get(name, {})
    document.pop(last, None)


def _least(document: Document, path: str, value: Any) -> None:
    there = look(document, path)
    if there is MISSING or rank(value) < rank(there):
        _set(document, path, value)


def _greatest(document: Document, path: str, value: Any) -> None:
    there = look(document, path)
    if there is MISSING or rank(value) > rank(there):
        _set(document, path, value)


UPDATES: dict[str, Callable[[Document, str, Any], None]] = {
    "$set": _set,
    "$unset": _unset,
    "$min": _least,
    "$max": _greatest,
}


def updated(document: Document, update: Document, *, inserts: bool = False) -> Document:
    """A new document. Paths that run into each other are refused as a server does."""
    paths = [path for fields in update.values() for path in fields]
    for number, path in enumerate(paths):
        for other in paths[number + 1 :]:
            if f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}."):
                raise Refused(40, f"Updating the path '{path}' would create a conflict at '{other}'")
    if "_id" in paths:
        raise unknown("an update of _id")
    new = copy.deepcopy(document)
    for name, fields in update.items():
        if name not in UPDATES and name != "$setOnInsert":
            raise unknown(name)
        for path, value in fields.items():
            if name != "$setOnInsert":
                UPDATES[name](new, path, value)
            elif inserts:
                _set(new, path, value)
    return new


class Name(NamedTuple):
    """What names a transaction: its session and its number."""

    session: bytes
    number: int


@dataclass
class Transaction:
    """A snapshot, and what was written to it."""

    view: dict[str, dict[bytes, Document]]
    start: int
    writes: dict[Place, Document | None] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)


class Data:
    """Documents by namespace. `time` rises with each write that is there for all."""

    def __init__(self) -> None:
        self.there: dict[str, dict[bytes, Document]] = {}
        self.indexes: dict[str, dict[str, Document]] = {}
        self.open: dict[Name, Transaction] = {}
        self.committed = set[Name]()
        self.snapshots: dict[int, dict[str, dict[bytes, Document]]] = {}
        self.time = 1
        self._stamps: dict[Place, int] = {}
        self._owners: dict[Place, Transaction] = {}

    def copy(self) -> dict[str, dict[bytes, Document]]:
        return {name: dict(documents) for name, documents in self.there.items()}

    def begin(self, name: Name) -> Transaction:
        for other in [one for one in self.open if one.session == name.session]:
            self.end(other)
        self.open[name] = Transaction(self.copy(), self.time)
        return self.open[name]

    def end(self, name: Name) -> None:
        """Drops it, written or not."""
        transaction = self.open.pop(name)
        for place in transaction.writes:
            self._owners.pop(place, None)

    def commit(self, name: Name) -> None:
        self.time += 1
        for place, document in self.open[name].writes.items():
            self._keep(place, document)
        self.end(name)
        self.committed.add(name)

    def expire(self, seconds: float) -> None:
        """Drops those that began longer ago."""
        for name in [name for name, one in self.open.items() if one.begun < time.monotonic() - seconds]:
            self.end(name)

    def owned(self, place: Place) -> bool:
        """Whether a transaction that is still open has written it."""
        return place in self._owners

    def write(self, place: Place, document: Document | None, transaction: Transaction | None) -> None:
        """Writes, in the transaction or for all. The first writer wins: whoever comes later is told 112."""
        if transaction is None:
            self.time += 1
            self._keep(place, document)
            return
        if self._owners.get(place, transaction) is not transaction or self._stamps.get(place, 0) > transaction.start:
            raise Refused(112, "WriteConflict", TRANSIENT)
        self._owners[place] = transaction
        transaction.writes[place] = document
        _put(transaction.view, place, document)

    def _keep(self, place: Place, document: Document | None) -> None:
        self._stamps[place] = self.time
        _put(self.there, place, document)


def _put(there: dict[str, dict[bytes, Document]], place: Place, document: Document | None) -> None:
    documents = there.setdefault(place[0], {})
    if document is None:
        documents.pop(place[1], None)
    else:
        documents[place[1]] = document

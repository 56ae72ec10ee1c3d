"""A search by declared fields, checked once for every adapter, and its SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.kit.store import check
from services.kit.store.port import In, Kind, Position, Range, Record, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUES = 10_000
Scalar = str | int | bool


class Query(msgspec.Struct, frozen=True):
    """What `Store.find` was asked, known to be sound."""

    kind: Kind
    where: Where
    order: tuple[str, ...]
    limit: int
    after: Position | None

    def position(self, record: Record) -> Position:
        """Where this record stands in the order: its key to go on from."""
        values = [record.state[field] for field in self.order]
        return (*(value for value in values if isinstance(value, str | int)), record.id)


def checked(kind: Kind, where: Where, order: Sequence[str], limit: int, after: Position | None) -> Query:
    """The query. Raises ValueError for undeclared fields, values no index holds, a position of another order."""
    for field in (*where, *order):
        if field not in check.fields(kind):
            raise ValueError(f"{kind.name}: {field!r} is not in any of its indexes")
    for field, condition in where.items():
        for value in _values(condition):
            check.scalar(value, f"{kind.name}: {field}")
    if limit < 1:
        raise ValueError(f"{kind.name}: a page holds at least one record")
    if after is not None:
        _position(kind, order, after)
    return Query(kind, where, tuple(order), limit, after)


def _values(condition: Scalar | In | Range) -> Sequence[Scalar]:
    if isinstance(condition, In):
        if len(condition.values) > VALUES:
            raise ValueError(f"more than {VALUES} values to choose from")
        return condition.values
    if isinstance(condition, Range):
        return [bound for bound in (condition.low, condition.high) if bound is not None]
    return [condition]


def _position(kind: Kind, order: Sequence[str], after: Position) -> None:
    if len(after) != len(order) + 1 or not isinstance(after[-1], str):
        raise ValueError(f"{kind.name}: a position in the order of {list(order)} ends in the id")
    for value in after:
        check.scalar(value, f"{kind.name}: position")


def condition(query: Query) -> tuple[str, list[Scalar]]:
    """The SQL from WHERE on, and its parameters. One row more than the page, to know whether there is another."""
    terms, values = ["gone = 0"], list[Scalar]()
    for field, wanted in query.where.items():
        term, parameters = _term(f"f_{field}", wanted)
        terms += term
        values += parameters
    key = ", ".join((*(f"f_{field}" for field in query.order), "id"))
    if query.after is not None:  # a row value compares like the index that ends in id
        terms.append(f"({key}) > ({', '.join('?' * len(query.after))})")
        values += query.after
    return f"WHERE {' AND '.join(terms)} ORDER BY {key} LIMIT ?", [*values, query.limit + 1]


def _term(column: str, wanted: Scalar | In | Range) -> tuple[list[str], list[Scalar]]:
    if isinstance(wanted, In):
        return [f"{column} IN ({', '.join('?' * len(wanted.values))})"], list(wanted.values)
    if isinstance(wanted, Range):
        bounds = [(f"{column} >= ?", wanted.low), (f"{column} < ?", wanted.high)]
        return [text for text, bound in bounds if bound is not None], _values(wanted)[:]  # type: ignore[return-value]  # a list
    return [f"{column} = ?"], [wanted]

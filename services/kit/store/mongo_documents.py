"""Records as documents that a person can read in a shell, and back: plain dictionaries, whatever the driver.

    {_id, revision, version, epoch, at, actor, gone, due_at?, state: {...},
     views: {public: {revision, at, digest, pending, sequence}}, pending?}

`pending` is the number of the commit that marked the record first and is there only while a view of it is pending: the
order of commits is forgotten with the mark. `epoch` is the newest that the record was written or marked in.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import bson

from services.kit.clock import MIDNIGHT, moment
from services.kit.store import check, codec
from services.kit.store.port import Answer, Audit, Document, In, Kind, Range, Record, RequestKey, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.store.port import Value
    from services.kit.store.query import Query, Scalar

BYTES = 15 * 1024 * 1024
"""What a state may take as BSON: a document takes 16 MiB, and a list of numbers takes more than its JSON."""

DAY: Final = timedelta(days=1)

Stored: TypeAlias = dict[str, Any]
"""A document as the driver takes and gives it."""

DUE: Stored = {"due_at": {"$exists": True}, "gone": False}
PENDING: Stored = {"pending": {"$exists": True}}
HERE: Stored = {"gone": False}


class Index(NamedTuple):
    """An index as it has to be: its keys in order, and its options as the server names them."""

    name: str
    keys: tuple[str, ...]
    options: Stored


ANSWER_INDEXES = (
    Index("expired", ("expires",), {"expireAfterSeconds": 0}),
    Index("expires_at", ("expires_at",), {}),
)
AUDIT_INDEXES = (Index("history", ("kind", "id", "revision", "_id"), {}),)


def indexes(kind: Kind) -> list[Index]:
    """Those of a collection of records. All end in the id, so that a page is a range of them."""
    found = [
        Index("__".join(("find", *index)), (*(f"state.{field}" for field in index), "_id"), _partial(HERE))
        for index in kind.indexes
    ]
    due = Index("due", ("due_at", "_id"), _partial(DUE))
    return [*found, due, Index("pending", ("pending", "_id"), _partial(PENDING))]


def _partial(expression: Stored) -> Stored:
    return {"partialFilterExpression": expression}


def fits(record: Record, text: str) -> None:
    """Raises ValueError for what only a document cannot hold. `text`: the state as JSON, which may be the shorter."""
    where = f"{record.kind} {record.id!r}"
    for view in record.views:
        if not check.NAME.fullmatch(view.name):
            raise ValueError(f"{where}: {view.name!r} cannot name a view")
    if len(text) > codec.BYTES // 8 and len(bson.encode(record.state)) > BYTES:
        raise ValueError(f"{where}: state: is larger than {BYTES} bytes as BSON")


def inserted(record: Record, text: str, version: int, epoch: int, serial: int) -> Stored:
    """The document of a record of which nothing is stored. `text`: its state as JSON."""
    views = {view.name: _view(view, 0) for view in record.views}
    marked = {"pending": serial} if views else {}
    own = _own(record, text, version)
    due = {} if record.due_at is None else {"due_at": record.due_at}
    return {"_id": record.id, **own, "epoch": epoch, **due, "views": views, **marked}


def changed(record: Record, text: str, version: int, epoch: int, serial: int, views: Stored) -> Stored:
    """The update that makes the stored document this record. `views` are the stored ones: those that rose replace."""
    known = {name: (view["revision"], view["sequence"]) for name, view in views.items()}
    risen = [view for view in record.views if view.revision > known.get(view.name, (0, 0))[0]]
    written = {f"views.{view.name}": _view(view, known.get(view.name, (0, 0))[1]) for view in risen}
    sets = {**_own(record, text, version), **written}
    update: Stored = {"$set": sets, "$max": {"epoch": epoch}}
    if record.due_at is None:
        update["$unset"] = {"due_at": ""}
    else:
        sets["due_at"] = record.due_at
    if risen:
        update["$min"] = {"pending": serial}
    return update


def marked(views: Stored, epoch: int, serial: int) -> Stored:
    """The update that marks every one of these views, its sequence unknown; who was marked before keeps its turn."""
    sets = {f"views.{name}.{field}": value for name in views for field, value in (("pending", True), ("sequence", 0))}
    return {"$set": sets, "$min": {"pending": serial}, "$max": {"epoch": epoch}} if sets else {"$max": {"epoch": epoch}}


def _own(record: Record, text: str, version: int) -> Stored:
    return {
        "revision": record.revision,
        "version": version,
        "at": record.at,
        "actor": record.actor,
        "gone": record.gone,
        "state": codec.document(text),
    }


def _view(view: View, sequence: int) -> Stored:
    return {"revision": view.revision, "at": view.at, "digest": view.digest, "pending": True, "sequence": sequence}


def record(kind: Kind, epoch: int, document: Stored) -> Record:
    """The record in a document, in the present shape. Raises ValueError for a document of a newer one."""
    state = codec.upgraded(kind, document["_id"], document["version"], plain(document["state"]))  # type: ignore[arg-type]  # a document
    views = (
        View(name, int(view["revision"]), view["at"], view["digest"], view["pending"], int(view["sequence"]))
        for name, view in sorted(document["views"].items())
    )
    return Record(
        kind=kind.name,
        id=document["_id"],
        revision=int(document["revision"]),
        state=state,
        at=document["at"],
        actor=document["actor"],
        epoch=epoch,
        due_at=document.get("due_at"),
        gone=document["gone"],
        views=tuple(views),
    )


def plain(value: Value) -> Value:
    """The value with integers that are nothing more: the driver has a type of its own for the long ones."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def answer_id(key: RequestKey) -> Document:
    """What names an answer. The order of its fields is part of it."""
    return {"method": key.method, "caller": key.caller, "request_id": key.request_id}


def answered(answer: Answer, shift: timedelta) -> Stored:
    """The document of an answer. `expires` is for the server, whose clock may be ahead of ours by `shift`."""
    own = {"digest": answer.digest, "reply": answer.reply, "expires_at": answer.expires_at}
    if answer.expires_at.endswith(MIDNIGHT):  # minutes do not matter then, and a part of a day would tell when it was
        shift = _days(shift)
    expires = moment(answer.expires_at) + shift
    return {"_id": answer_id(answer.key), **own, "expires": expires}


def _days(shift: timedelta) -> timedelta:
    """Whole days, more rather than fewer; none where the clocks are less than one apart."""
    return -(-shift // DAY) * DAY if shift >= DAY else timedelta()


def answer(document: Stored) -> Answer:
    """The answer in a document."""
    key = document["_id"]
    named = RequestKey(key["method"], key["caller"], key["request_id"])
    return Answer(named, document["digest"], document["reply"], document["expires_at"])


def audited(line: Audit, serial: int, position: int, writer: str) -> Stored:
    """The document of an audit line. Its id sorts as it was written, also among lines of one revision.

    The number of a commit is about the time at which it was made. A line that says no more than a day has a random one
    in its stead, so that it sorts with others of its revision by where it stands in the commit alone.
    """
    said = {"at": line.at, "actor": line.actor, "action": line.action, "reason": line.reason}
    id_ = f"{serial:016}-{position:06}-{writer}"
    if line.at.endswith(MIDNIGHT):
        id_ = f"{0:016}-{position:06}-{secrets.token_hex(12)}"
    return {"_id": id_, "kind": line.kind, "id": line.id, "revision": line.revision, **said}


def audit(document: Stored) -> Audit:
    """The line in a document."""
    said = (document[field] for field in ("at", "actor", "action", "reason"))
    return Audit(document["kind"], document["id"], int(document["revision"]), *said)


def wanted(query: Query) -> Stored:
    """The filter of a search."""
    terms: list[Stored] = [dict(HERE)]
    terms += [{f"state.{field}": _condition(condition)} for field, condition in query.where.items()]
    if query.after is not None:
        position = dict(zip(_ordered(query), query.after, strict=True))
        terms += _after(list(position), list(position.values()))
    return {"$and": terms}


def ordered(query: Query) -> list[tuple[str, int]]:
    """The order of a search."""
    return [(field, 1) for field in dict.fromkeys(_ordered(query))]


def _ordered(query: Query) -> list[str]:
    return [*(f"state.{field}" for field in query.order), "_id"]


def _after(fields: Sequence[str], values: Sequence[Scalar]) -> list[Stored]:
    """Behind this position: a range of the first field, which bounds the index, and what follows in it."""
    steps = [
        {**dict(zip(fields[:depth], values, strict=False)), fields[depth]: {"$gt": values[depth]}}
        for depth in range(len(fields))
    ]
    return [{fields[0]: {"$gte": values[0]}}, {"$or": steps}] if len(steps) > 1 else steps


def _condition(wanted: Scalar | In | Range) -> Any:
    if isinstance(wanted, In):
        return {"$in": list(wanted.values)}
    if isinstance(wanted, Range):
        bounds = {"$gte": wanted.low, "$lt": wanted.high}
        stated = {operator: bound for operator, bound in bounds.items() if bound is not None}
        return stated or {"$exists": True}
    return {"$eq": wanted}

"""MongoDB's two drivers for asyncio as one: what differs between them is in this module and nowhere else.

Motor is the default. PyMongo's own asyncio API, its successor, has the same names; a few calls of it are
coroutines where Motor's are not, or the other way round.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from services.kit.store.port import Unwritten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

Driver: TypeAlias = Literal["motor", "pymongo"]
Client: TypeAlias = Any
Session: TypeAlias = Any
Database: TypeAlias = Any
Collection: TypeAlias = Any

CLIENTS: dict[str, Any] = {"motor": AsyncIOMotorClient, "pymongo": pymongo.AsyncMongoClient}
DURABLE = WriteConcern("majority", j=True)
SETTINGS: dict[str, Any] = {
    "appname": "openchair",
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "timeoutMS": 10_000,
    "retryWrites": True,
    "retryReads": True,
}
"""What the URL may say otherwise. What makes a commit durable it may not: see `durable`."""
ABORT_SECONDS = 1.0


def connect(url: str, driver: Driver = "motor") -> Client:
    """A client, which connects when it is used; of the loop that it is made in. Raises ValueError, without the URL."""
    _, _, query = url.partition("?")
    stated = {option.partition("=")[0].lower() for option in query.replace(";", "&").split("&")}
    unstated = {name: value for name, value in SETTINGS.items() if name.lower() not in stated}
    try:
        return CLIENTS[driver](url, **unstated)
    except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
        raise ValueError(f"the address of MongoDB cannot be used ({type(error).__name__})") from None


async def disconnect(client: Client) -> None:
    """Closes the client. Motor's says goodbye to the server while it blocks: not in the event loop."""
    if inspect.iscoroutinefunction(client.close):
        await client.close()
    else:
        await asyncio.to_thread(client.close)


def durable(client: Client, name: str) -> Database:
    """The database, read and written by what a majority has on its disks, decided on by its primary."""
    return client.get_database(
        name,
        write_concern=DURABLE,
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


@asynccontextmanager
async def session(client: Client, **options: Any) -> AsyncIterator[Session]:
    """A session, ended afterwards."""
    opened = await _arrived(client.start_session(**options))
    try:
        yield opened
    finally:
        await opened.end_session()


async def begin(session: Session) -> None:
    """Starts a transaction: one snapshot to read, durable when it commits."""
    await _arrived(
        session.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=DURABLE, read_preference=ReadPreference.PRIMARY
        )
    )


async def abandon(session: Session) -> None:
    """Aborts the transaction. Where that cannot be said, the server does so when the session ends."""
    try:
        with pymongo.timeout(ABORT_SECONDS):
            await session.abort_transaction()
    except PyMongoError:
        return


@contextmanager
def unwritten() -> Iterator[None]:
    """What the database refuses or cannot be asked for is `Unwritten`: for reads, and writes that may be repeated."""
    try:
        yield
    except PyMongoError as error:
        raise Unwritten(reason(error)) from error


def reason(error: PyMongoError) -> str:
    """What went wrong, short: the name of the error, its code, its first words."""
    code = getattr(error, "code", None)
    words, _, _ = str(error).partition(", full error:")
    words, _, _ = words.partition(", Timeout:")
    return f"{type(error).__name__}{f' {code}' if code else ''}: {words}"


async def _arrived(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value

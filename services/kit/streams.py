"""Streams, their settings and who may do what to them, as data. Pure but for `provision` and `check`."""

from __future__ import annotations

import asyncio
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import msgspec

from services.kit.direct import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.kit.bus_port import Bus

OLDEST_SERVER = (2, 14)
"""Older ones let routes and leaf nodes in without authentication."""

DUPLICATE_WINDOW = 0.1
"""Seconds, the least the server takes: nothing here relies on Nats-Msg-Id."""

FOLLOWERS = 32
"""How many processes of one user may follow a stream at a time."""

NANOSECONDS = 1_000_000_000


class StreamSettings(msgspec.Struct, frozen=True):
    """A stream that holds the newest message of each subject, and pushes back when it is full."""

    name: str
    subjects: tuple[str, ...]
    storage: str = "file"
    retention: str = "limits"
    max_msgs_per_subject: int = 1
    discard: str = "new"
    allow_msg_ttl: bool = True
    allow_direct: bool = False
    duplicate_window: float = DUPLICATE_WINDOW
    max_age: float = 0
    max_msgs: int = -1
    max_bytes: int = -1
    num_replicas: int = 1
    sources: tuple[str, ...] = ()


class StreamState(msgspec.Struct, frozen=True):
    """A stream as found. A past was lost if `created` changed or `last_sequence` fell."""

    created: str
    last_sequence: int
    messages: int
    settings: StreamSettings


class NatsUser(msgspec.Struct, frozen=True):
    """Whom the server lets in: `publishes` are subjects ("openchair.home.public.books.>"), `follows` stream names.

    `works`: names of streams whose messages its instances share out among them (`Bus.work`). Its post in each of them
    has the user's own name, and nobody else may take from it, move it or remove it.
    `provisions`: may create, change and delete streams. Whoever may do that can make a stream source any other one and
    read it, so no service is given it.
    """

    name: str
    publishes: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    provisions: bool = False
    works: tuple[str, ...] = ()


def public_stream(site: str) -> str:
    """The stream of everything public of a site."""
    return f"PUBLIC_{site}"


def private_stream(site: str, service: str) -> str:
    """The stream of one service's private views."""
    return f"PRIVATE_{site}_{service}"


def dead_stream(site: str, service: str) -> str:
    """The stream of what one service could not handle."""
    return f"DEAD_{site}_{service}"


def stream_of(subject: str) -> str:
    """The stream that stores a subject. Raises ValueError for one that is not ours."""
    tokens = subject.split(".")
    if len(tokens) < 4 or tokens[0] != "openchair" or tokens[2] not in ("public", "private", "dead"):  # noqa: PLR2004 - shape
        raise ValueError(f"{subject!r} is not a subject of ours")
    if tokens[2] == "public":
        return public_stream(tokens[1])
    return (private_stream if tokens[2] == "private" else dead_stream)(tokens[1], tokens[3])


def subjects_of(site: str, view: str, service: str) -> str:
    """All subjects of one service's public or private view, or of its dead letters ("dead")."""
    return f"openchair.{site}.{view}.{service}.>"


def subjects_of_kind(site: str, view: str, service: str, kind: str) -> str:
    """The subjects of one kind of record, of all scopes: who follows only these is sent nothing else."""
    return f"openchair.{site}.{view}.{service}.*.{kind}.*"


def declared(
    site: str, private: Iterable[str], replicas: int = 1, *, reacts: Iterable[str] = ()
) -> tuple[StreamSettings, ...]:
    """The streams of a site: the public one, one per service with a private view, one per service that reacts."""
    wanted = {public_stream(site): f"openchair.{site}.public.>"}
    wanted |= {private_stream(site, service): subjects_of(site, "private", service) for service in private}
    wanted |= {dead_stream(site, service): subjects_of(site, "dead", service) for service in reacts}
    return tuple(StreamSettings(name, (subjects,), num_replicas=replicas) for name, subjects in wanted.items())


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject falls under a pattern, where "*" is one token and ">" at the end all that are left."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and _agree(wanted[:-1], tokens)
    return len(tokens) == len(wanted) and _agree(wanted, tokens)


def _agree(wanted: Sequence[str], tokens: Sequence[str]) -> bool:
    return all(one in ("*", token) for one, token in zip(wanted, tokens, strict=False))


def inbox(user: str) -> str:
    """The prefix of a user's replies: nobody else may listen there."""
    return f"_INBOX_{user}"


def followers(user: NatsUser) -> list[str]:
    """The names that a user's followers of a stream may have there.

    Whoever may create a consumer without a name, or under any name, can change those of others, workers' posts too
    [run on 2.15.1]: so each user has its own names, and one of them for each process that follows.
    """
    return [f"{user.name}-{number}" for number in range(FOLLOWERS)]


def permissions(user: NatsUser) -> dict[str, Any]:
    """What one user may publish and subscribe to, in the words of the server's configuration."""
    may = ["$JS.API.INFO", *user.publishes]
    for stream in sorted({stream_of(subject) for subject in user.publishes}):
        may += [f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.STREAM.MSG.GET.{stream}"]
    for stream in user.follows:
        may += [f"$JS.API.STREAM.INFO.{stream}", f"$JS.FC.{stream}.>"]
        may += [f"$JS.API.CONSUMER.{verb}.{stream}.{name}" for verb in ("CREATE", "DELETE") for name in followers(user)]
    for stream in user.works:
        verbs = ("CREATE", "INFO", "DELETE", "MSG.NEXT")
        may += [f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.STREAM.MSG.GET.{stream}"]
        may += [f"$JS.API.CONSUMER.{verb}.{stream}.{user.name}" for verb in verbs]
        may.append(f"$JS.ACK.{stream}.{user.name}.>")
    if user.provisions:
        may += [f"$JS.API.STREAM.{verb}.*" for verb in ("CREATE", "UPDATE", "DELETE", "INFO")]
    return {"publish": {"allow": sorted(set(may))}, "subscribe": {"allow": [f"{inbox(user.name)}.>"]}}


def authorization(users: Iterable[NatsUser], passwords: Mapping[str, str]) -> dict[str, Any]:
    """The `authorization` block of a server's configuration; as JSON it is text that the server reads."""
    return {
        "users": [
            {"user": user.name, "password": passwords[user.name], "permissions": permissions(user)} for user in users
        ]
    }


def wire(settings: StreamSettings) -> dict[str, Any]:
    """The settings in the words of the JetStream API (durations in nanoseconds)."""
    config = {name: getattr(settings, name) for name in settings.__struct_fields__}
    for name in ("duplicate_window", "max_age"):
        config[name] = int(config[name] * NANOSECONDS)
    return config | {"subjects": list(settings.subjects), "sources": [{"name": source} for source in settings.sources]}


def updated(config: Mapping[str, Any], wanted: StreamSettings) -> dict[str, Any]:
    """A stream's configuration, as found, brought up to date.

    What is not ours to say stays: limits of size, copies beyond those wanted, what it sources, where it is placed.
    """
    ours = wire(wanted) | {"num_replicas": max(wanted.num_replicas, config.get("num_replicas", 1))}
    for name, unsaid in (("max_bytes", wanted.max_bytes < 0), ("sources", not wanted.sources)):
        if unsaid:
            del ours[name]
    return {**config, **ours}


def state(reply: Mapping[str, Any]) -> StreamState:
    """What an answer to STREAM.INFO says."""
    config, counts = reply["config"], reply["state"]
    found = {name: config[name] for name in StreamSettings.__struct_fields__ if name in config}
    for name in ("duplicate_window", "max_age"):
        found[name] = found.get(name, 0) / NANOSECONDS
    found["subjects"] = tuple(found.get("subjects", ()))
    found["sources"] = tuple(source["name"] for source in found.get("sources") or ())
    for name in ("allow_msg_ttl", "allow_direct"):
        found.setdefault(name, False)  # the server leaves out what is false
    return StreamState(reply["created"], counts["last_seq"], counts["messages"], StreamSettings(**found))


async def provision(bus: Bus, wanted: Iterable[StreamSettings]) -> None:
    """Creates or updates streams, as a user that `provisions`. Raises BusUnavailable."""
    for settings in wanted:
        await bus.declare(settings)


async def check(bus: Bus, wanted: Iterable[StreamSettings]) -> list[str]:
    """What differs from what was declared, a sentence each; changes nothing. Raises BusUnavailable."""
    wrong = _version(bus.server_version)
    for settings in wanted:
        found = await bus.stream(settings.name)
        wrong += [f"there is no stream {settings.name}"] if found is None else differences(found.settings, settings)
    return wrong


def differences(found: StreamSettings, wanted: StreamSettings) -> list[str]:
    """The settings that differ, replicas and limits of size aside: those are the operator's to choose."""
    fields = [name for name in wanted.__struct_fields__ if name not in ("num_replicas", "max_bytes", "sources")]
    return [
        f"stream {wanted.name}: {name} is {getattr(found, name)!r}, should be {getattr(wanted, name)!r}"
        for name in fields
        if getattr(found, name) != getattr(wanted, name)
    ]


def _version(text: str) -> list[str]:
    numbers = text.removeprefix("v").split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) >= OLDEST_SERVER:
        return []
    return [f"nats-server {text or '(unknown)'} is too old: {'.'.join(map(str, OLDEST_SERVER))} or newer is needed"]


async def check_sync(monitors: Sequence[str]) -> list[str]:
    """What is wrong with how the servers write to disk, as their monitoring ports (NATS_MONITOR_URLS) tell it."""
    if not monitors:
        return ["NATS_MONITOR_URLS names no server, so that sync_interval cannot be seen"]
    found = await asyncio.gather(*(asyncio.to_thread(_sync, url) for url in monitors))
    return [problem for problem in found if problem]


class _Config(msgspec.Struct, frozen=True):
    sync_always: bool = False


class _JetStream(msgspec.Struct, frozen=True):
    config: _Config = _Config()


class _Varz(msgspec.Struct, frozen=True):
    """As much of a server's own account as matters here."""

    jetstream: _JetStream = _JetStream()


_VARZ = msgspec.json.Decoder(_Varz)


def _sync(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return f"NATS_MONITOR_URLS: {url} is not an http address"
    try:
        varz = _VARZ.decode(fetch(f"{url.rstrip('/')}/varz"))
    except HTTPException:
        return f"NATS_MONITOR_URLS: {url} does not say how it writes to disk: it speaks no HTTP"
    except (OSError, ValueError) as error:
        return f"NATS_MONITOR_URLS: {url} does not say how it writes to disk: {error}"
    return "" if varz.jetstream.config.sync_always else f"{url}: jetstream.sync_interval must be 'always'"

"""What an installation is told by its environment: read once, checked whole, passed down.

A process that finds anything wrong refuses to start and names every key, never a value. No secret has a default.
`.env.example` lists every variable.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

PREFIX = "OPENCHAIR_"
LEVELS = ("debug", "info", "warning", "error")
ENVIRONMENTS = ("development", "production")
LONGEST_RETENTION = 365
SHORTEST_SECRET = 32
LONGEST_SITE = 32
HIGHEST_PORT = 65535

TEST_KEYS = frozenset({"OPENCHAIR_MONGOD", "OPENCHAIR_GATE"})
"""Read by the tests alone: a person may have them set when starting the program."""

FROM_FILES = ("MONGODB_URL", "OPENCHAIR_PAGE_SECRET", "OPENCHAIR_GUEST_SECRET")
"""Secrets that may stand in a file that <key>_FILE names: an environment is seen by whoever may look at a container."""

_PLACEHOLDER = re.compile(
    r"(?:(?:change|replace|fill|my|your|our|the|this|here|it|me|in|a|an|some|default|example|dummy|sample|placeholder"
    r"|insecure|secret|password|passwd|pass|key|token|admin|root|guest|test|testing|todo|random|string|value|\d)s?[\W_]*)+"
    r"|<.*>|(.)\1*",
    re.IGNORECASE,
)

_VERSIONS = 'a version, a space and 32 random bytes in base64: "1 " and `openssl rand -base64 32`; several with commas'

T = TypeVar("T")
Reader: TypeAlias = Callable[[str], T]


class SettingsError(Exception):
    """The environment does not fit. `problems` has one sentence for each key that is wrong, the key first."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > HIGHEST_PORT:
        raise ValueError(f"must be a port, 0 (any that is free) to {HIGHEST_PORT}")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _one_of(*values: str) -> Reader[str]:
    def read(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return text.lower()

    return read


def _site(text: str) -> str:
    if len(text) > LONGEST_SITE or not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", text):
        raise ValueError(f"must be 1 to {LONGEST_SITE} of a-z, 0-9 and '-' (it is part of stream and subject names)")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", text):
        raise ValueError("must be a host name or an IP address")
    return text


def _url(text: str, *schemes: str) -> SplitResult:
    """The parts of a URL. Raises ValueError for another scheme, no host, or a password that is a placeholder."""
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and (parts.port or 0) <= HIGHEST_PORT
    except ValueError:
        sound = False
    if not sound or parts.scheme not in schemes:
        raise ValueError(f"must be a URL with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host")
    if parts.password is not None and _PLACEHOLDER.fullmatch(unquote(parts.password)):
        raise ValueError("has a placeholder for a password: set one of your own")
    return parts


def _public_url(text: str) -> str:
    parts = _url(text, "https", "http")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https:// (http:// on localhost only)")
    if parts.query or parts.fragment or parts.username is not None or parts.path not in {"", "/"}:
        raise ValueError("must be scheme, host and port only")
    return text.rstrip("/")


def _nats_url(text: str) -> str:
    for part in text.split(","):
        _url(part.strip(), "nats", "tls", "ws", "wss")
    return text


def _targets(text: str) -> tuple[tuple[str, str], ...]:
    """Services by name, each with its address: "books=grpc://10.0.0.5:50051"."""
    found = [tuple(part.strip().partition("=")[::2]) for part in text.split(",")]
    for name, url in found:
        parts = _url(url, "grpc", "grpcs")
        if not name or parts.port is None or parts.username is not None or parts.path or parts.query:
            raise ValueError("must be <service>=grpc://<host>:<port> (grpcs:// with TLS), with commas between several")
    return tuple((name, url) for name, url in found)


def _mongodb_url(text: str) -> str:
    first, *_ = text.split(",")  # more hosts follow the first, which urlsplit would take for a wrong port
    _url(first, "mongodb", "mongodb+srv")
    return text


def _database(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", text):
        raise ValueError("must be 1 to 63 of A-Z, a-z, 0-9, '_' and '-'")
    return text


def _replicas(text: str) -> int:
    if text not in {"1", "3", "5"}:
        raise ValueError("must be 1, 3 or 5, and no more than the cluster has servers")
    return int(text)


def _retention_days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LONGEST_RETENTION:
        raise ValueError(f"must be a number of days from 1 to {LONGEST_RETENTION}")
    return int(text)


def _monitor_urls(text: str) -> tuple[str, ...]:
    urls = tuple(part.strip().rstrip("/") for part in text.split(","))
    for url in urls:
        if _url(url, "http", "https").username is not None:
            raise ValueError("must not hold a user or password: monitoring has none, and the addresses are shown")
    return urls


def _secret(text: str) -> str:
    if _PLACEHOLDER.fullmatch(text):
        raise ValueError("is a placeholder: set a secret of your own (openssl rand -base64 32)")
    if len(text) < SHORTEST_SECRET or len(set(text)) < SHORTEST_SECRET // 4:
        raise ValueError(f"must be at least {SHORTEST_SECRET} random characters (openssl rand -base64 32)")
    return text


def read_versions(text: str) -> tuple[tuple[str, bytes], ...]:
    """Secrets by version, the newest last: "1 <base64>", on lines or with commas between. Raises ValueError."""
    found: dict[str, bytes] = {}
    for part in filter(None, map(str.strip, text.replace(",", "\n").splitlines())):
        version, _, secret = part.partition(" ")
        if version in found:
            raise ValueError("has a version twice")
        found[version] = _random_bytes(secret.strip())
    if not found:
        raise ValueError(f"must be {_VERSIONS}")
    return tuple(found.items())


def _random_bytes(text: str) -> bytes:
    if text and _PLACEHOLDER.fullmatch(text):
        raise ValueError("holds a placeholder: set a secret of your own (openssl rand -base64 32)")
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < SHORTEST_SECRET // 4:
        raise ValueError(f"must be {_VERSIONS}")
    return secret


def _setting(key: str, reader: Reader[Any], default: T, *, secret: bool = False) -> T:
    """A field read from this variable; where it is unset or empty the default holds. A secret is not in the repr."""
    made: T = field(default=default, repr=not secret, metadata={"key": key, "read": reader})
    return made


@dataclass(frozen=True)
class Settings:
    """All settings of a process. Each field's variable and default are in `.env.example` with what they mean."""

    host: str = _setting("OPENCHAIR_HOST", _host, "127.0.0.1")
    http_port: int = _setting("OPENCHAIR_HTTP_PORT", _port, 8080)
    grpc_port: int = _setting("OPENCHAIR_GRPC_PORT", _port, 50051)
    behind_tls_proxy: bool = _setting("OPENCHAIR_BEHIND_TLS_PROXY", _flag, default=False)
    public_url: str | None = _setting("OPENCHAIR_PUBLIC_URL", _public_url, None)
    data: Path = _setting("OPENCHAIR_DATA", Path, Path("var"))  # noqa: RUF009 - it makes a field
    site: str = _setting("OPENCHAIR_SITE", _site, "local")
    env: str = _setting("OPENCHAIR_ENV", _one_of(*ENVIRONMENTS), "development")
    log_level: str = _setting("OPENCHAIR_LOG_LEVEL", _one_of(*LEVELS), "info")
    token_keys: Path | None = _setting("OPENCHAIR_TOKEN_KEYS", Path, None)  # noqa: RUF009 - the same
    page_secret: str | None = _setting("OPENCHAIR_PAGE_SECRET", _secret, None, secret=True)
    guest_secret: tuple[tuple[str, bytes], ...] | None = _setting(
        "OPENCHAIR_GUEST_SECRET", read_versions, None, secret=True
    )
    guest_retention_days: int = _setting("OPENCHAIR_GUEST_RETENTION_DAYS", _retention_days, 30)
    mongodb_url: str | None = _setting("MONGODB_URL", _mongodb_url, None, secret=True)
    mongodb_database: str | None = _setting("OPENCHAIR_MONGODB_DATABASE", _database, None)
    nats_url: str | None = _setting("NATS_URL", _nats_url, None, secret=True)
    nats_monitor_urls: tuple[str, ...] = _setting("NATS_MONITOR_URLS", _monitor_urls, (), secret=True)
    nats_credentials: Path | None = _setting("OPENCHAIR_NATS_CREDENTIALS", Path, None)  # noqa: RUF009 - the same
    nats_sync_trusted: bool = _setting("OPENCHAIR_NATS_SYNC_TRUSTED", _flag, default=False)
    backups: Path | None = _setting("OPENCHAIR_BACKUPS", Path, None)  # noqa: RUF009 - the same
    backup_key_file: Path | None = _setting("OPENCHAIR_BACKUP_KEY_FILE", Path, None)  # noqa: RUF009 - the same
    nats_replicas: int = _setting("OPENCHAIR_NATS_REPLICAS", _replicas, 1)
    stated_target: str | None = _setting("OPENCHAIR_TARGET", str, None)
    targets: tuple[tuple[str, str], ...] | None = _setting("OPENCHAIR_TARGETS", _targets, None)
    token: str | None = _setting("OPENCHAIR_TOKEN", str, None, secret=True)

    @property
    def target(self) -> str:
        """The server that a client talks to: as stated, else the one on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.stated_target or f"{host}:{self.grpc_port}"

    @property
    def development(self) -> bool:
        """Whether conveniences for developers are on, such as reflection."""
        return self.env == "development"


def keys() -> tuple[str, ...]:
    """Every variable there is, in the order of the model."""
    return tuple(setting.metadata["key"] for setting in fields(Settings))


def key_of(name: str) -> str:
    """The variable of a field."""
    return str(next(setting.metadata["key"] for setting in fields(Settings) if setting.name == name))


def read(environ: Mapping[str, str]) -> Settings:
    """The settings that the environment states. Raises SettingsError with everything that is wrong."""
    problems = [_unknown(key) for key in sorted(environ) if key.startswith(PREFIX) and key not in _known()]
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        key = setting.metadata["key"]
        try:
            if text := _stated(environ, key):
                values[setting.name] = setting.metadata["read"](text)
        except ValueError as error:
            problems.append(f"{key} {error}")
    settings = Settings(**values)
    problems += _conflicts(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _stated(environ: Mapping[str, str], key: str) -> str:
    """What is stated for a key, by itself or in a file; empty where nothing is. Raises ValueError."""
    text = environ.get(key, "").strip()
    path = environ.get(f"{key}_FILE", "").strip() if key in FROM_FILES else ""
    if not path:
        return text
    if text:
        raise ValueError(f"is stated twice: by itself, and in the file of {key}_FILE")
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"cannot be read from the file of {key}_FILE: {why}") from None


def is_loopback(host: str) -> bool:
    """Whether a listener there is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _known() -> frozenset[str]:
    return frozenset(keys()) | TEST_KEYS | {f"{key}_FILE" for key in FROM_FILES}


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, _known(), n=1, cutoff=0.6)
    return f"{key} is not a setting" + (f": did you mean {near[0]}?" if near else "")


def _conflicts(settings: Settings) -> list[str]:
    """What is wrong with settings that are each well formed."""
    problems = []
    if not is_loopback(settings.host) and not settings.behind_tls_proxy:
        problems.append(
            "OPENCHAIR_HOST would listen in plain text off this machine: use 127.0.0.1, or set"
            " OPENCHAIR_BEHIND_TLS_PROXY=true where a proxy in front is the only one that reaches it and speaks TLS"
        )
    if settings.http_port == settings.grpc_port != 0:
        problems.append("OPENCHAIR_GRPC_PORT must not be that of OPENCHAIR_HTTP_PORT")
    return problems

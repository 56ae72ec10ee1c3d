"""What commands share: how they end, how they read their arguments, and who they are to the server."""

from __future__ import annotations

import argparse
import getpass
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.call import EVERYWHERE
from services.kit.clock import SystemClock
from services.kit.names import is_id
from services.kit.settings import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.settings import Settings

REFUSED, USAGE, PARTLY, NO_SERVER, STOPPED = 1, 2, 3, 4, 130
EXIT_CODES: Final = """exit codes:
  0    done
  1    refused or failed: the message says why
  2    not understood: an option or a setting is wrong
  3    done, but some records were refused: the report says which and why
  4    no server answers
  130  stopped with Ctrl-C: the message says what is in
"""
OWN_TOKEN = timedelta(minutes=55)


class Command(argparse.ArgumentParser):
    """A parser whose usual action may go without saying: `openchair close riverside` is `close create riverside`."""

    usual: str = ""
    actions: frozenset[str] = frozenset()
    alone: bool = False
    """Whether the usual action is meant where nothing at all is said; else that is help."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ArgumentParser does, with the usual action where none is named."""
        if self.usual and (args[0] not in self.actions if args else self.alone):
            args = [self.usual, *args]
        return super().parse_known_args(args, namespace)


class Failure(Exception):  # noqa: N818 - said to a person, with an exit code
    """Why a command did not do what it was asked to."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


def centre_id(text: str) -> str:
    """An argument that is a centre's id. Raises ArgumentTypeError."""
    if not is_id(text):
        raise ArgumentTypeError(
            f"{text!r} is not the id of a centre (such as riverside-aa); `openchair centre list` shows which there are"
        )
    return text


def site_address(settings: Settings) -> str:
    """Where people reach the site over HTTP, without a slash at its end; empty where that is not known here."""
    return (settings.public_url or local_address(settings)).rstrip("/")


def local_address(settings: Settings) -> str:
    """Where a server on this computer answers over HTTP; empty for one elsewhere."""
    if not is_loopback(settings.target.rpartition(":")[0]) or not settings.http_port:
        return ""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.http_port}"


def seen(text: str) -> str:
    """The text as a terminal may show it: whoever wrote it, it moves no cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def own_token(settings: Settings) -> str:
    """OPENCHAIR_TOKEN; else, for whoever may read the data folder's private key, one of an operator; else none."""
    if settings.token:
        return settings.token
    folder = settings.data / "keys"
    if not _readable(folder / "token.key"):
        return ""
    return make_token(
        load_or_make_keys(folder).private,
        subject(),
        {EVERYWHERE: ["operator"]},
        audience=audience_of(settings.site),
        lifetime=OWN_TOKEN,
        clock=SystemClock(),
    )


def subject() -> str:
    """Who is at the keyboard, for the audit trail."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "operator"
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:60] or "operator"


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False

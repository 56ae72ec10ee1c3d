"""What opens a backup: a passphrase that is asked for, or a key file. Neither is ever an argument."""

from __future__ import annotations

import getpass
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli.shell import USAGE, Failure
from services.kit.wrapping import Holder, read_key_file

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

SHORTEST: Final = 12
"""Characters of a passphrase."""


def add_to(parser: Any) -> None:
    """Adds the option."""
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="KEY",
        help="a file with a key (openssl rand -base64 32), instead of a passphrase; also OPENCHAIR_BACKUP_KEY_FILE",
    )


def chosen(asked: argparse.Namespace, settings: Settings) -> tuple[Holder, bytes]:
    """The secret for a new backup; a passphrase is asked for twice. Raises Failure."""
    path = asked.key_file or settings.backup_key_file
    return ("key-file", _from_file(path)) if path else ("passphrase", _bytes(_new_passphrase()))


def known(asked: argparse.Namespace, settings: Settings, holder: Holder) -> bytes:
    """The secret of a backup that was made with this kind of one. Raises Failure."""
    if holder == "passphrase":
        return _bytes(_ask("Passphrase of the backup: "))
    path = asked.key_file or settings.backup_key_file
    if path is None:
        raise Failure(
            "this backup was made with a key file: name it with --key-file or OPENCHAIR_BACKUP_KEY_FILE", USAGE
        )
    return _from_file(path)


def _from_file(path: Path) -> bytes:
    try:
        return read_key_file(path)
    except (OSError, ValueError) as error:
        raise Failure(f"--key-file: {error}", USAGE) from None


def _bytes(passphrase: str) -> bytes:
    """The same for every keyboard: composed letters (NFC), as RFC 8265 section 4.2 prepares passwords."""
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")


def _new_passphrase() -> str:
    first = _ask(f"Passphrase for the backup, {SHORTEST} characters or more (six words are good): ")
    if len(first) < SHORTEST:
        raise Failure(f"a passphrase has {SHORTEST} characters or more: nothing was made", USAGE)
    if _ask("The same again: ") != first:
        raise Failure("these were two different passphrases: nothing was made", USAGE)
    return first


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise Failure(
            "a passphrase is asked for on a terminal, and this is none: use --key-file or OPENCHAIR_BACKUP_KEY_FILE",
            USAGE,
        )
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise Failure("no passphrase: nothing was made", USAGE) from None

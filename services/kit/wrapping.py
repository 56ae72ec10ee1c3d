"""The key of a backup, wrapped by what a person keeps: a passphrase, or a file with a key.

A passphrase goes through scrypt (RFC 7914), a key file, which is random already, through HKDF-SHA-256 (RFC 5869). The
wrapped key is AES-256-GCM under the result, together with the parameters it was made with.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from services.kit.backup import FORMAT, LONGEST_HEADER, MAGIC
from services.kit.sealed import KEY, Damaged

if TYPE_CHECKING:
    from pathlib import Path

Holder = Literal["passphrase", "key-file"]

COST = 2**17
"""Of scrypt: 128 MiB and about a third of a second (OWASP's first choice)."""
HIGHEST_COST = 2**19
"""A file may ask for no more: 512 MiB."""
SHORTEST_SECRET = 32
"""Characters of a key file."""
LONGEST_SECRET = 4096
_BLOCK = 8
_NONCE = 12


class WrongKey(ValueError):  # noqa: N818 - said to a person
    """The passphrase or the key file is not the one the backup was made with."""


class Wrapped(msgspec.Struct, frozen=True):
    """A wrapped key: bytes in hex, `cost` of scrypt (0 where there is a key file)."""

    holder: Holder
    salt: str
    cost: int
    nonce: str
    key: str


_decoder = msgspec.json.Decoder(Wrapped)


def wrap(key: bytes, holder: Holder, secret: bytes) -> Wrapped:
    """The key, for whoever has the secret."""
    salt, nonce, cost = os.urandom(16), os.urandom(_NONCE), COST if holder == "passphrase" else 0
    bare = Wrapped(holder, salt.hex(), cost, nonce.hex(), "")
    wrapped = AESGCM(_wrapping_key(bare, secret)).encrypt(nonce, key, _stated(bare))
    return msgspec.structs.replace(bare, key=wrapped.hex())


def unwrap(wrapped: Wrapped, secret: bytes) -> bytes:
    """The key. Raises WrongKey, and Damaged for parameters that nobody would have chosen."""
    try:
        return AESGCM(_wrapping_key(wrapped, secret)).decrypt(
            bytes.fromhex(wrapped.nonce), bytes.fromhex(wrapped.key), _stated(wrapped)
        )
    except InvalidTag:
        raise WrongKey(f"the {wrapped.holder.replace('-', ' ')} is not the one of this backup") from None
    except ValueError:
        raise Damaged("its key cannot be read") from None


def write_envelope(file: BinaryIO, wrapped: Wrapped) -> None:
    """The first two lines of a backup."""
    file.write(MAGIC + str(FORMAT).encode() + b"\n" + msgspec.json.encode(wrapped) + b"\n")


def read_envelope(file: BinaryIO) -> Wrapped:
    """The wrapped key of a backup; the file then stands before its header. Raises Damaged."""
    first = file.readline(LONGEST_HEADER)
    if not first.startswith(MAGIC):
        raise Damaged("it is no backup of Openchair")
    if first != MAGIC + str(FORMAT).encode() + b"\n":
        raise Damaged(f"its format is {first[len(MAGIC) :].strip().decode(errors='replace')!r}: upgrade the program")
    try:
        return _decoder.decode(file.readline(LONGEST_HEADER))
    except msgspec.MsgspecError:
        raise Damaged("its key cannot be read") from None


def read_key_file(path: Path) -> bytes:
    """The secret in a key file, without white space around it. Raises OSError, and ValueError for one too short."""
    with path.open("rb") as file:
        secret = file.read(LONGEST_SECRET + 1).strip()
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET or len(set(secret)) < SHORTEST_SECRET // 4:
        raise ValueError(f"{path}: not a key: make one with `openssl rand -base64 32`")
    return secret


def _wrapping_key(wrapped: Wrapped, secret: bytes) -> bytes:
    salt = bytes.fromhex(wrapped.salt)
    if wrapped.holder == "key-file":
        return HKDF(hashes.SHA256(), KEY, salt, b"openchair backup key").derive(secret)
    if not 2 <= wrapped.cost <= HIGHEST_COST:  # noqa: PLR2004 - scrypt's least
        raise ValueError("no cost that anybody would choose")
    return Scrypt(salt=salt, length=KEY, n=wrapped.cost, r=_BLOCK, p=1).derive(secret)


def _stated(wrapped: Wrapped) -> bytes:
    """What is authenticated with the wrapped key."""
    return msgspec.json.encode(msgspec.structs.replace(wrapped, key=""))

"""A stream of bytes, compressed and encrypted in frames, so that no part of it can be read, changed, moved or cut off.

A frame is a length (4 bytes, big endian) and AES-256-GCM of up to 64 KiB. The nonce is the frame's number and whether
it is the last, as in STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015); the header that came before is authenticated
with every frame. The key of a stream is derived (HKDF-SHA-256, RFC 5869) from the caller's and a salt of its own: one
key for two streams never means one nonce twice under one key.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.kit import points

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = 32
"""Bytes of a key."""
FRAME = 64 * 1024
LEVEL = 6
_TAG = 16
_LENGTH = 4


class Damaged(ValueError):  # noqa: N818 - said to a person
    """What is read is not what was written, or not with this key."""


class Sealing:
    """Writes a stream. What was written is whole only after `end`."""

    def __init__(self, file: BinaryIO, key: bytes, salt: bytes, header: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(_derived(key, salt))
        self._header = header
        self._compressor = zlib.compressobj(LEVEL)
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> None:
        """Takes in bytes; frames go to the file as they fill. Raises OSError."""
        self._waiting += self._compressor.compress(data)
        while len(self._waiting) > FRAME:  # one is always kept back: it may be the last
            self._frame(bytes(self._waiting[:FRAME]), last=False)
            del self._waiting[:FRAME]

    def end(self) -> None:
        """Writes the rest. Raises OSError."""
        self._waiting += self._compressor.flush()
        while len(self._waiting) > FRAME:
            self._frame(bytes(self._waiting[:FRAME]), last=False)
            del self._waiting[:FRAME]
        self._frame(bytes(self._waiting), last=True)

    def _frame(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), data, self._header)
        self._file.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
        self._number += 1
        points.reach("backup.part")


def opened(file: BinaryIO, key: bytes, salt: bytes, header: bytes) -> Iterator[bytes]:
    """The bytes of a stream, piece by piece; each is authentic, all of them are only when this ends. Raises Damaged."""
    decompressor = zlib.decompressobj()
    for frame in _frames(file, AESGCM(_derived(key, salt)), header):
        try:
            piece = decompressor.decompress(frame, FRAME)
            while piece:
                yield piece
                piece = decompressor.decompress(decompressor.unconsumed_tail, FRAME)
        except zlib.error:
            raise Damaged("what is in it is not compressed as it should be") from None
    if not decompressor.eof:
        raise Damaged("it ends too early")


def _frames(file: BinaryIO, cipher: AESGCM, header: bytes) -> Iterator[bytes]:
    number, sealed = 0, _sealed(file)
    while sealed is not None:
        following = _sealed(file)
        try:
            yield cipher.decrypt(_nonce(number, last=following is None), sealed, header)
        except InvalidTag:
            where = "or the key is another one" if number == 0 else f"at part {number + 1}"
            raise Damaged(f"it is damaged, cut off or changed, {where}") from None
        number, sealed = number + 1, following
    if number == 0:
        raise Damaged("there is nothing in it")


def _sealed(file: BinaryIO) -> bytes | None:
    """The next frame as it stands in the file; None at its end."""
    head = file.read(_LENGTH)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    sealed = file.read(length) if _TAG <= length <= FRAME + _TAG else b""
    if len(head) < _LENGTH or len(sealed) != length:
        raise Damaged("it is cut off or changed")
    return sealed


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _derived(key: bytes, salt: bytes) -> bytes:
    if len(key) != KEY:
        raise ValueError(f"a key has {KEY} bytes")
    return HKDF(hashes.SHA256(), KEY, salt, b"openchair backup frames").derive(key)

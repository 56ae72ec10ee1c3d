"""gzip (RFC 1952) put together from segments that were compressed one by one: a change recompresses its own segment.

Each segment is raw deflate that ends on a byte boundary and refers to nothing before it; the CRC-32 of the whole is
combined from those of the parts, as zlib's crc32_combine does.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_POLYNOMIAL = 0xEDB88320  # CRC-32, reflected
_ONE = 1 << 31  # x^0, reflected
_HEAD = bytes.fromhex("1f8b08000000000000ff")  # no name, no time, no system: the same bytes everywhere
_LAST = b"\x03\x00"  # an empty final block


class Segment(NamedTuple):
    """A stretch of bytes with all that is needed to join it: `shift` is x^(8 * len) modulo the CRC's polynomial."""

    plain: bytes
    packed: bytes
    crc: int
    shift: int
    digest: bytes
    packed_digest: bytes


def segment(plain: bytes) -> Segment:
    """Compresses one stretch."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    return Segment(plain, packed, zlib.crc32(plain), _power(8 * len(plain)), _digest((plain,)), _digest((packed,)))


def join(segments: Iterable[Segment]) -> bytes:
    """One gzip member of all of them."""
    parts, crc, size = [_HEAD], 0, 0
    for part in segments:
        parts.append(part.packed)
        crc = _multiply(part.shift, crc) ^ part.crc
        size += len(part.plain)
    tail = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join((*parts, _LAST, tail))


def etag(digests: Iterable[bytes]) -> bytes:
    """A strong entity tag (RFC 9110 section 8.8.3) from the digests of all parts."""
    return b'"' + blake2b(b"".join(digests), digest_size=16).hexdigest().encode() + b'"'


def _digest(parts: Iterable[bytes]) -> bytes:
    return blake2b(b"".join(parts), digest_size=16).digest()


def _multiply(a: int, b: int) -> int:
    """The product modulo the polynomial, both reflected."""
    product, mask = 0, _ONE
    while a:
        if a & mask:
            product ^= b
            a ^= mask
        mask >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares() -> Iterator[int]:
    """x^1, x^2, x^4 ... for ever."""
    power = 1 << 30
    while True:
        yield power
        power = _multiply(power, power)


def _power(exponent: int) -> int:
    """x^exponent modulo the polynomial."""
    product = _ONE
    for square in _squares():
        if not exponent:
            return product
        if exponent & 1:
            product = _multiply(square, product)
        exponent >>= 1
    raise AssertionError("squares never end")

"""Reads a QR code (ISO/IEC 18004:2015) back: out of the rectangles of a PDF, and from its modules to its text.

No error is corrected: what our own pages draw has none. The tables are segno's, by the two bits that say the level.
"""

from __future__ import annotations

import base64
import re
import zlib
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from segno import consts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STREAM: Final = re.compile(rb"/ASCII85Decode /FlateDecode[^>]*>>\s*stream\r?\n(.*?)endstream", re.DOTALL)
_RECTANGLE: Final = re.compile(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re")
_MASKS: Final = (
    lambda i, j: (i + j) % 2 == 0,
    lambda i, _: i % 2 == 0,
    lambda _, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: i * j % 2 + i * j % 3 == 0,
    lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
)
_FORMAT: Final = 0b101010000010010

Matrix = list[list[bool]]


def matrix_of(pdf: bytes) -> Matrix:
    """The modules that a page draws as rectangles, dark ones True."""
    streams = (zlib.decompress(base64.a85decode(each.strip(), adobe=False)) for each in _streams(pdf))
    found = [tuple(map(float, each)) for stream in streams for each in _RECTANGLE.findall(stream)]
    side = min(height for _, _, _, height in found)
    left, top = min(x for x, _, _, _ in found), max(y for _, y, _, _ in found)
    size = round((max(x + width for x, _, width, _ in found) - left) / side)
    matrix = [[False] * size for _ in range(size)]
    for x, y, width, _ in found:
        row, start = round((top - y) / side), round((x - left) / side)
        for column in range(start, start + round(width / side)):
            matrix[row][column] = True
    return matrix


def text_of(matrix: Matrix) -> str:
    """What a code of bytes says."""
    size = len(matrix)
    version = (size - 17) // 4
    bits = [matrix[8][column] for column in (0, 1, 2, 3, 4, 5, 7, 8)] + [
        matrix[row][8] for row in (7, 5, 4, 3, 2, 1, 0)
    ]
    said = int("".join("01"[bit] for bit in bits), 2) ^ _FORMAT
    level, mask = said >> 13, said >> 10 & 7
    read = [matrix[i][j] ^ _MASKS[mask](i, j) for i, j in _way(size, _functions(size, version))]
    words = [_number(read[start : start + 8]) for start in range(0, len(read) - 7, 8)]
    return _said(_data(words, version, level), version)


def _streams(pdf: bytes) -> list[bytes]:
    return [each.strip().removesuffix(b"~>") for each in _STREAM.findall(pdf)]


def _functions(size: int, version: int) -> set[tuple[int, int]]:
    """Modules that hold no data (section 6.3.2 to 6.3.6, 7.9, 7.10)."""
    found = {(i, j) for i in range(9) for j in range(9)}
    found |= {(i, j) for i in range(9) for j in range(size - 8, size)}
    found |= {(j, i) for i, j in found}
    found |= {(6, j) for j in range(size)} | {(j, 6) for j in range(size)}
    if version >= 7:
        corner = {(i, j) for i in range(6) for j in range(size - 11, size - 8)}
        found |= corner | {(j, i) for i, j in corner}
    centres: tuple[int, ...] = consts.ALIGNMENT_POS[version - 2]
    last = centres[-1]
    for row in centres:
        for column in centres:
            if (row, column) not in {(6, 6), (6, last), (last, 6)}:
                found |= {(i, j) for i in range(row - 2, row + 3) for j in range(column - 2, column + 3)}
    return found


def _way(size: int, functions: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The modules of the data, in their order (section 7.7.3)."""
    columns = [*range(size - 1, 6, -2), 5, 3, 1]
    for turn, right in enumerate(columns):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        for row in rows:
            yield from ((row, column) for column in (right, right - 1) if (row, column) not in functions)


def _data(words: Sequence[int], version: int, level: int) -> bytes:
    """The data words of all blocks, one block after the other (section 7.6)."""
    table: Any = consts.ECC[version]
    lengths: list[int] = [each.num_data for each in table[level] for _ in range(each.num_blocks)]
    blocks: list[list[int]] = [[] for _ in lengths]
    rest = iter(words)
    for number in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if number < length:
                block.append(next(rest))
    return bytes(chain.from_iterable(blocks))


def _said(data: bytes, version: int) -> str:
    """The text of one segment of bytes (section 7.4.5)."""
    bits = "".join(f"{each:08b}" for each in data)
    assert bits[:4] == "0100"
    width = 8 if version < 10 else 16
    length = int(bits[4 : 4 + width], 2)
    start = 4 + width
    return bytes(int(bits[start + 8 * i : start + 8 * i + 8], 2) for i in range(length)).decode("ascii")


def _number(bits: Sequence[bool]) -> int:
    return int("".join("01"[bit] for bit in bits), 2)

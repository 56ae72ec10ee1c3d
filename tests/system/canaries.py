"""Looking for what must not be somewhere: random words, in any form that they might have got there in."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_DROPPED = (0, 2, 3)  # characters of base 64 that depend on what stands before, by its length modulo 3


class Surface(NamedTuple):
    """Something that somebody may read: what it is, and its bytes."""

    name: str
    body: bytes


def word() -> str:
    """A canary: nothing else says it, and no encoding of text changes it."""
    return f"canary{secrets.token_hex(8)}"


def forms(text: str) -> set[bytes]:
    """How it may stand in bytes: as it is in any case, or inside of something in base 64."""
    found = {text.lower().encode()}
    for before in range(3):
        plain = bytes(before) + text.encode()
        packed = base64.b64encode(plain).rstrip(b"=")
        found.add(packed[_DROPPED[before] : len(packed) - (1 if len(plain) % 3 else 0)].lower())
    return found


def found(surfaces: Iterable[Surface], canaries: Mapping[str, str]) -> set[tuple[str, str]]:
    """Which canary, by its name, stands on which surface. Lines that a calendar has folded are read whole."""
    wanted = {name: forms(text) for name, text in canaries.items()}
    seen = set()
    for surface in surfaces:
        body = surface.body.lower()
        bodies = (body, body.replace(b"\r\n ", b""))
        seen |= {
            (surface.name, name)
            for name, shapes in wanted.items()
            if any(shape in text for shape in shapes for text in bodies)
        }
    return seen


def files(folder: Path, pattern: str = "**/*") -> Iterator[Surface]:
    """Every file, by its name; one that goes away meanwhile holds nothing."""
    for path in sorted(folder.glob(pattern)):
        try:
            if path.is_file():
                yield Surface(str(path.relative_to(folder)), path.read_bytes())
        except FileNotFoundError:
            continue

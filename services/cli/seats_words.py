"""The six words that keep a seat: made here, printed large enough for paper, read from whoever types them.

They are all that one needs to take a seat back, so they are never an argument: others see those of a command.
"""

from __future__ import annotations

import random
import sys
from typing import Final

from services.cli.shell import USAGE, Failure
from services.kit import words

_EDGE: Final = "+" + "-" * 30 + "+"


def made() -> str:
    """Six new words."""
    return words.make(random.SystemRandom())


def typed() -> str:
    """Those that somebody types, or that come in on standard input. Raises Failure, without quoting them."""
    if sys.stdin is None:
        raise Failure("the six words are read from standard input, and there is none", USAGE)
    if sys.stdin.isatty():
        print("The six words: ", end="", file=sys.stderr, flush=True)
    said = words.read(sys.stdin.readline())
    if not said:
        raise Failure("these are not six of our words: four letters of each are enough", USAGE)
    return said


def card(said: str) -> str:
    """For paper: a word a line."""
    lines = (f"|   {number}  {word:<24}|" for number, word in enumerate(said.upper().split(), start=1))
    return "\n".join((_EDGE, *lines, _EDGE))

"""Codes of words: random, read aloud and typed on any device, on paper in a pocket.

Words are those of BIP 39 (2,048 English ones, told apart by their first four letters), less those that nobody wants to
find in a code. Six of them hold more than 64 bits.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from mnemonic import Mnemonic

if TYPE_CHECKING:
    import random

LENGTH: Final = 6
"""Words of a code that opens something."""
FEWEST: Final = 1_700
"""Words that there have to be, for 64 bits in six of them."""
LONGEST_TYPED: Final = 120

_UNFIT: Final = (
    "abuse accident addict alcohol anger angry arrest atom attack bar battle betray bitter blame bleak blind "
    "blood bomb bullet cannon casino chaos chronic cigar crack crash crime cruel cry damage danger debris demise "
    "deny despair destroy disease dismiss disorder divorce dizzy dose drastic drink dumb evil execute exile fat "
    "fatal fatigue fault fever ghost grass grief guilt gun habit hazard high hospital hurt ice ill illegal "
    "illness inject injury inmate insane jealous junk kick kiss knife lawsuit liar lonely mad misery mistake "
    "nasty nuclear nurse obscure odor orphan panic penalty pill pipe pistol police poverty prison problem punch "
    "razor regret reject relief rifle riot risk rude sad sadness satoshi scare shock shoot sick slim smoke sniff "
    "speed stumble suffer suspect tobacco tragic trap trash trigger trouble ugly unfair unhappy virus warfare "
    "warrior weapon weird wine worry wreck wrong"
)
UNFIT: Final = frozenset(_UNFIT.split())
"""Words of the list that do not go on a slip of paper here: drinks, drugs, weapons, crime, illness, insult."""

_LETTERS: Final = re.compile(r"[a-z]+")


@cache
def known() -> tuple[str, ...]:
    """The words, in order."""
    return tuple(each for each in Mnemonic("english").wordlist if each not in UNFIT)


@cache
def _by_start() -> dict[str, str]:
    """Each word by its first four letters."""
    return {each[:4]: each for each in known()}


def make(source: random.Random, length: int = LENGTH) -> str:
    """A new code: "market pencil ..."."""
    return " ".join(source.choice(known()) for _ in range(length))


def read(typed: str, length: int = LENGTH) -> str:
    """A code as somebody typed it, as it was made; "" for what is none. Case and what is between words do not matter.

    Of each word the first four letters are enough.
    """
    if len(typed) > LONGEST_TYPED:
        return ""
    found = [_by_start().get(each[:4], "") for each in _LETTERS.findall(typed.lower())]
    return " ".join(found) if len(found) == length and all(found) else ""

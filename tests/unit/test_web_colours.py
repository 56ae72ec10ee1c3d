"""Whatever the scheme, every text can be read and where the keyboard is can be seen (WCAG 2.2 AA)."""

from __future__ import annotations

import re

import pytest

from services.web.page import STYLE

PAIRS = [
    ("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("link", "paper"), ("link", "card"),
    ("on-deep", "deep"), ("in", "in-bg"), ("on", "on-bg"), ("hy", "hy-bg"), ("bad", "bad-bg"), ("mov", "mov-bg"),
    ("now", "now-bg"), ("mov", "card"),
]  # fmt: skip


def luminance(colour: str) -> float:
    digits = "".join(digit * 2 for digit in colour) if len(colour) == 3 else colour
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(scheme: str) -> None:
    light, dark = re.findall(r":root\{([^}]*)\}", STYLE)
    colours = dict(re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})", light if scheme == "light" else dark))
    for text, ground in PAIRS:
        high, low = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_where_the_keyboard_is_can_be_seen_on_every_ground(scheme: str) -> None:
    light, dark = re.findall(r":root\{([^}]*)\}", STYLE)
    colours = dict(re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})", light if scheme == "light" else dark))
    grounds = [("focus", ground) for ground in ("paper", "card", "mov-bg", "bad-bg")]
    for line, ground in (*grounds, ("fff", "deep")):
        high, low = sorted((luminance(colours.get(line, line)), luminance(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, (line, ground)  # WCAG 2.2, 1.4.11
    outlined = re.findall(r"([^{}]*):focus\{[^}]*outline", STYLE)
    assert {"summary", ".alone button", ".ask button"} <= set(re.split(r",|:focus", ",".join(outlined)))
    assert ".exit a:focus,.head a:focus{outline-color:#fff}" in STYLE

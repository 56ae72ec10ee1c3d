"""What codes and kinds are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.formats import codes
from services.formats.codes import type_name
from services.formats.kinds import KINDS, kind_name

TYPES = json.loads((Path(codes.__file__).parent / "types.json").read_text(encoding="utf-8"))


def test_a_code_has_its_name_in_nine_languages() -> None:
    languages = {"en", "es", "fr", "ja", "nl", "pt", "sk", "sv", "th"}
    assert len(TYPES["AA"]) == 87
    assert all(set(names) == languages for names in TYPES["AA"].values())
    assert (type_name("AA", "W", "es"), type_name("AA", "W", "es-MX"), type_name("AA", "W", "pt-BR")) == (
        "Mujeres",
        "Mujeres",
        "Mulheres",
    )


def test_a_language_without_names_reads_english_and_an_unknown_code_nothing() -> None:
    assert type_name("AA", "W", "de") == type_name("AA", "W") == "Women"
    assert type_name("AA", "QQ", "es") is None
    assert type_name("SMART", "W") is None


@pytest.mark.parametrize("code", ["T", "BT", "SL", "LIT"])
def test_a_code_means_what_its_fellowship_says(code: str) -> None:
    assert type_name("AA", code) != type_name("NA", code)


def test_whom_it_is_for_and_who_may_come_follow_the_fellowship() -> None:
    assert codes.focus("AA", ["W", "Y", "T", "O"]) == ["women", "young-people", "transgender"]
    assert codes.focus("NA", ["T", "GL"]) == ["lgbtq"]
    assert codes.is_open("AA", ["O", "W"]) is True
    assert codes.is_open("AA", ["C"]) is False
    assert codes.is_open("AA", ["O", "C"]) is codes.is_open("AA", []) is codes.is_open("SMART", ["O"]) is None


def test_languages_leave_the_codes_and_come_back() -> None:
    said = ["D", "S", "POR", "ASL"]
    tags = codes.languages("AA", said)
    assert tags == ["es", "pt", "ase"]
    assert [*codes.without_languages("AA", said), *codes.language_codes("AA", tags)] == said
    assert codes.language_codes("AA", ["pt-BR", "xx"]) == ["POR"]
    assert codes.without_languages("NA", ["S"]) == ["S"]


def test_every_kind_has_a_name_in_english_and_spanish() -> None:
    assert all(names.get("en") and names.get("es") for names in KINDS.values())
    assert (kind_name("retreat"), kind_name("retreat", "es-MX"), kind_name("retreat", "fr")) == (
        "Retreat",
        "Retiro",
        "Retreat",
    )
    assert kind_name("knitting") is None

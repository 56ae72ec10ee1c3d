"""Documents are held to what is there: a map that has lost its country is worse than none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from services.cli.__main__ import parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _names(documents: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in documents]


def test_the_map_of_kit_names_every_module_once() -> None:
    kit = ROOT / "services" / "kit"
    there = [str(path.relative_to(kit).with_suffix("")) for path in kit.rglob("*.py") if path.name != "__init__.py"]
    named = re.findall(r"^\| `([a-z_/]+)`", (ROOT / "docs" / "kit.md").read_text(), re.MULTILINE)

    assert Counter(named) == Counter(there)


def test_the_index_of_decisions_has_each_of_them_once_and_no_number_twice() -> None:
    folder = ROOT / "docs" / "adr"
    there = sorted(path.name for path in folder.glob("0*.md"))
    index = (folder / "README.md").read_text()

    assert re.findall(r"^\| \[\d{4}\]\((\S+)\)", index, re.MULTILINE) == there
    assert [name[:4] for name in there] == [f"{number:04}" for number in range(1, len(there) + 1)]


@pytest.mark.parametrize("document", _names(DOCUMENTS))
def test_a_link_to_a_file_leads_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", _names(DOCUMENTS))
def test_a_target_of_make_that_a_document_names_is_there(document: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text()))

    assert named - TARGETS == set()


@pytest.mark.parametrize("document", _names(DOCUMENTS))
def test_a_command_that_a_document_names_is_there(document: str) -> None:
    named = set(re.findall(r"(?:`|bin/|^    |\s\s)openchair ([a-z]+)", (ROOT / document).read_text(), re.MULTILINE))
    commands = set(re.findall(r"^    ([a-z]+)\b", parser().format_help(), re.MULTILINE))

    assert named - commands == set()


@pytest.mark.parametrize("document", _names(DOCUMENTS))
def test_a_module_that_a_document_names_is_there(document: str) -> None:
    named = set(re.findall(r"`((?:services|kit|protos|tests|scripts)/[\w./-]+\.\w+)`", (ROOT / document).read_text()))
    found = {name for name in named if any((ROOT / base / name).exists() for base in ("", "services"))}

    assert named - found == set()

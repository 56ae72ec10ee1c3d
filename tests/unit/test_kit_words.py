from __future__ import annotations

import re
from pathlib import Path

KIT = Path(__file__).parents[2] / "services" / "kit"
WORDS = ("meeting", "centre", "place", "room", "occurrence", "fellowship", "feed", "calendar")
DOMAIN = re.compile(rf"(?<![A-Za-z])({'|'.join(WORDS)})s?(?![A-Za-z])", re.IGNORECASE)


def test_kit_holds_no_word_of_the_domain() -> None:
    files = sorted(KIT.rglob("*.py"))
    assert len(files) > 10
    found = [
        f"{file.relative_to(KIT)}:{number}: {match[0]}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        for match in DOMAIN.finditer(line)
    ]
    assert found == []


def test_the_words_are_found_in_names_and_comments_but_not_inside_other_words() -> None:
    assert DOMAIN.search("meeting_id")
    assert DOMAIN.search("# the Centre's")
    assert DOMAIN.search("two rooms")
    assert not DOMAIN.search("placeholder replaced")

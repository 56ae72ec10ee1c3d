"""What one event says besides when: title, notes, where it is held, how it is joined.

Nobody who is invited or invites is read. Lines that seem to hold a passcode go where only those who may join read them.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import meeting_pb2 as meetings

from services.formats import words
from services.formats.ics import venue
from services.formats.weekly import Refused

if TYPE_CHECKING:
    from openchair.meetings.v1 import place_pb2 as places

    from services.formats.ics.components import Event

_TITLE: Final = 200
_TEXT: Final = 8_000
_EXTRA: Final = 16 * 1024
_CATEGORIES: Final = 40
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})\b[^<>]{0,2000}>")
_BREAKS: Final = frozenset({"br", "p", "div", "li", "tr", "ul", "ol", "h1", "h2", "h3"})
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_FOCUS: Final = {
    **dict.fromkeys(("women", "women's", "womens"), "women"),
    **dict.fromkeys(("men", "men's", "mens"), "men"),
    **dict.fromkeys(("lgbtq", "lgbtq+", "lgbtqia+"), "lgbtq"),
    **dict.fromkeys(("young people", "young-people"), "young-people"),
    **dict.fromkeys(("newcomers", "newcomer", "beginners"), "newcomers"),
}


@dataclass
class Details:
    """What stands in an event; "" and None where it says nothing."""

    title: str = ""
    notes: str = ""
    private: str = ""
    place: places.Place | None = None
    online: meetings.Online | None = None
    mode: meetings.Mode.ValueType = meetings.MODE_UNSPECIFIED
    website: str = ""
    categories: list[str] = field(default_factory=list)
    hidden: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def focus(self) -> list[str]:
        """Those of its categories that say for whom it is, as slugs."""
        return list(dict.fromkeys(_FOCUS[each.lower()] for each in self.categories if each.lower() in _FOCUS))

    @property
    def extra(self) -> str:
        """Its categories as JSON, so that they can come back; "" for none."""
        said = json.dumps({"categories": self.categories}) if self.categories else ""
        return said if len(said) <= _EXTRA else ""

    @property
    def joined(self) -> meetings.Online | None:
        """How it is joined, with what is private of the texts."""
        if self.online is None and not self.private:
            return None
        online = meetings.Online(access=meetings.ONLINE_ACCESS_PUBLIC)
        if self.online is not None:
            online.CopyFrom(self.online)
        online.notes = words.cut(self.private, _TEXT)
        return online


def details(event: Event) -> Details:
    """What an event says. Raises Refused where even that is too much."""
    found = Details()
    title, of_title = words.name_without_passcode(words.line(plain(event.value("SUMMARY"))))
    notes, of_notes = words.without_passcodes(words.text(_without_tags(plain(event.value("DESCRIPTION")))))
    for name, private in (("SUMMARY", of_title), ("DESCRIPTION", of_notes)):
        if private:
            found.warnings.append(f"what seems to be a passcode in its {name} is kept private")
    found.title = words.cut(title, _TITLE)
    found.notes = words.cut(notes, _TEXT)
    if (found.title, found.notes) != (title, notes):
        found.warnings.append(f"texts longer than {_TITLE} characters (title) or {_TEXT:,} (notes) are cut")
    where = venue.venue(event, plain)
    found.private = "\n\n".join(filter(None, (of_title, of_notes, where.private)))
    found.place, found.online, found.mode, found.website = where.place, where.online, where.mode, where.website
    found.warnings.extend(where.warnings)
    found.categories = _categories(event)
    found.hidden = event.value("CLASS").upper() in {"PRIVATE", "CONFIDENTIAL"}
    if found.hidden:
        found.warnings.append(f"its CLASS is {event.value('CLASS').upper()}: it comes in for members only")
    return found


def plain(text: str) -> str:
    """A TEXT value (RFC 5545 section 3.3.11) without its escapes."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def check(found: Details) -> None:
    """Refuses an event without a name. Raises Refused."""
    if not found.title:
        raise Refused("it has no SUMMARY: nothing says what it is")


def _without_tags(text: str) -> str:
    """Google and Outlook write HTML where iCalendar has plain text."""
    if not _TAG.search(text):
        return text
    return html.unescape(_TAG.sub(lambda tag: "\n" if tag[2].lower() in _BREAKS else "", text))


def _categories(event: Event) -> list[str]:
    said = [part for line in event.all("CATEGORIES") for part in re.split(r"(?<!\\),", line.value)]
    found = (words.cut(words.line(plain(each)), 60) for each in said[:_CATEGORIES])
    return list(dict.fromkeys(filter(None, found)))


def inherited(said: Details, series: Details, event: Event) -> Details:
    """What an event about one date says, and of its series what it leaves out. What is for members only stays so."""
    said.hidden = said.hidden or series.hidden
    said.title = said.title or series.title
    if not event.value("DESCRIPTION"):
        said.notes = series.notes
    if not any(event.value(name) for name in ("LOCATION", "CONFERENCE", "X-GOOGLE-CONFERENCE", "URL")):
        said.place, said.mode = series.place, series.mode
        said.online = said.online or series.online
        said.warnings = [each for each in said.warnings if "taken as online" not in each]
    said.website = said.website or series.website
    said.categories = said.categories or series.categories
    said.private = said.private or series.private
    return said

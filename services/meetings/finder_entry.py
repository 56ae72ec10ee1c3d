"""What the index of search knows of one meeting, beside the meeting itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.formats.folding import fold, words
from services.meetings import finder_near
from services.meetings.access import Audience, finds, learns_area, sees
from services.meetings.finder_dates import Next, next_dates, over_at, weekdays
from services.meetings.types import Meeting, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

BETWEEN: Final = "\n"
_TAKE_PART: Final = {
    Mode.IN_PERSON: (Mode.IN_PERSON,),
    Mode.ONLINE: (Mode.ONLINE,),
    Mode.HYBRID: (Mode.IN_PERSON, Mode.ONLINE, Mode.HYBRID),
}


class Entry:
    """One meeting. `text` are its words that everybody may know, `hidden` those of a place that not everybody knows.

    What each search asks of it stands here: `id`, whether everybody may know of it (`public`) and where it is held
    (`in_the_open`). `over` is when its last date ends and `next` its next date, both in epoch seconds; `minute` counts
    from midnight.
    """

    __slots__ = (
        "hidden",
        "id",
        "in_the_open",
        "meeting",
        "minute",
        "next",
        "number",
        "over",
        "point",
        "public",
        "split",
        "text",
        "title",
    )

    def __init__(self, number: int, meeting: Meeting) -> None:
        self.number = number
        self.meeting = meeting
        self.id = meeting.id
        self.public = sees(meeting.visibility, Audience.PUBLIC)
        self.in_the_open = meeting.venue is None or finds(meeting.venue.address_access, Audience.PUBLIC)
        self.title = fold(meeting.title)
        self.text, self.hidden = _texts(meeting)
        self.over = over_at(meeting)
        self.minute = meeting.schedule.start.hour * 60 + meeting.schedule.start.minute
        self.split = bool(meeting.previous or meeting.next or meeting.lineage != meeting.id)
        self.point = _point(meeting)
        self.next: Next | None = None

    def found_by(self, audience: Audience) -> bool:
        """Whether they may know where it is held."""
        venue = self.meeting.venue
        return self.in_the_open or venue is None or finds(venue.address_access, audience)

    def next_date(self, moment: datetime, at: float) -> Next:
        """Its next date; reckoned again when that is over. `at` is the moment in epoch seconds."""
        if self.next is not None and self.next.holds(at):
            return self.next
        reckoned = next_dates(self.meeting, moment, 1)
        if (
            self.next is None or at >= self.next.since
        ):  # who asks as of an earlier moment does not drive out the present
            self.next = reckoned
        return reckoned

    def words(self) -> Iterator[str]:
        """Words that everybody may know, each once."""
        return filter(None, self.text.split(BETWEEN))

    def hidden_words(self) -> Iterator[str]:
        """Words that not everybody may know."""
        return filter(None, self.hidden.split(BETWEEN))

    def cells(self) -> Iterator[int]:
        """Its cells of the grid; none for one that is online only, or that nobody knows where it is."""
        venue = self.meeting.venue
        if venue is None or venue.position is None or self.point is None:
            return
        latitude, longitude = venue.position.latitude_e7 / 1e7, venue.position.longitude_e7 / 1e7
        for day in weekdays(self.meeting.schedule):
            yield finder_near.cell(latitude, longitude, day)


def sought(words: Sequence[str]) -> tuple[str, ...]:
    """What to look for in an entry's texts to find these words, the last one as the beginning of a word."""
    return tuple([f"{BETWEEN}{word}{BETWEEN}" for word in words[:-1]] + [BETWEEN + word for word in words[-1:]])


def keys(meeting: Meeting) -> Iterator[str]:
    """Under what it is found, each once; the letter says which condition."""
    yield f"c{meeting.centre}"
    yield f"k{meeting.kind}"
    yield f"f{fold(meeting.fellowship)}"
    yield f"h{meeting.schedule.start.hour}"
    yield from (f"d{day}" for day in weekdays(meeting.schedule))
    yield from (f"t{code}" for code in set(meeting.types))
    yield from (f"m{mode.value}" for mode in _TAKE_PART[meeting.mode])
    yield from (f"x{subject}" for subject in set(meeting.focus))
    yield from (f"l{tag}" for tag in _languages(meeting))
    yield from (
        f"a{code}" for code in {*meeting.accessibility, *(meeting.venue.accessibility if meeting.venue else ())}
    )
    yield f"p{meeting.approach.value if meeting.approach else ''}"
    yield f"b{meeting.led_by.value if meeting.led_by else ''}"
    who = {meeting.who_may_come, *(each.who_may_come for each in meeting.programmes)}
    yield from (f"w{each.value}" for each in who if each is not None)


def _languages(meeting: Meeting) -> set[str]:
    """Every beginning of its language tags, in lower case: "pt-br" and "pt"."""
    tags = [tag.lower().split("-") for tag in (meeting.language, *meeting.other_languages) if tag]
    return {"-".join(parts[:length]) for parts in tags for length in range(1, len(parts) + 1)}


def _texts(meeting: Meeting) -> tuple[str, str]:
    """Its words, each once, between line breaks: those for everybody, and the other ones of its place."""
    said = [meeting.title, meeting.group, meeting.fellowship, meeting.notes]
    said += [programme.title for programme in meeting.programmes]
    kept = list[str]()
    if venue := meeting.venue:
        area = [venue.area, *venue.regions]
        (said if learns_area(venue.address_access, Audience.PUBLIC) else kept).extend(area)
        (said if finds(venue.address_access, Audience.PUBLIC) else kept).extend([venue.title, venue.address])
    known = dict.fromkeys(words(" \n ".join(said)))
    return _joined(known), _joined(dict.fromkeys(word for word in words(" \n ".join(kept)) if word not in known))


def _joined(found: dict[str, None]) -> str:
    return f"{BETWEEN}{BETWEEN.join(found)}{BETWEEN}" if found else ""


def _point(meeting: Meeting) -> finder_near.Point | None:
    if meeting.mode is Mode.ONLINE or meeting.venue is None or meeting.venue.position is None:
        return None
    position = meeting.venue.position
    return finder_near.point(position.latitude_e7 / 1e7, position.longitude_e7 / 1e7)

"""Codes to check in with: another one for each date, centre, secret and minute; and what centres are called."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from openchair.meetings.v1.centre_pb2 import Centre

from services.kit import words
from services.kit.clock import instant
from services.kit.event import Event, subject
from services.recurrence.types import Key
from services.rsvps import check_in
from services.rsvps.centres import Centres
from services.rsvps.keys import Secrets

SECRETS = Secrets({"1": b"a" * 32}, "1")
AT = datetime(2026, 11, 25, 1, 0, 59, tzinfo=UTC)
KEY = Key(date(2026, 11, 24))


def test_a_code_is_another_one_for_whatever_is_another_one() -> None:
    codes = [
        check_in.code(SECRETS, "house", "event", KEY, AT),
        check_in.code(SECRETS, "house", "event", KEY, AT + timedelta(seconds=1)),
        check_in.code(SECRETS, "house", "other", KEY, AT),
        check_in.code(SECRETS, "home", "event", KEY, AT),
        check_in.code(SECRETS, "house", "event", Key(date(2026, 11, 24), 1), AT),
        check_in.code(Secrets({"1": b"b" * 32}, "1"), "house", "event", KEY, AT),
    ]
    assert len({code.words for code in codes}) == len({code.text for code in codes}) == len(codes)


def test_a_code_is_the_same_all_its_minute_and_in_every_process() -> None:
    begins = AT.replace(second=0)
    codes = {check_in.code(SECRETS, "house", "event", KEY, begins + timedelta(seconds=each)) for each in range(60)}
    assert len(codes) == 1
    assert check_in.ends(AT) == check_in.ends(begins) == begins + timedelta(minutes=1)


def test_a_code_is_four_words_that_can_be_read_out() -> None:
    code = check_in.code(SECRETS, "house", "event", KEY, AT)
    assert words.read(code.words, 4) == code.words
    assert len(words.known()) ** 4 > 2**42
    assert len(code.text) == 11


@pytest.mark.parametrize("said", ["", "here", "http://[", "https://x/?here=", "abandon ability able about"])
def test_what_is_no_code_is_not_good(said: str) -> None:
    assert not check_in.good(said, SECRETS, "house", "event", KEY, AT)


def test_centres_are_called_as_was_heard_last() -> None:
    centres = Centres()
    where = subject("home", "public", "meetings", "house", "centre", "house")
    centre = Centre(name="centres/house", title="The House", epoch=1, revision=1)
    centre.update_time.FromDatetime(AT)
    assert (centres.title("house"), "house" in centres) == ("house", False)
    event = Event(where, 1, 1, "openchair.meetings.v1.Centre", instant(AT), centre.SerializeToString())
    centres.take(event)
    assert (centres.title("house"), "house" in centres) == ("The House", True)
    centres.take(Event(where, 1, 2, "openchair.meetings.v1.Centre", instant(AT), None))
    assert (centres.title("house"), "house" in centres) == ("house", False)

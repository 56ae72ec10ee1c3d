"""One UID's events: versions, single dates, this and following, dates held elsewhere, what is cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta

from openchair.meetings.v1 import meeting_pb2 as meetings

from services.formats.ics.series import UNREADABLE
from tests.unit.ics_examples import event, only, ours, read, refusal, starts, text, theirs

WEEKLY = event("RRULE:FREQ=WEEKLY;COUNT=4")


def about(day: str, *lines: str, start: str = "", more: str = "", title: str = "Evening group") -> list[str]:
    """An event about the date of that day."""
    begin = f"DTSTART;TZID=Europe/Berlin:{start or day + 'T190000'}"
    return event(f"RECURRENCE-ID{more};TZID=Europe/Berlin:{day}T190000", *lines, start=begin, title=title)


def test_what_differs_on_one_date_is_a_change_of_it_and_nothing_else_is() -> None:
    moved = about("20260112", "DURATION:PT45M", "DESCRIPTION:Bring a chair", start="20260113T200000", title="Guest")
    (row,) = read(text(*WEEKLY, *moved))
    (change,) = row.changes
    assert (change.date, change.start, change.minutes) == ("2026-01-12", "2026-01-13T20:00", 45)
    assert (change.title, change.notes, change.HasField("mode")) == ("Guest", "Bring a chair", False)


def test_an_event_that_changes_nothing_is_no_change() -> None:
    (row,) = read(text(*WEEKLY, *about("20260112")))
    assert not row.changes


def test_a_cancelled_date_is_cancelled() -> None:
    (row,) = read(text(*WEEKLY, *about("20260112", "STATUS:CANCELLED")))
    assert [(change.date, change.cancelled) for change in row.changes] == [("2026-01-12", True)]


def test_of_several_versions_the_newest_counts() -> None:
    old = event("RRULE:FREQ=WEEKLY;COUNT=4", "SEQUENCE:2", title="Old")
    new = event("RRULE:FREQ=WEEKLY;COUNT=4", "SEQUENCE:10", title="New")
    (row,) = read(text(*new, *old))
    assert row.meeting.title == "New"
    assert row.warnings[-1] == "older or equal versions of it are left out: event 2"
    early = about("20260112", "SEQUENCE:1", "DTSTAMP:20260101T000000Z", title="Early")
    late = about("20260112", "SEQUENCE:1", "DTSTAMP:20260102T000000Z", title="Late")
    (row,) = read(text(*WEEKLY, *late, *early))
    assert [change.title for change in row.changes] == ["Late"]


def test_two_events_of_one_uid_that_differ_and_are_equally_new_are_not_guessed_about() -> None:
    one, two = read(text(*event(title="One"), *event(title="Two")))
    assert one.meeting.title == "One"
    assert "its UID is that of event 1 too, and neither is newer (line" in two.refusal


def test_a_date_whose_series_is_not_there_is_a_meeting_of_its_own() -> None:
    (row,) = read(text(*about("20260112", start="20260113T200000")))
    assert (row.source_id, row.meeting.schedule.start) == ("a@example.org/20260112T1900", "2026-01-13T20:00")
    assert "no series to which this date belongs" in row.warnings[-1]


def test_a_date_that_the_series_does_not_have_is_a_meeting_of_its_own() -> None:
    series, single = read(text(*WEEKLY, *about("20260114")))
    assert not series.changes
    assert (single.number, single.source_id) == (2, "a@example.org/20260114T1900")


def test_the_cancellation_of_a_date_that_is_not_there_brings_nothing() -> None:
    (row,) = read(text(*WEEKLY, *about("20260114", "STATUS:CANCELLED")))
    assert "cancels a date that it does not have" in row.warnings[-1]
    assert "it cancels one date" in refusal(*about("20260112", "STATUS:CANCELLED"))


def test_a_date_that_is_held_elsewhere_is_cancelled_where_it_was_and_is_where_it_is() -> None:
    elsewhere = about("20260112", "LOCATION:Park House\\, 9 Elm St", start="20260112T180000")
    series, single = read(text(*WEEKLY, *elsewhere))
    (change,) = series.changes
    assert (change.cancelled, change.reason) == (True, "Held elsewhere: Park House, 9 Elm St")
    assert (single.place.address, single.meeting.schedule.start) == ("Park House, 9 Elm St", "2026-01-12T18:00")


def test_a_date_whose_change_cannot_be_read_is_cancelled_and_says_so() -> None:
    bad = [line.replace(":20260112T190000", ":tomorrow") for line in about("20260112") if "RECURRENCE" not in line]
    bad.insert(1, "RECURRENCE-ID;TZID=Europe/Berlin:20260112T190000")
    series, refused = read(text(*WEEKLY, *bad))
    assert [(change.date, change.cancelled, change.reason) for change in series.changes] == [
        ("2026-01-12", True, UNREADABLE)
    ]
    assert "'tomorrow' is not a date and time (line " in refused.refusal


def test_an_event_about_a_date_that_cannot_be_read_is_refused_and_the_series_says_so() -> None:
    bad = [line.replace(":20260112T190000", ":someday") if "RECURRENCE" in line else line for line in about("20260112")]
    series, refused = read(text(*WEEKLY, *bad))
    assert any("cannot be read which" in warning for warning in series.warnings)
    assert "'someday'" in refused.refusal


def test_this_and_following_begins_a_meeting_of_its_own_with_the_uid_kept_by_the_first() -> None:
    later = about("20260119", "LOCATION:Park House\\, 9 Elm St", start="20260119T180000", more=";RANGE=THISANDFUTURE")
    first, second = read(text(*WEEKLY, *later))
    assert starts(first) == ["2026-01-05T19:00", "2026-01-12T19:00"]
    assert starts(second) == ["2026-01-19T18:00", "2026-01-26T18:00"]
    assert (second.source_id, second.place.address) == ("a@example.org/20260119T1900", "Park House, 9 Elm St")


def test_this_and_following_on_other_days_moves_every_date_alike() -> None:
    for rule in (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH,SU;COUNT=12",
        "FREQ=MONTHLY;BYDAY=1MO;COUNT=6",
        "FREQ=DAILY;COUNT=30",
    ):
        later = about("20260202", start="20260203T203000", more=";RANGE=THISANDFUTURE")
        data = text(*event(f"RRULE:{rule}"), *later)
        rows = read(data)
        if rule.startswith("FREQ=WEEKLY"):  # of which the 2nd of February is none
            later = about("20260205", start="20260206T203000", more=";RANGE=THISANDFUTURE")
            data = text(*event(f"RRULE:{rule}"), *later)
            rows = read(data)
        assert len(rows) == 2
        assert ours(rows) == theirs(data)


def test_this_and_following_from_the_first_date_leaves_one_meeting_with_the_uid() -> None:
    (row,) = read(text(*WEEKLY, *about("20260105", start="20260105T170000", more=";RANGE=THISANDFUTURE")))
    assert (row.source_id, row.number, starts(row)[0]) == ("a@example.org", 2, "2026-01-05T17:00")


def test_this_and_following_cancelled_ends_the_series() -> None:
    data = text(*WEEKLY, *about("20260119", "STATUS:CANCELLED", more=";RANGE=THISANDFUTURE"))
    (row,) = read(data)
    assert starts(row) == ["2026-01-05T19:00", "2026-01-12T19:00"]


def test_this_and_following_that_cannot_be_read_ends_the_series_there() -> None:
    bad = [line.replace(":20260119T190000", ":x") if line.startswith("DTSTART") else line
           for line in about("20260119", more=";RANGE=THISANDFUTURE")]  # fmt: skip
    first, refused = read(text(*WEEKLY, *bad))
    assert starts(first) == ["2026-01-05T19:00", "2026-01-12T19:00"]
    assert refused.refusal


def test_a_change_after_this_and_following_names_the_date_as_the_series_first_had_it() -> None:
    later = about("20260112", start="20260113T180000", more=";RANGE=THISANDFUTURE")
    single = about("20260119", "STATUS:CANCELLED")
    _, second = read(text(*WEEKLY, *later, *single))
    assert [(change.date, change.cancelled) for change in second.changes] == [("2026-01-20", True)]


def test_a_series_that_is_cancelled_is_closed_and_has_no_dates_to_travel_to() -> None:
    row = only(*event("RRULE:FREQ=WEEKLY", "STATUS:CANCELLED"))
    assert row.meeting.state == meetings.MEETING_STATE_SUSPENDED


def test_a_day_without_an_hour_is_refused() -> None:
    whole_day = [line for line in event(start="DTSTART;VALUE=DATE:20260105") if not line.startswith("DURATION")]
    assert refusal(*whole_day) == "it is an all-day event: a meeting needs an hour (line 6)"


def test_an_event_says_how_long_it_is_or_an_hour_is_taken_and_said_so() -> None:
    assert only(*event("DTEND;TZID=Europe/Berlin:20260105T201500")).meeting.schedule.minutes == 75
    assert only(*event("DURATION:P1DT2H")).meeting.schedule.minutes == 26 * 60
    row = only(*(line for line in event() if not line.startswith("DURATION")))
    assert row.meeting.schedule.minutes == 60
    assert any("60 minutes are taken" in warning for warning in row.warnings)
    assert "ends before it starts (line" in refusal(*event("DTEND;TZID=Europe/Berlin:20260105T180000"))
    assert "longer than 31 days" in refusal(*event("DURATION:P5W"))


def test_a_night_on_which_the_clock_changes_is_as_long_as_it_is() -> None:
    row = only(*event("DTEND;TZID=Europe/Berlin:20260329T060000", start="DTSTART;TZID=Europe/Berlin:20260328T230000"))
    assert row.meeting.schedule.minutes == 6 * 60


def test_a_line_that_cannot_be_read_is_left_out_unless_it_says_when() -> None:
    row = only(*event("this is no line", "RRULE:FREQ=WEEKLY"))
    assert any("what cannot be read of it is left out (line 9)" in warning for warning in row.warnings)
    assert "a line that says when it is cannot be read (line 9)" in refusal(*event('EXDATE;TZID="Europe/Berlin:2026'))


def test_a_very_long_text_is_left_out_and_a_very_long_attachment_is_not_missed() -> None:
    folded = "\r\n ".join(["ATTACH;ENCODING=BASE64;VALUE=BINARY:", *(["A" * 70] * 2_000)])
    assert not only(*event(folded)).warnings
    row = only(*event(folded.replace("ATTACH;ENCODING=BASE64;VALUE=BINARY", "DESCRIPTION")))
    assert any("cannot be read of it is left out" in warning for warning in row.warnings)


def test_the_longest_uid_is_shortened_to_one_that_is_still_its_own() -> None:
    one, two = read(text(*event(uid="x" * 500 + "1"), *event(uid="x" * 500 + "2")))
    assert one.source_id != two.source_id
    assert max(len(one.source_id), len(two.source_id)) <= 150


def test_what_was_changed_long_ago_gives_way_where_changes_are_many_and_too_many_are_refused() -> None:
    def cancelled(count: int, since: datetime) -> list[str]:
        days = (since + timedelta(days=number) for number in range(count))
        return [line for day in days for line in about(f"{day:%Y%m%d}", "STATUS:CANCELLED")]

    old = event("RRULE:FREQ=DAILY", start="DTSTART;TZID=Europe/Berlin:20200101T190000")
    row, *_ = read(text(*old, *cancelled(1_001, datetime(2024, 1, 1))))  # noqa: DTZ001 - local by nature
    assert {change.date >= "2025-11-21" for change in row.changes} == {True}
    assert row.warnings[-1] == "what it changes on dates before 2025-11-21 is left out"
    row, *_ = read(text(*old, *cancelled(1_001, datetime(2026, 1, 1))))  # noqa: DTZ001 - the same
    assert "it changes more than 1,000 of its dates (line 3)" in row.refusal


def test_a_date_that_is_for_members_only_tells_the_public_nothing_of_itself() -> None:
    private = about("20260112", "LOCATION:Secret House\\, 9 Elm St", "CLASS:PRIVATE", title="Secret")
    series, single = read(text(*WEEKLY, *private))
    (change,) = series.changes
    assert (change.cancelled, change.reason, change.title) == (True, "", "")
    assert single.meeting.visibility == meetings.VISIBILITY_MEMBERS
    (row,) = read(text(*WEEKLY, *about("20260112", "CLASS:PRIVATE", start="20260112T200000", title="Secret")))
    assert "Secret" not in str(row.changes)
    assert row.changes[0].start == "2026-01-12T20:00"


def test_a_date_of_a_series_for_members_only_is_for_members_only_wherever_it_is() -> None:
    series = event("RRULE:FREQ=WEEKLY;COUNT=4", "CLASS:PRIVATE")
    rows = read(text(*series, *about("20260112", "LOCATION:Park House\\, 9 Elm St")))
    rows += read(text(*series, *about("20260112", more=";RANGE=THISANDFUTURE")))
    assert [row.meeting.visibility for row in rows] == [meetings.VISIBILITY_MEMBERS] * 4


def test_an_event_about_an_excluded_date_does_not_bring_it_back() -> None:
    data = text(
        *event("RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE:20260112T180000Z"), *about("20260112", start="20260113T190000")
    )
    (row,) = read(data)
    assert ours([row]) == theirs(data)
    assert any("event 2 changes a date that is excluded (EXDATE)" in warning for warning in row.warnings)

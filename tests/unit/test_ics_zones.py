"""What a time zone of a calendar means here: an IANA zone that is certain, or a refusal."""

from __future__ import annotations

from tests.unit.ics_examples import BERLIN, event, only, read, refusal, text


def zone(name: str, winter: str = "+0100", summer: str = "+0200", autumn: str = "BYDAY=-1SU;BYMONTH=10") -> list[str]:
    """A VTIMEZONE with the rules of Central Europe, unless said otherwise."""
    return [
        *("BEGIN:VTIMEZONE", f"TZID:{name}"),
        *("BEGIN:STANDARD", "DTSTART:16010101T030000", f"TZOFFSETFROM:{summer}", f"TZOFFSETTO:{winter}"),
        *(f"RRULE:FREQ=YEARLY;{autumn}", "END:STANDARD"),
        *("BEGIN:DAYLIGHT", "DTSTART:16010101T020000", f"TZOFFSETFROM:{winter}", f"TZOFFSETTO:{summer}"),
        *("RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE"),
    ]


def at(tzid: str) -> list[str]:
    return event("RRULE:FREQ=WEEKLY", start=f"DTSTART;TZID={tzid}:20260105T190000")


def test_a_windows_name_is_the_zone_that_cldr_has_for_it() -> None:
    row = only(*zone("W. Europe Standard Time"), *at("W. Europe Standard Time"))
    assert (row.meeting.schedule.time_zone, list(row.warnings)) == (BERLIN, [])
    assert only(*at('"Mountain Standard Time"')).meeting.schedule.time_zone == "America/Denver"


def test_a_vendors_prefix_is_taken_off() -> None:
    for prefix in ("/freeassociation.sourceforge.net/", "/mozilla.org/20050126_1/", "/a/Tzfile/"):
        assert only(*at(prefix + BERLIN)).meeting.schedule.time_zone == BERLIN
    assert only(*at("/vendor/America/Argentina/Buenos_Aires")).meeting.schedule.time_zone.endswith("Buenos_Aires")


def test_a_zone_of_the_calendars_own_is_the_iana_zone_with_its_rules_and_it_is_said_so() -> None:
    row = only(*zone("Customized Time Zone"), *at("Customized Time Zone"), timezone="Europe/Vienna")
    assert row.meeting.schedule.time_zone == "Europe/Vienna"
    assert "taken as Europe/Vienna, whose rules are the same" in row.warnings[0]


def test_what_the_person_says_does_not_make_a_zone_of_other_rules_theirs() -> None:
    row = only(*zone("Customized Time Zone"), *at("Customized Time Zone"), timezone="America/Edmonton")
    assert row.meeting.schedule.time_zone.startswith("Europe/")


def test_a_zone_whose_rules_no_iana_zone_has_is_refused_with_its_line() -> None:
    odd = zone("House Time", autumn="BYDAY=2SU;BYMONTH=9")
    assert "no IANA time zone has its rules (line 21)" in refusal(*odd, *at("House Time"))
    assert "no IANA time zone has its rules" in refusal(*zone("House Time", "+0107", "+0207"), *at("House Time"))


def test_a_zone_that_was_concluded_from_its_rules_must_have_been_so_at_the_start_too() -> None:
    old = event("RRULE:FREQ=WEEKLY", start="DTSTART;TZID=House Time:19750707T190000")  # Germany had no summer time
    assert "was not Europe/Berlin at that time (line 21)" in refusal(*zone("House Time"), *old, timezone=BERLIN)


def test_a_zone_that_is_neither_known_nor_defined_is_refused_and_never_local_to_nowhere() -> None:
    assert "'Nowhere' is not known, and the calendar does not define it" in refusal(*at("Nowhere"), timezone=BERLIN)


def test_two_definitions_of_one_zone_that_differ_define_nothing() -> None:
    two = [*zone("House Time"), *zone("House Time", "-0700", "-0600")]
    assert "House Time" in refusal(*two, *at("House Time"))


def test_what_one_calendar_defines_holds_in_it_alone() -> None:
    here = text(*zone("House Time"), *at("House Time"))
    there = text(*zone("House Time", "-0500", "-0400"), *(line.replace("a@", "b@") for line in at("House Time")))
    nowhere = text(*(line.replace("a@", "c@") for line in at("House Time")))
    one, two, three = read(here + there + nowhere)
    assert one.meeting.schedule.time_zone.startswith("Europe/")
    assert "no IANA time zone" in two.refusal
    assert "not known" in three.refusal


def test_what_one_file_defines_is_forgotten_before_the_next() -> None:
    read(text(*zone("Customized Time Zone"), *at("Customized Time Zone")))
    assert "not known" in refusal(*at("Customized Time Zone"))


def test_a_known_name_that_is_defined_otherwise_keeps_its_meaning_and_it_is_said_so() -> None:
    row = only(*zone(BERLIN, "+0900", "+0900"), *at(BERLIN))
    assert row.meeting.schedule.time_zone == BERLIN
    assert row.warnings == [
        "the calendar defines time zone 'Europe/Berlin' otherwise than Europe/Berlin: Europe/Berlin is taken"
    ]


def test_a_list_of_changes_is_compared_as_far_as_it_goes() -> None:
    listed = [
        *("BEGIN:VTIMEZONE", "TZID:US-Eastern"),
        *("BEGIN:STANDARD", "DTSTART:20251102T020000", "RDATE:20261101T020000"),
        *("TZOFFSETFROM:-0400", "TZOFFSETTO:-0500", "END:STANDARD"),
        *("BEGIN:DAYLIGHT", "DTSTART:20250309T020000", "RDATE:20260308T020000"),
        *("TZOFFSETFROM:-0500", "TZOFFSETTO:-0400", "END:DAYLIGHT", "END:VTIMEZONE"),
    ]
    old = [line.replace(":2025", ":2015").replace(":2026", ":2016") for line in listed]
    old = [line.replace("151102", "151101").replace("161101", "161106") for line in old]
    old = [line.replace("150309", "150308").replace("160308", "160313") for line in old]
    for lines in (listed, old):
        assert only(*lines, *at("US-Eastern")).meeting.schedule.time_zone == "America/New_York"


def test_a_floating_time_is_in_the_zone_that_is_said_and_refused_without_one() -> None:
    floating = event(start="DTSTART:20260105T190000")
    assert only(*floating, timezone="America/Edmonton").meeting.schedule.time_zone == "America/Edmonton"
    assert refusal(*floating) == "its time names no time zone: say which one with --timezone (line 6)"
    said = refusal("X-WR-TIMEZONE:Europe/Berlin", *floating)
    assert "(the calendar itself says Europe/Berlin)" in said


def test_a_single_time_in_utc_is_told_in_the_calendars_zone_at_the_same_instant() -> None:
    once = event(start="DTSTART:20260705T170000Z")
    row = only("X-WR-TIMEZONE:Europe/Berlin", *once)
    assert (row.meeting.schedule.start, row.meeting.schedule.time_zone) == ("2026-07-05T19:00", BERLIN)
    row = only(*once, timezone="America/Edmonton")
    assert (row.meeting.schedule.start, row.meeting.schedule.time_zone) == ("2026-07-05T11:00", "America/Edmonton")
    assert only(*once).meeting.schedule.time_zone == "UTC"


def test_a_series_in_utc_stays_in_utc_and_it_is_said_so() -> None:
    row = only("X-WR-TIMEZONE:Europe/Berlin", *event("RRULE:FREQ=WEEKLY", start="DTSTART:20260705T170000Z"))
    assert row.meeting.schedule.time_zone == "UTC"
    assert any("repeats in UTC" in warning for warning in row.warnings)


def test_an_exception_in_another_zone_means_the_same_instant() -> None:
    row = only(*event("RRULE:FREQ=WEEKLY", "EXDATE:20260112T180000Z", "EXDATE;TZID=America/New_York:20260119T130000"))
    assert [(change.date, change.cancelled) for change in row.changes] == [("2026-01-12", True), ("2026-01-19", True)]

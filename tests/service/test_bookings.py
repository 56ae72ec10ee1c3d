"""Booking a room: granted, refused with what is in the way, in part, overruled; held; approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import booking_pb2

from services.kit.errors import Denied, Exhausted, Invalid, NotFound, Stale, Unmet
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, MAY, at, book, room, stored, twice

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
WEEKLY = "FREQ=WEEKLY;BYDAY=TU"


def report(refused: Unmet) -> booking_pb2.ClashReport:
    """What is in the way, as the status carries it."""
    (attached,) = refused.attached
    assert isinstance(attached, booking_pb2.ClashReport)
    return attached


async def test_a_room_that_is_taken_is_refused_with_the_clash(house: House) -> None:
    """The second is told which date, by what, and when; of another's booking that it is busy."""
    name = await room(house)
    made = await book(house, ANA, name, at(title="Ana and Carl"))
    assert made.state == booking_pb2.BOOKING_STATE_CONFIRMED
    assert (made.organiser, made.title, made.etag) == ("ana", "Ana and Carl", "1")
    with pytest.raises(Unmet) as refused:
        await book(house, BEN, name, at("2026-11-24T19:30"))
    assert refused.value.reason == "ROOM_TAKEN"
    (clash,) = report(refused.value).clashes
    assert (clash.key, clash.taken_by, clash.taken_by_name) == ("20261124", "busy", "")
    assert clash.start_time.seconds - clash.taken_start_time.seconds == 30 * 60
    assert len(await stored(house)) == 1
    with pytest.raises(Unmet) as known:
        await book(house, LEE, name)
    assert report(known.value).clashes[0].taken_by == "Ana and Carl"


async def test_what_follows_at_once_is_no_clash(house: House) -> None:
    """End to start: both are had."""
    name = await room(house)
    await book(house, ANA, name)
    await book(house, BEN, name, at("2026-11-24T20:00"))
    await book(house, BEN, name, at("2026-11-24T18:00"))
    assert len(await stored(house)) == 3


async def test_several_rooms_are_taken_together_or_not_at_all(house: House) -> None:
    """One of two is taken: neither is booked."""
    blue, red = await room(house), await room(house, "Red Room")
    await book(house, ANA, red)
    ask = {"parent": CENTRE, "rooms": [blue, red], "booking": at()}
    with pytest.raises(Unmet):
        await house.call("BookRoom", BEN, **ask)
    assert len(await stored(house)) == 1
    reply = await house.call("BookRoom", BEN, **{**ask, "booking": at("2026-11-24T20:00")})
    assert [each.name.rpartition("/bookings/")[0] for each in reply.bookings] == [blue, red]


async def test_with_skip_each_room_gets_its_own_free_dates(house: House) -> None:
    """Two rooms, each taken on another date; the reply lists the real dates of each."""
    blue, red = await room(house), await room(house, "Red Room")
    await book(house, ANA, blue, at("2026-12-01T19:00"))
    await book(house, ANA, red, at("2026-12-08T19:00"))
    reply = await house.call(
        "BookRoom",
        BEN,
        parent=CENTRE,
        rooms=[blue, red],
        booking=at(rule=f"{WEEKLY};COUNT=4"),
        on_clash="CLASH_POLICY_SKIP",
    )
    assert [list(each.without) for each in reply.bookings] == [["20261201"], ["20261208"]]
    assert [[each.slot.start for each in b.skipped] for b in reply.bookings] == [
        ["2026-12-01T19:00"],
        ["2026-12-08T19:00"],
    ]
    assert not twice(await stored(house), house.clock.now())


async def test_a_series_of_which_nothing_is_free_is_refused(house: House) -> None:
    """Skipping leaves nothing: that is no booking. Nor is one with more than 200 skipped dates."""
    name = await room(house)
    await book(house, ANA, name, at(rule="FREQ=DAILY"))
    for rule in (f"{WEEKLY};COUNT=3", WEEKLY):
        with pytest.raises(Unmet, match="cannot be had"):
            await book(house, BEN, name, at(rule=rule), on_clash="CLASH_POLICY_SKIP")


async def test_a_clash_years_away_is_found(house: House) -> None:
    """A weekly series without end, and one that first meets it in year 4: refused, naming that date."""
    name = await room(house)
    await book(house, ANA, name, at(rule=WEEKLY))
    with pytest.raises(Unmet) as refused:
        await book(house, BEN, name, at("2030-12-03T19:30"))
    assert refused.value.details["date"] == "20301203"


@pytest.mark.parametrize("weekly_first", [True, False])
async def test_a_weekly_and_a_yearly_booking_without_end_that_first_meet_in_four_years_are_refused_naming_that_date(
    house: House, *, weekly_first: bool
) -> None:
    """The first 3 December that is a Tuesday. The dry run says the same."""
    name = await room(house)
    asked = [at(rule=WEEKLY), at("2026-12-03T19:30", "FREQ=YEARLY")]
    one, other = asked if weekly_first else reversed(asked)
    await book(house, ANA, name, one)
    with pytest.raises(Unmet) as refused:
        await book(house, BEN, name, other)
    assert refused.value.details["date"] == "20301203"
    found = report(refused.value)
    assert found.clashes[0].key == "20301203"
    dry = await house.call("CheckBooking", BEN, parent=CENTRE, rooms=[name], booking=other)
    assert [each.key for each in dry.clashes[: len(found.clashes)]] == [each.key for each in found.clashes]
    assert [each.key for each in dry.clashes[:3]] == ["20301203", "20411203", "20471203"]
    assert len(await stored(house)) == 1


async def test_only_administrators_overrule_and_say_why(house: House) -> None:
    """The reason is kept with the booking and in the trail."""
    name = await room(house)
    await book(house, ANA, name)
    ask: dict[str, Any] = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "The fire brigade comes"}
    with pytest.raises(Denied):
        await book(house, LEE, name, **ask)
    with pytest.raises(Invalid, match="overrule_reason"):
        await book(house, MAY, name, on_clash="CLASH_POLICY_OVERRULE")
    made = await book(house, MAY, name, **ask)
    assert made.overrule_reason == "The fire brigade comes"
    trail = [each async for each in house.store.dump() if getattr(each, "action", "") == "book"]
    assert [each.reason for each in trail if each.reason] == ["The fire brigade comes"]  # type: ignore[union-attr]
    unhindered = await book(house, MAY, name, at("2026-11-26T19:00"), **ask)
    assert unhindered.overrule_reason == ""


@pytest.mark.parametrize(
    ("booking", "field"),
    [
        (at("2026-11-20T19:00"), "booking.schedule.start"),
        (at(minutes=0), "booking.schedule.minutes"),
        (at(minutes=26 * 60, rule="FREQ=DAILY"), "booking.schedule.minutes"),
        (at(rule="FREQ=WEEKLY;BYDAY=WE"), "booking.schedule.start"),
        (at(attendees=-1), "booking.attendees"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(house: House, booking: dict[str, Any], field: str) -> None:
    """The past, no length, dates that overlap each other, a start that the rule does not name, a number below 0."""
    name = await room(house)
    with pytest.raises(Invalid) as refused:
        await book(house, ANA, name, booking)
    assert refused.value.violations[0].field == field
    assert not await stored(house)


async def test_another_centres_room_is_as_absent(house: House) -> None:
    """The same NOT_FOUND as for no room at all; a name of another centre is no name of this one's."""
    await house.call("CreateCentre", centre_id="other", centre={"title": "Other", "time_zone": "UTC"})
    place = await house.call("CreatePlace", parent="centres/other", place={"title": "There"})
    theirs = await house.call("CreateRoom", parent="centres/other", room={"title": "T", "place": place.name})
    other = str(theirs.name).rpartition("/")[2]
    for id_ in (other, "absent"):
        with pytest.raises(NotFound) as refused:
            await book(house, ANA, f"{CENTRE}/rooms/{id_}")
        assert refused.value.reason == "NOT_FOUND"
    with pytest.raises(Invalid):
        await book(house, ANA, str(theirs.name))
    with pytest.raises(Invalid, match="twice"):
        await house.call("BookRoom", ANA, parent=CENTRE, rooms=[f"{CENTRE}/rooms/a"] * 2, booking=at())


async def test_a_double_of_a_request_is_answered_as_the_first(house: House) -> None:
    """One request id, one booking; the second answer is the first."""
    name = await room(house)
    once = await book(house, ANA, name, request_id="6f3a")
    again = await book(house, ANA, name, request_id="6f3a")
    assert once == again
    assert len(await stored(house)) == 1


async def test_a_hold_keeps_others_out_until_it_expires(house: House) -> None:
    """Expired, it counts no more, whether anybody swept it or not; it cannot be confirmed, and says so."""
    name = await room(house)
    hold = await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at())
    assert hold.state == booking_pb2.BOOKING_STATE_HELD
    assert hold.expire_time.ToJsonString() == "2026-11-21T12:10:00Z"
    with pytest.raises(Unmet):
        await book(house, BEN, name)
    await house.clock.advance(601)
    with pytest.raises(Unmet, match="expired") as refused:
        await house.call("ConfirmHold", ANA, name=hold.name)
    assert refused.value.reason == "HOLD_EXPIRED"
    await book(house, BEN, name)
    await house.sweep()
    with pytest.raises(Unmet, match="expired"):
        await house.call("ConfirmHold", ANA, name=hold.name)
    assert not (await house.call("ListBookings", LEE, parent=CENTRE, mine=True)).bookings


async def test_a_hold_is_confirmed_by_whoever_holds_it(house: House) -> None:
    """With the words that were filled in meanwhile; once."""
    name = await room(house)
    hold = await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at())
    with pytest.raises(Denied):
        await house.call("ConfirmHold", BEN, name=hold.name)
    made = await house.call("ConfirmHold", ANA, name=hold.name, booking={"title": "Coaching"}, etag=hold.etag)
    assert (made.state, made.title, made.etag) == (booking_pb2.BOOKING_STATE_CONFIRMED, "Coaching", "2")
    with pytest.raises(Unmet, match="already"):
        await house.call("ConfirmHold", ANA, name=hold.name)


async def test_nobody_holds_more_than_five(house: House) -> None:
    """The sixth hold of one person at one centre is refused, until one of them has expired."""
    name = await room(house)
    for hour in range(10, 15):
        await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at(f"2026-11-24T{hour}:00"))
    ask = {"parent": CENTRE, "room": name, "booking": at()}
    with pytest.raises(Exhausted):
        await house.call("HoldRoom", ANA, **ask)
    await house.call("HoldRoom", BEN, **{**ask, "booking": at("2026-11-24T20:00")})
    await house.clock.advance(601)
    await house.call("HoldRoom", ANA, **ask)


async def test_a_pending_booking_keeps_others_out_where_the_room_says_so(house: House) -> None:
    """HOLDS: the time is taken until somebody has decided. Declined, it is free."""
    name = await room(house, rules={"approval": "APPROVAL_HOLDS"})
    asked = await book(house, ANA, name, at(title="Yoga"))
    assert (asked.state, asked.competes) == (booking_pb2.BOOKING_STATE_PENDING, False)
    with pytest.raises(Unmet):
        await book(house, BEN, name)
    queue = await house.call("ListBookings", LEE, parent=CENTRE, queue="BOOKING_QUEUE_PENDING")
    assert [each.title for each in queue.bookings] == ["Yoga"]
    await house.call("DeclineBooking", LEE, name=asked.name, reason="The floor is wet")
    trail = [each async for each in house.store.dump() if getattr(each, "action", "") == "decline"]
    assert [each.reason for each in trail] == ["The floor is wet"]  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        await house.call("GetBooking", ANA, name=asked.name)
    await book(house, BEN, name)


async def test_of_two_that_compete_the_second_approval_is_refused(house: House) -> None:
    """Both may ask; the first that is approved has it, and the second refusal says what is in the way."""
    name = await room(house, rules={"approval": "APPROVAL_COMPETES"})
    ana, ben = await book(house, ANA, name, at(title="Yoga")), await book(house, BEN, name)
    assert ana.competes
    assert ben.competes
    with pytest.raises(Denied):
        await house.call("ApproveBooking", ANA, name=ana.name)
    done = await house.call("ApproveBooking", LEE, name=ana.name)
    assert (done.state, done.competes) == (booking_pb2.BOOKING_STATE_CONFIRMED, False)
    with pytest.raises(Unmet) as refused:
        await house.call("ApproveBooking", LEE, name=ben.name)
    assert report(refused.value).clashes[0].taken_by == "Yoga"
    with pytest.raises(Unmet, match="wait"):
        await house.call("ApproveBooking", LEE, name=ana.name)


async def test_who_keeps_the_list_needs_no_approval(house: House) -> None:
    """Coordinators approve their own."""
    name = await room(house, rules={"approval": "APPROVAL_HOLDS"})
    assert (await book(house, LEE, name)).state == booking_pb2.BOOKING_STATE_CONFIRMED


async def test_each_asker_learns_as_much_as_it_may(house: House) -> None:
    """Another facilitator learns when, and nothing else."""
    name = await room(house)
    made = await book(house, ANA, name, at(title="Private", notes="Very"))
    mine, theirs = [await house.call("GetBooking", who, name=made.name) for who in (ANA, BEN)]
    assert (mine.title, mine.notes, mine.organiser) == ("Private", "Very", "ana")
    assert (theirs.title, theirs.notes, theirs.organiser) == ("busy", "", "")
    assert (await house.call("GetBooking", LEE, name=made.name)).title == "Private"
    with pytest.raises(NotFound):
        await house.call("GetBooking", LEE, name=made.name.replace("/rooms/", "/rooms/x"))


async def test_lists_come_in_pages_oldest_first(house: House) -> None:
    """A room's, a centre's, one's own; what was released is in none, and takes no place on a page."""
    blue, red = await room(house), await room(house, "Red Room")
    made = []
    for hour in range(10, 16):
        await house.clock.advance(1)
        who, name = (ANA, blue) if hour % 2 else (BEN, red)
        made.append(await book(house, who, name, at(f"2026-11-24T{hour}:00")))
    await house.call("ReleaseBooking", BEN, name=made[2].name)

    async def listed(**ask: Any) -> list[str]:
        found, token = [], ""
        while True:
            reply = await house.call("ListBookings", ANA, page_size=2, page_token=token, **ask)
            found += [each.name for each in reply.bookings]
            assert len(reply.bookings) == 2 or not reply.next_page_token
            if not (token := reply.next_page_token):
                return found

    names = [each.name for each in made]
    assert await listed(parent=CENTRE) == names[:2] + names[3:]
    assert await listed(parent=red) == [names[0], names[4]]
    assert await listed(parent=CENTRE, mine=True) == names[1::2]
    with pytest.raises(NotFound):
        await house.call("ListBookings", ANA, parent=f"{CENTRE}/rooms/absent")


async def test_a_stale_etag_is_refused(house: House) -> None:
    """Whoever decided on an older revision reads again."""
    name = await room(house, rules={"approval": "APPROVAL_HOLDS"})
    made = await book(house, ANA, name)
    with pytest.raises(Stale):
        await house.call("ApproveBooking", LEE, name=made.name, etag="7")
    assert (await house.call("GetBooking", LEE, name=made.name)).etag == "1"


async def test_a_quota_counts_for_whoever_booked(house: House) -> None:
    """Two dates a week: the third is refused, by booking or by moving one there; the refusal names the rule."""
    name = await room(house, rules={"quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": 2}]})
    for day in (24, 25):
        await book(house, ANA, name, at(f"2026-11-{day}T19:00"))
    later = await book(house, ANA, name, at("2026-12-01T19:00"))
    with pytest.raises(Unmet) as refused:
        await book(house, ANA, name, at("2026-11-26T19:00"), on_clash="CLASH_POLICY_SKIP")
    assert refused.value.reason == "BOOKING_RULE"
    assert report(refused.value).clashes[0].rule == "QUOTA_COUNT_WEEK"
    with pytest.raises(Unmet):
        await house.call(
            "ChangeBooking",
            ANA,
            booking={"name": later.name, "schedule": {"start": "2026-11-26T19:00"}},
            update_mask="schedule.start",
        )
    await book(house, BEN, name, at("2026-11-26T19:00"))


async def test_approving_what_competes_gives_nobody_more_than_the_quotas_allow(house: House) -> None:
    """Nothing of it counted while it competed; an administrator may overrule that, and is named."""
    rules = {"approval": "APPROVAL_COMPETES", "quotas": [{"period": "QUOTA_PERIOD_DAY", "count": 1}]}
    name = await room(house, rules={**rules, "least_minutes_ahead": 600})
    early, late = [await book(house, ANA, name, at(f"2026-11-24T{hour}:00")) for hour in (10, 15)]
    other = await book(house, BEN, name, at("2026-11-24T15:00"))
    await house.call("ApproveBooking", LEE, name=early.name)
    with pytest.raises(Unmet) as refused:
        await house.call("ApproveBooking", LEE, name=late.name)
    assert [each.rule for each in report(refused.value).clashes] == ["QUOTA_COUNT_DAY"]
    await house.clock.advance((60 + 18) * 3600)  # when it was asked for it was early enough
    await house.call("ApproveBooking", LEE, name=other.name)
    overruled = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "Both want it so"}
    assert (await house.call("ApproveBooking", MAY, name=late.name, **overruled)).overruled_by == "may"

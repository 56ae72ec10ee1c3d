"""Who sees what of a meeting: every visibility, online access and address access, for every kind of caller."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from services.kit.errors import NotFound
from services.kit.publication import body
from services.kit.vouch import Vouch
from services.meetings.records import PUBLICATIONS
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, START, House

if TYPE_CHECKING:
    from services.kit.call import Caller

pytest_plugins = ["tests.service.meetings_house"]

VISIBILITIES = ("PUBLIC", "UNLISTED", "MEMBERS")
ONLINE = ("PUBLIC", "SEAT_HOLDERS", "INVITE_CODE")
ADDRESSES = ("PUBLIC", "AREA_ONLY", "HOLDERS")

# The table of docs/access.md, by who asks. Whatever is not here is not seen.
EXISTS = {
    "anybody": {"PUBLIC"},
    "link": {"PUBLIC", "UNLISTED"},
    "seated": {"PUBLIC", "UNLISTED"},
    "holder": set(VISIBILITIES),
    "staff": set(VISIBILITIES),
}
LINK = {
    "anybody": {"PUBLIC"},
    "link": {"PUBLIC"},
    "seated": {"PUBLIC", "SEAT_HOLDERS"},
    "holder": {"PUBLIC", "INVITE_CODE"},
    "staff": set(ONLINE),
}
PASSCODE = {
    "anybody": set[str](),
    "link": set[str](),
    "seated": {"PUBLIC", "SEAT_HOLDERS"},
    "holder": {"PUBLIC", "INVITE_CODE"},
    "staff": set(ONLINE),
}
ADDRESS = {
    "anybody": {"PUBLIC"},
    "link": {"PUBLIC"},
    "seated": {"PUBLIC", "HOLDERS"},
    "holder": {"PUBLIC", "HOLDERS"},
    "staff": set(ADDRESSES),
}
AREA = {
    "anybody": {"PUBLIC", "AREA_ONLY"},
    "link": {"PUBLIC", "AREA_ONLY"},
    "seated": set(ADDRESSES),
    "holder": set(ADDRESSES),
    "staff": set(ADDRESSES),
}


class Case(NamedTuple):
    """One meeting: its levels and its name."""

    visibility: str
    online: str
    address: str
    name: str


class Asker(NamedTuple):
    """Somebody who asks: as `kind` of the table when they know a meeting's name, as `listing` when they do not."""

    kind: str
    listing: str
    caller: Caller
    invite_code: str = ""


async def meetings(house: House, group: str) -> list[Case]:
    """One meeting of each kind, and on one of its dates another place and link of the same levels."""
    made = []
    for address in ADDRESSES:
        place = await house.place(
            title="The House", address="1 Main St", notes="Ring twice", address_access=f"ADDRESS_ACCESS_{address}"
        )
        for visibility, access in product(VISIBILITIES, ONLINE):
            online = {
                "url": "https://meet.example.org/x",
                "phone": "555 0199",
                "passcode": "sesame",
                "notes": "Say friend",
                "access": f"ONLINE_ACCESS_{access}",
            }
            meeting = await house.meeting(
                mode="MODE_HYBRID",
                visibility=f"VISIBILITY_{visibility}",
                place=place.name,
                online=online,
                invite_group=group,
            )
            change = {"place": place.name, "online": online, "reason": "As ever"}
            date = f"{meeting.name}/occurrences/20261201"
            await house.call("ChangeOccurrence", name=date, change=change)
            made.append(Case(visibility, access, address, meeting.name))
    return made


async def askers(house: House, group: str) -> list[Asker]:
    """Everybody there is, and those whose codes open nothing."""
    rotated, expired = await house.code(group), await house.code(group)
    good = await house.code(group, grace_seconds=60)
    revoked = await house.code(group, grace_seconds=31 * 24 * 3600)
    newest = (await house.call("GetGroup", name=group)).invite_codes[0].id
    await house.call("RevokeInviteCode", name=group, invite_code_id=newest)
    another = await house.code((await house.group("Others")).name)
    await house.call("CreateCentre", centre_id="other", centre={"title": "O", "time_zone": "America/Edmonton"})
    abroad = await house.call("CreateGroup", parent="centres/other", group={"title": "Night Owls"})
    foreign = await house.code(abroad.name)
    house.clock.jump(START + timedelta(seconds=61))
    worthless = ("", "nonsense", good[:-1], f"{good}0", rotated, expired, revoked, another, foreign, "0" * 28, "ß" * 28)
    nobodies = [Asker("link", "anybody", NOBODY, each) for each in worthless]
    return [*nobodies, Asker("holder", "holder", NOBODY, good), Asker("staff", "staff", COORDINATOR)]


def check(who: str, case: Case, venue: Any, online: Any) -> None:
    """What is said of place and link is what the table says, and nothing more."""
    said = (who, *case[:3])
    address = case.address in ADDRESS[who]
    assert (venue.title, venue.address, venue.notes) == (
        ("The House", "1 Main St", "Ring twice") if address else ("", "", "")
    ), said
    assert venue.area == ("Old Town" if case.address in AREA[who] else ""), said
    link = ("https://meet.example.org/x", "555 0199") if case.online in LINK[who] else ("", "")
    assert (online.url, online.phone) == link, said
    assert (online.passcode, online.notes) == (
        ("sesame", "Say friend") if case.online in PASSCODE[who] else ("", "")
    ), said


@pytest.fixture
async def scene(house: House) -> tuple[list[Case], list[Asker]]:
    group = (await house.group()).name
    return await meetings(house, group), await askers(house, group)


async def test_viewing_a_meeting_by_its_name_keeps_to_the_table(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, everybody = scene
    for asker, case in product(everybody, cases):
        request = {"name": case.name, "invite_code": asker.invite_code}
        if case.visibility not in EXISTS[asker.kind]:
            with pytest.raises(NotFound) as refusal:
                await house.call("ViewMeeting", asker.caller, **request)
            absent = f"{CENTRE}/meetings/none"
            with pytest.raises(NotFound) as other:
                await house.call("ViewMeeting", asker.caller, name=absent, invite_code=asker.invite_code)
            assert refusal.value.message.replace(case.name, absent) == other.value.message
            continue
        found = await house.call("ViewMeeting", asker.caller, **request)
        check(asker.kind, case, found.venue, found.online)
        check(asker.kind, case, found.changes[0].venue, found.changes[0].online)
        assert bool(found.invite_group) is (asker.kind in {"holder", "staff"})
        assert bool(found.etag) is (asker.kind == "staff")


async def test_who_keeps_a_seat_sees_by_a_pass_what_seat_holders_are_told_and_nothing_of_other_dates(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    for case in scene[0]:
        if case.visibility not in EXISTS["seated"]:
            continue
        date = f"{case.name}/occurrences/20261201"
        for name in (case.name, date):
            seat_pass = house.desk.vouch.sign_until("seat", name, house.clock.now() + timedelta(minutes=5))
            found = await house.call("ViewMeeting", NOBODY, name=case.name, seat_pass=seat_pass)
            check("seated", case, found.venue, found.online)
            check("link", case, found.changes[0].venue, found.changes[0].online)


HELD = Case("PUBLIC", "SEAT_HOLDERS", "PUBLIC", "")


async def held(house: House, **more: Any) -> Any:
    """A meeting whose link is for those who keep a seat."""
    place = await house.place(title="The House", address="1 Main St", notes="Ring twice")
    link = {"url": "https://meet.example.org/x", "phone": "555 0199", "passcode": "sesame", "notes": "Say friend"}
    online = {**link, "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
    return await house.meeting(mode="MODE_HYBRID", place=place.name, online=online, **more)


async def test_a_pass_of_another_meeting_one_that_is_over_and_one_that_nobody_made_open_nothing(house: House) -> None:
    name, other = (await held(house)).name, (await held(house)).name
    vouch, soon = house.desk.vouch, house.clock.now() + timedelta(minutes=5)
    good = vouch.sign_until("seat", name, soon)
    passes = [vouch.sign_until("seat", other, soon), vouch.sign_until("other", name, soon)]
    passes += [Vouch().sign_until("seat", name, soon), vouch.sign_until("seat", name, house.clock.now())]
    for each in (*passes, good[:-1], "nonsense", name):
        found = await house.call("ViewMeeting", NOBODY, name=name, seat_pass=each)
        check("link", HELD, found.venue, found.online)
    found = await house.call("ViewMeeting", NOBODY, name=name, seat_pass=good)
    check("seated", HELD, found.venue, found.online)
    house.clock.jump(soon + timedelta(seconds=1))
    found = await house.call("ViewMeeting", NOBODY, name=name, seat_pass=good)
    check("link", HELD, found.venue, found.online)


async def test_a_meeting_for_members_needs_its_code_and_a_pass_opens_what_the_code_does_not(house: House) -> None:
    group = (await house.group()).name
    name = (await held(house, visibility="VISIBILITY_MEMBERS", invite_group=group)).name
    code = await house.code(group)
    seat_pass = house.desk.vouch.sign_until("seat", name, house.clock.now() + timedelta(minutes=5))
    with pytest.raises(NotFound):
        await house.call("ViewMeeting", NOBODY, name=name, seat_pass=seat_pass)
    found = await house.call("ViewMeeting", NOBODY, name=name, seat_pass=seat_pass, invite_code=code)
    check("seated", HELD, found.venue, found.online)
    assert not (await house.call("ViewMeeting", NOBODY, name=name, invite_code=code)).online.url


async def test_lists_hold_what_the_table_says_and_a_code_that_opens_nothing_changes_nothing(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, everybody = scene
    by_name = {case.name: case for case in cases}
    plain = await house.listed(days=20, caller=NOBODY)
    for asker in everybody:
        listed = await house.listed(days=20, caller=asker.caller, invite_code=asker.invite_code)
        seen = {each.name.partition("/occurrences/")[0] for each in listed}
        assert seen == {case.name for case in cases if case.visibility in EXISTS[asker.listing]}
        for each in listed:
            check(asker.listing, by_name[each.name.partition("/occurrences/")[0]], each.venue, each.online)
        if asker.listing == "anybody":
            assert listed == plain


async def test_an_unlisted_meeting_is_listed_for_whoever_names_it(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    for case in scene[0]:
        listed = await house.listed(days=20, caller=NOBODY, meeting=case.name)
        assert bool(listed) is (case.visibility != "MEMBERS")
        for each in listed:
            check("link", case, each.venue, each.online)


async def test_views_hold_what_their_widest_reader_may_see_and_no_more(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, _ = scene
    message_type = type(await house.call("GetMeeting", name=cases[0].name))
    for case in cases:
        record = await house.store.get("meeting", case.name.rpartition("/")[2])
        assert record is not None
        names = {view.name for view in record.views}
        assert names == ({"public", "private"} if case.visibility == "PUBLIC" else {"private"})
        for publication in PUBLICATIONS:
            if publication.kind == "meeting" and publication.view in names:
                found = body(publication.event(record, "local"), message_type)
                who = {"public": "anybody", "private": "holder"}[publication.view]
                check(who, case, found.venue, found.online)
                check(who, case, found.changes[0].venue, found.changes[0].online)


async def test_an_unlisted_meeting_without_a_group_is_published_as_whoever_has_its_link_sees_it(house: House) -> None:
    place = await house.place(address_access="ADDRESS_ACCESS_HOLDERS", title="The House")
    online = {"url": "https://meet.example.org/x", "passcode": "sesame", "access": "ONLINE_ACCESS_INVITE_CODE"}
    meeting = await house.meeting(mode="MODE_HYBRID", visibility="VISIBILITY_UNLISTED", place=place.name, online=online)
    record = await house.store.get("meeting", meeting.name.rpartition("/")[2])
    assert record is not None
    (publication,) = (each for each in PUBLICATIONS if (each.kind, each.view) == ("meeting", "private"))
    found = body(publication.event(record, "local"), type(meeting))
    check("link", Case("UNLISTED", "INVITE_CODE", "HOLDERS", meeting.name), found.venue, found.online)

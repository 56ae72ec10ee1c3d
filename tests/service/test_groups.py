"""Groups and their invite codes: shown once, kept as digests, ended when they should be."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.kit import code
from services.kit.call import Caller
from services.kit.errors import Invalid, NotFound, Unmet
from services.kit.publication import body
from services.meetings.records import PUBLICATIONS
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, START, House

if TYPE_CHECKING:
    from services.kit.event import Event

pytest_plugins = ["tests.service.meetings_house"]

SHOWN = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){6}")
DAY = 24 * 3600


async def group_with_meeting(house: House) -> tuple[str, Any]:
    """A group, and a meeting for its members."""
    group = (await house.group()).name
    return group, await house.meeting(visibility="VISIBILITY_MEMBERS", invite_group=group)


async def opens(house: House, typed: str, meeting: str) -> bool:
    """Whether a code opens a meeting for somebody without a token."""
    try:
        found = await house.call("ViewMeeting", NOBODY, name=meeting, invite_code=typed)
    except NotFound:
        assert await house.listed(days=7, caller=NOBODY, invite_code=typed) == []
        return False
    assert found.name == meeting
    return len(await house.listed(days=7, caller=NOBODY, invite_code=typed)) == 1


async def everything_stored(house: House) -> str:
    """All that the store holds: records, stored answers, audit lines."""
    return "\n".join([msgspec.json.encode(entry).decode() async for entry in house.store.dump()])


def events(record: Any, view: str) -> list[Event]:
    return [
        each.event(record, "local")
        for each in PUBLICATIONS
        if each.kind == record.kind and each.view == view and record.view(view)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(lambda shown: shown, id="as shown"),
        pytest.param(str.lower, id="in lower case"),
        pytest.param(lambda shown: shown.replace("-", ""), id="without hyphens"),
        pytest.param(lambda shown: f" {shown.replace('-', ' ')} ", id="with spaces"),
        pytest.param(lambda shown: shown.replace("0", "o").replace("1", "l"), id="look-alikes"),
        pytest.param(lambda shown: shown.replace("0", "O").replace("1", "I"), id="capital look-alikes"),
    ],
)
async def test_a_code_is_read_however_people_type_it(house: House, typed: Any) -> None:
    group, meeting = await group_with_meeting(house)
    shown = await house.code(group)
    while not {"0", "1"} <= set(shown):
        shown = await house.code(group)
    assert SHOWN.fullmatch(shown)
    assert await opens(house, typed(shown), meeting.name)


async def test_a_code_is_shown_once_and_kept_nowhere(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    first = await house.call("RotateInviteCode", name=group, request_id="r1")
    double = await house.call("RotateInviteCode", name=group, request_id="r1")
    assert (first.invite_code != "", double.invite_code, double.group) == (True, "", first.group)
    assert await opens(house, first.invite_code, meeting.name)
    for answer in (await house.call("GetGroup", name=group), await house.call("ListGroups", parent=CENTRE)):
        assert code.digest(first.invite_code) not in str(answer)
        assert first.group.invite_codes[0].id in str(answer)
    stored = await everything_stored(house)
    assert "rotate" in stored
    for form in (first.invite_code, first.invite_code.replace("-", "")):
        assert form not in stored


async def test_two_doubles_at_once_make_one_code(house: House) -> None:
    group = (await house.group()).name
    doubles = asyncio.gather(*(house.call("RotateInviteCode", name=group, request_id="same") for _ in range(4)))
    while not doubles.done():
        await asyncio.sleep(0)
        if house.clock.asleep:
            await house.clock.advance(1)  # whoever was slower waits a moment and decides anew
    answers = await doubles
    assert len({answer.invite_code for answer in answers} - {""}) == 1
    assert {answer.group.invite_codes[0].id for answer in answers} == {answers[0].group.invite_codes[0].id}


async def test_a_new_code_ends_the_one_before_it_at_once(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    old = await house.code(group)
    new = await house.code(group)
    assert (await opens(house, old, meeting.name), await opens(house, new, meeting.name)) == (False, True)


async def test_with_a_time_of_grace_the_code_before_it_ends_to_the_second_and_is_then_forgotten(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    old = await house.code(group)
    new = await house.code(group, grace_seconds=DAY)
    house.clock.jump(START + timedelta(seconds=DAY - 1))
    assert await opens(house, old, meeting.name)
    house.clock.jump(START + timedelta(seconds=DAY))
    assert not await opens(house, old, meeting.name)  # also while the sweeper is late
    assert len((await house.call("GetGroup", name=group)).invite_codes) == 1
    assert code.digest(old) in await everything_stored(house)
    await house.sweep()
    assert code.digest(old) not in await everything_stored(house)
    assert await opens(house, new, meeting.name)


async def test_a_further_rotation_prolongs_no_code(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    old = await house.code(group)
    await house.code(group, grace_seconds=60)
    await house.code(group, grace_seconds=DAY)
    house.clock.jump(START + timedelta(seconds=60))
    assert not await opens(house, old, meeting.name)


async def test_a_revoked_code_opens_nothing_and_the_others_go_on(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    old, new = await house.code(group), await house.code(group, grace_seconds=DAY)
    ids = [each.id for each in (await house.call("GetGroup", name=group)).invite_codes]
    left = await house.call("RevokeInviteCode", name=group, invite_code_id=ids[0])
    assert [each.id for each in left.invite_codes] == ids[1:]
    assert (await opens(house, old, meeting.name), await opens(house, new, meeting.name)) == (True, False)
    with pytest.raises(Unmet):
        await house.call("RevokeInviteCode", name=group, invite_code_id=ids[0])


async def test_codes_in_force_are_few_and_one_may_always_be_made_without_grace(house: House) -> None:
    group = (await house.group()).name
    for _ in range(5):
        await house.code(group, grace_seconds=DAY)
    with pytest.raises(Unmet) as refusal:
        await house.code(group, grace_seconds=DAY)
    assert refusal.value.reason == "TOO_MANY_CODES"
    await house.code(group)
    assert len((await house.call("GetGroup", name=group)).invite_codes) == 1


@pytest.mark.parametrize("seconds", [-1, 31 * DAY + 1])
async def test_a_time_of_grace_is_at_most_31_days(house: House, seconds: int) -> None:
    group = (await house.group()).name
    with pytest.raises(Invalid):
        await house.code(group, grace_seconds=seconds)


async def test_a_group_in_use_is_not_deleted_and_a_deleted_ones_code_opens_nothing(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    typed = await house.code(group)
    with pytest.raises(Unmet) as refusal:
        await house.call("DeleteGroup", name=group)
    assert refusal.value.details["used_by"] == meeting.name
    await house.call("DeleteMeeting", name=meeting.name)
    await house.call("DeleteGroup", name=group)
    assert not await opens(house, typed, meeting.name)
    with pytest.raises(NotFound):
        await house.call("GetGroup", name=group)


async def test_whoever_comes_to_a_group_moves_it_so_that_nobody_deletes_it_meanwhile(house: House) -> None:
    group = (await house.group()).name
    before = (await house.call("GetGroup", name=group)).etag
    meeting = await house.meeting(invite_group=group)
    after = (await house.call("GetGroup", name=group)).etag
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Another title"})
    assert int(before) < int(after) == int((await house.call("GetGroup", name=group)).etag)


@pytest.mark.parametrize("first", ["DeleteGroup", "CreateMeeting"])
async def test_of_a_deletion_and_a_meeting_that_comes_to_the_group_at_once_one_is_refused(
    house: House, first: str
) -> None:
    group = (await house.group()).name
    calls = [house.call("DeleteGroup", name=group), house.meeting(invite_group=group)]
    race = asyncio.gather(*(calls if first == "DeleteGroup" else calls[::-1]), return_exceptions=True)
    while not race.done():
        await asyncio.sleep(0)
        if house.clock.asleep:
            await house.clock.advance(1)
    refused = [each for each in await race if isinstance(each, Exception)]
    assert [type(each) for each in refused] in ([Unmet], [NotFound])
    there = await house.call("ListGroups", parent=CENTRE)
    meetings = await house.call("ListMeetings", parent=CENTRE)
    assert len(there.groups) == len(meetings.meetings)


async def test_a_meeting_for_members_needs_a_group(house: House) -> None:
    with pytest.raises(Invalid) as refusal:
        await house.meeting(visibility="VISIBILITY_MEMBERS")
    assert refusal.value.violations[0].field == "meeting.invite_group"
    public = await house.meeting()
    with pytest.raises(Invalid):
        await house.call("UpdateMeeting", meeting={"name": public.name, "visibility": "VISIBILITY_MEMBERS"})
    group = (await house.group()).name
    kept = {"name": public.name, "visibility": "VISIBILITY_MEMBERS", "invite_group": group}
    assert (await house.call("UpdateMeeting", meeting=kept)).invite_group == group
    with pytest.raises(Invalid):
        await house.call("UpdateMeeting", meeting={"name": public.name}, update_mask="inviteGroup")


@pytest.mark.parametrize("group", ["centres/other/groups/g", "nonsense"])
async def test_a_group_of_another_centre_is_refused(house: House, group: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await house.meeting(invite_group=group)
    assert refusal.value.violations[0].field == "meeting.invite_group"


async def test_a_group_that_is_not_there_is_refused(house: House) -> None:
    with pytest.raises(NotFound):
        await house.meeting(invite_group=f"{CENTRE}/groups/none")


async def test_a_centre_with_a_group_is_not_deleted(house: House) -> None:
    await house.group()
    with pytest.raises(Unmet) as refusal:
        await house.call("DeleteCentre", name=CENTRE)
    assert refusal.value.details["kind"] == "group"


async def test_groups_are_for_the_centres_coordinators(house: House) -> None:
    group = (await house.group()).name
    assert (await house.call("GetGroup", COORDINATOR, name=group)).title == "Night Owls"
    stranger = Caller("stranger", {"elsewhere": frozenset({"coordinator"})})
    with pytest.raises(NotFound):
        await house.call("RotateInviteCode", stranger, name=group)


async def test_a_title_is_changed_and_the_codes_stay(house: House) -> None:
    group, meeting = await group_with_meeting(house)
    typed = await house.code(group)
    changed = await house.call("UpdateGroup", group={"name": group, "title": "Early Birds"})
    assert (changed.title, len(changed.invite_codes)) == ("Early Birds", 1)
    assert await opens(house, typed, meeting.name)


async def test_a_group_has_no_public_view_and_its_private_one_holds_digests_in_force(house: House) -> None:
    group = (await house.group()).name
    typed = await house.code(group)
    record = await house.store.get("group", group.rpartition("/")[2])
    assert record is not None
    assert events(record, "public") == []
    (event,) = events(record, "private")
    message_type = type(await house.call("GetGroup", name=group))
    assert [each.digest for each in body(event, message_type).invite_codes] == [code.digest(typed)]


async def test_a_part_waits_in_each_view_for_the_next_part_only_while_that_has_the_view(house: House) -> None:
    group = (await house.group()).name
    meeting = await house.meeting(invite_group=group)
    part = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "B"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )

    async def waits() -> tuple[int, int]:
        record = await house.store.get("meeting", meeting.name.rpartition("/")[2])
        assert record is not None
        return tuple(len(each.needs) for view in ("public", "private") for each in events(record, view))  # type: ignore[return-value]  # two of them

    assert await waits() == (1, 1)
    update = {"meeting": {"name": part.name}, "update_mask": "inviteGroup"}
    await house.call("UpdateMeeting", **update)
    assert await waits() == (1, 0)
    await house.call("UpdateMeeting", meeting={"name": part.name, "visibility": "VISIBILITY_UNLISTED"})
    assert await waits() == (0, 0)


async def test_a_change_that_only_code_holders_see_moves_no_public_view(house: House) -> None:
    group = (await house.group()).name
    online = {"url": "https://meet.example.org/1", "access": "ONLINE_ACCESS_INVITE_CODE", "passcode": "one"}
    meeting = await house.meeting(invite_group=group, online=online)

    async def views() -> dict[str, int]:
        record = await house.store.get("meeting", meeting.name.rpartition("/")[2])
        assert record is not None
        return {view.name: view.revision for view in record.views}

    before = await views()
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": {**online, "passcode": "two"}})
    assert await views() == {**before, "private": before["private"] + 1}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "invite_group": (await house.group()).name})
    assert (await views())["public"] == before["public"]


async def test_a_meeting_that_is_all_public_has_no_private_view(house: House) -> None:
    place = (await house.place()).name
    meeting = await house.meeting(
        place=place, online={"url": "https://x.example.org", "access": "ONLINE_ACCESS_PUBLIC"}
    )
    record = await house.store.get("meeting", meeting.name.rpartition("/")[2])
    assert record is not None
    assert [view.name for view in record.views] == ["public"]

"""What must not be told stands nowhere that others look, and where those look who have the right.

Canaries go in through the API of a real system that logs all it can. Then everything that it publishes, serves,
answers, logs and stores is searched for them.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from openchair.meetings.v1 import group_pb2, meeting_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit import code
from services.kit.client import RpcError, connect, explain
from tests.system import acts, canaries
from tests.system.canaries import Surface, found
from tests.system.collector import Collector, collecting
from tests.system.days import every_week
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CENTRE = "centres/oak"
PUBLIC = ("shelter", "villa", "seat")
LINES = ("title", "address", "notes")


class Told(NamedTuple):
    """What was told to the system, by what it is; the group's code is among it, and one that was revoked."""

    words: dict[str, str]
    group: str
    names: dict[str, str]

    def only(self, *kinds: str) -> dict[str, str]:
        """The canaries whose names begin so."""
        return {name: text for name, text in self.words.items() if name.startswith(kinds)}

    def other_than(self, *kinds: str) -> dict[str, str]:
        """All the others."""
        return {name: text for name, text in self.words.items() if not name.startswith(kinds)}

    @property
    def code(self) -> str:
        """The code in force."""
        return self.words["code in force"]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    environ = {"OPENCHAIR_LOG_LEVEL": "debug", **collector.environ}
    with running(tmp_path_factory.mktemp("canary"), environ) as started:
        yield started


@pytest.fixture(scope="module")
def told(system: System) -> Told:
    return asyncio.run(_tell(system))


async def _tell(system: System) -> Told:
    async with system.meetings() as stub:
        await acts.create_centre(stub, "oak")
        words = {f"{level} {line}": canaries.word() for level in ("shelter", "villa") for line in LINES}
        places = {level: await _place(stub, words, level) for level in ("shelter", "villa")}
        words |= {
            f"{kind} {part}": canaries.word() for kind in ("link", "seat") for part in ("address", "passcode", "notes")
        }
        words |= {"title of members": canaries.word(), "title of unlisted": canaries.word(), "group": canaries.word()}
        request = pb.CreateGroupRequest(parent=CENTRE, group=group_pb2.Group(title=words["group"]))
        group = (await stub.CreateGroup(request)).name
        words |= await _codes(stub, group)
        names = await _meetings(stub, words, places, group)
        await _try_in_vain(stub, words, names)
    until(lambda: acts.summaries(system.feed("oak")) == ["Everybody"] * 3, "the public meetings are in the feed")
    until(lambda: system.get(f"/invited/{words['code in force']}.ics").status == 200, "the code opens its calendar")
    return Told(words, group, names)


async def _place(stub: MeetingServiceStub, words: dict[str, str], level: str) -> str:
    access = {"shelter": place_pb2.ADDRESS_ACCESS_AREA_ONLY, "villa": place_pb2.ADDRESS_ACCESS_HOLDERS}[level]
    lines: dict[str, Any] = {line: words[f"{level} {line}"] for line in LINES}
    place = place_pb2.Place(**lines, area="Old Town", address_access=access, latitude=53.5, longitude=-113.5)
    return (await stub.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))).name


async def _codes(stub: MeetingServiceStub, group: str) -> dict[str, str]:
    """A code that was revoked, one that has run out, and one in force; in all forms, and as what is kept of them."""
    rotate = pb.RotateInviteCodeRequest(name=group, request_id="first")
    revoked = await stub.RotateInviteCode(rotate)
    assert (await stub.RotateInviteCode(rotate)).invite_code == ""
    last = revoked.group.invite_codes[0].id
    await stub.RevokeInviteCode(pb.RevokeInviteCodeRequest(name=group, invite_code_id=last))
    ended = await stub.RotateInviteCode(pb.RotateInviteCodeRequest(name=group))
    held = await stub.RotateInviteCode(pb.RotateInviteCodeRequest(name=group, request_id="second"))
    shown = {"in force": held.invite_code, "revoked": revoked.invite_code, "ended": ended.invite_code}
    return {
        **{f"code {state}": text for state, text in shown.items()},
        **{f"code {state}, in one": text.replace("-", "") for state, text in shown.items()},
        **{f"digest of the code {state}": code.digest(text) for state, text in shown.items()},
    }


async def _meetings(
    stub: MeetingServiceStub, words: dict[str, str], places: dict[str, str], group: str
) -> dict[str, str]:
    """One at the shelter, one at the villa, one with a link by code, for members, unlisted; by what they are."""

    def online(kind: str, access: meeting_pb2.OnlineAccess.ValueType) -> meeting_pb2.Online:
        return meeting_pb2.Online(
            access=access,
            url=f"https://meet.example.org/{words[f'{kind} address']}",
            passcode=words[f"{kind} passcode"],
            notes=words[f"{kind} notes"],
        )

    link = online("link", meeting_pb2.ONLINE_ACCESS_INVITE_CODE)
    seat = online("seat", meeting_pb2.ONLINE_ACCESS_SEAT_HOLDERS)
    wanted: dict[str, dict[str, Any]] = {
        "shelter": {"place": places["shelter"], "invite_group": group},
        "villa": {"place": places["villa"], "invite_group": group},
        "seat": {"mode": meeting_pb2.MODE_HYBRID, "online": seat, "invite_group": group},
        "members": {"visibility": 3, "mode": meeting_pb2.MODE_HYBRID, "online": link, "invite_group": group},
        "unlisted": {"visibility": 2, "place": places["villa"], "mode": meeting_pb2.MODE_HYBRID, "online": link},
    }
    made = {}
    for name, fields in wanted.items():
        meeting = acts.weekly(words.get(f"title of {name}", "Everybody"), every_week("19:00", weeks=40))
        meeting.MergeFrom(meeting_pb2.Meeting(**{key: value for key, value in fields.items() if key != "visibility"}))
        meeting.visibility = fields.get("visibility", meeting_pb2.VISIBILITY_PUBLIC)
        made[name] = (await stub.CreateMeeting(pb.CreateMeetingRequest(parent=CENTRE, meeting=meeting))).name
    return made


async def _try_in_vain(stub: MeetingServiceStub, words: dict[str, str], names: dict[str, str]) -> None:
    """Requests that are refused, with canaries in them: what is refused is not repeated."""
    wrong = meeting_pb2.Meeting(name=names["members"], title=words["title of members"] * 9)
    wrong.online.CopyFrom(meeting_pb2.Online(url=words["link address"], passcode=words["link passcode"] * 9))
    view = pb.ViewMeetingRequest(name=names["members"], invite_code=f"{words['code revoked']}\u202e")
    for call in (
        stub.UpdateMeeting(pb.UpdateMeetingRequest(meeting=wrong)),
        stub.ViewMeeting(view),
        stub.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place_pb2.Place(address=words["shelter address"]))),
    ):
        with pytest.raises(RpcError) as refusal:
            await call
        assert found([Surface("refusal", str(explain(refusal.value)).encode())], words) == set()


@asynccontextmanager
async def anybody(system: System) -> AsyncIterator[MeetingServiceStub]:
    """The service as somebody without a token calls it."""
    async with connect(f"127.0.0.1:{system.grpc_port}") as channel:
        yield MeetingServiceStub(channel)


def pages(system: System, paths: list[str]) -> Iterator[Surface]:
    """What these addresses answer, headers included."""
    for path in paths:
        answer = system.get(path)
        yield Surface(f"{path} {answer.status}", str(answer.headers).encode() + answer.body)


def streams(system: System, name: str) -> list[Surface]:
    """The very files in which nats-server keeps its streams of this name: subjects, headers, payloads."""
    return list(canaries.files(system.data / "nats" / "jetstream", f"**/{name}/**/*"))


def test_the_search_finds_what_is_there(system: System, told: Told) -> None:
    public = {"a title": "Everybody", "an id": told.names["villa"].rpartition("/")[2]}
    for surfaces in (streams(system, "PUBLIC_local"), list(pages(system, ["/centre/oak", "/calendars/oak.ics"]))):
        assert {name for _, name in found(surfaces, public)} == set(public)
    packed = Surface("stored", b"eyJ4IjoiY2FuYXJ5MDEyMyJ9")
    assert found([packed], {"packed": "canary0123"}) == {("stored", "packed")}


def test_nothing_of_it_is_in_the_public_stream_or_in_anybody_elses(system: System, told: Told) -> None:
    surfaces = streams(system, "PUBLIC_*") + streams(system, "PRIVATE_*") + streams(system, "DEAD_*")
    others = [each for each in surfaces if "PRIVATE_local_meetings" not in each.name]
    assert found(others, told.words) == set()


def test_the_private_stream_holds_what_code_holders_may_see_and_no_more(system: System, told: Told) -> None:
    surfaces = streams(system, "PRIVATE_local_meetings")
    held = {name for _, name in found(surfaces, told.words)}
    assert held >= set(told.only("villa", "link", "title", "group", "digest of the code in force"))
    assert not held & set(told.only("shelter", "seat", "code"))


def test_nothing_of_it_is_on_a_page_in_a_feed_or_in_a_metric(system: System, told: Told) -> None:
    public = [told.names[name].rpartition("/")[2] for name in ("shelter", "villa", "seat", "members")]
    paths = ["/", "/centre/oak", "/calendars/oak.ics", "/healthz", "/readyz", "/metrics", "/robots.txt", "/nothing"]
    paths += ["/meeting-guide/oak.json", "/calendars/oak.ics?discreet=1", "/calendars/oak.ics?cancelled=show"]
    paths += [f"/calendars/oak/meeting/{id_}.ics" for id_ in public]
    paths += [
        f"/invited/{text}{end}" for text in told.only("code revoked", "code ended").values() for end in ("", ".ics")
    ]
    paths += [f"/invited/{told.code[:-1]}{end}" for end in ("", ".ics")]
    answers = list(pages(system, paths))
    assert found([each._replace(name=each.name[:12]) for each in answers], told.words) == set()
    assert all(each.name.endswith("404") for each in answers if each.name.startswith("/invited/"))


async def test_nothing_of_it_is_answered_to_anybody(system: System, told: Told) -> None:
    answers: list[Any] = []
    async with anybody(system) as stub:
        answers.append(await stub.ListCentres(pb.ListCentresRequest()))
        for typed in ("", "nonsense", told.words["code revoked"], told.words["code ended"]):
            answers.append(await stub.ListOccurrences(pb.ListOccurrencesRequest(parent=CENTRE, invite_code=typed)))
            views = [pb.ViewMeetingRequest(name=told.names[name], invite_code=typed) for name in PUBLIC]
            answers.extend([await stub.ViewMeeting(view) for view in views])
            with pytest.raises(RpcError) as refusal:
                await stub.ViewMeeting(pb.ViewMeetingRequest(name=told.names["members"], invite_code=typed))
            answers.append(explain(refusal.value))
        unlisted = await stub.ViewMeeting(pb.ViewMeetingRequest(name=told.names["unlisted"]))
    assert len({each.identity.partition("/")[0] for each in answers[1].occurrences}) == 3  # one may be on just now
    assert found([Surface("answer", str(each).encode()) for each in answers], told.words) == set()
    assert {name for _, name in found([Surface("", str(unlisted).encode())], told.words)} == {"title of unlisted"}


async def test_whoever_has_the_right_is_told(system: System, told: Told) -> None:
    async with system.meetings({"oak": ["coordinator"]}) as stub:
        whole = [await stub.GetMeeting(pb.GetMeetingRequest(name=name)) for name in told.names.values()]
        group = await stub.GetGroup(pb.GetGroupRequest(name=told.group))
    async with anybody(system) as stub:
        request = pb.ListOccurrencesRequest(parent=CENTRE, invite_code=told.code)
        opened = await stub.ListOccurrences(request)
    inside = {name for _, name in found([Surface("", str([*whole, group]).encode())], told.words)}
    assert inside == set(told.other_than("code", "digest"))
    listed = {name for _, name in found([Surface("", str(opened).encode())], told.words)}
    assert listed == set(told.only("villa", "link", "title of members"))


def test_a_code_opens_its_page_with_passcodes_and_its_calendar_without(system: System, told: Told) -> None:
    page, calendar = (
        {name for _, name in found([Surface("", answer.body)], told.words)}
        for answer in (system.get(f"/invited/{told.code}{end}") for end in ("", ".ics"))
    )
    assert page == set(told.only("villa", "link", "title of members", "group", "code in force")) - {
        "code in force, in one"
    }
    assert calendar == set(told.only("villa", "link address", "title of members"))


def test_the_address_of_an_unlisted_meeting_tells_that_it_takes_place(system: System, told: Told) -> None:
    answer = system.get(f"/calendars/oak/meeting/{told.names['unlisted'].rpartition('/')[2]}.ics")
    assert answer.status == 200
    assert {name for _, name in found([Surface("", answer.body)], told.words)} == {"title of unlisted"}


def test_nothing_of_it_is_in_a_log_however_much_is_logged(system: System, told: Told) -> None:
    system.get(f"/invited/{told.code}")
    said = Surface("log", system.log.read_bytes())
    assert b'"level": "debug"' in said.body
    assert found([said], {"a name": "RotateInviteCode"}) != set()
    assert found([said], told.words) == set()


def test_nothing_of_it_is_in_a_trace(collector: Collector, system: System, told: Told) -> None:
    assert system.get(f"/invited/{told.code}").status == 200
    until(lambda: {span.name for span in collector.spans} >= {"commit", "publish", "apply"}, "traces have come")
    traces = [Surface("trace", request.SerializeToString()) for request in list(collector.sent)]
    assert found(traces, {"a name": "RotateInviteCode"}) != set()
    assert found(traces, told.words) == set()


def test_a_code_is_in_no_file_of_the_data_folder(system: System, told: Told) -> None:
    kept = list(canaries.files(system.data))
    assert {name for _, name in found(kept, told.only("link", "digest of the code in force"))} == set(
        told.only("link", "digest of the code in force")
    )
    assert found(kept, told.only("code")) == set()


def test_the_command_shows_a_code_once_and_says_what_it_opens(system: System, told: Told) -> None:
    made = system.command("group", "create", "oak", "--title", "Early Birds")
    assert made.returncode == 0, made.stderr
    shown = next(line.strip() for line in made.stdout.splitlines() if line.strip().count("-") == 6)
    meeting = told.names["seat"].rpartition("/")[2]
    assert f"/invited/{shown}.ics" in made.stdout
    assert system.command("group", "open", "oak", "early birds", meeting).returncode == 0
    until(lambda: b"Everybody" in system.get(f"/invited/{shown}.ics").body, "the new code opens the meeting")
    listed = system.command("group", "list", "oak")
    assert "Early Birds" in listed.stdout
    assert shown not in listed.stdout
    refused = system.command("group", "delete", "oak", "Early Birds")
    assert (refused.returncode, f"openchair group close oak {meeting}" in refused.stderr) == (1, True)
    rotated = system.command("group", "rotate", "oak", "Early Birds", "--grace", "1d")
    assert rotated.returncode == 0, rotated.stderr
    until(lambda: "until" in system.command("group", "list", "oak").stdout, "the old code has an end")
    system.command("group", "rotate", "oak", "Early Birds")
    until(lambda: system.get(f"/invited/{shown}.ics").status == 404, "the old code opens nothing")
    unknown = system.command("group", "revoke", "oak", "Early Birds", "nothing")
    assert (unknown.returncode, "openchair group list" in unknown.stderr) == (1, True)


@pytest.mark.parametrize("form", ["meeting-guide", "csv"])
def test_nothing_of_it_is_in_a_list_that_goes_out(system: System, told: Told, form: str) -> None:
    done = system.command("export", form, "oak")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Everybody") >= len(PUBLIC)
    assert found([Surface("list", done.stdout.encode()), Surface("said", done.stderr.encode())], told.words) == set()


def test_the_samples_meeting_for_members_is_hidden_until_somebody_has_a_code(system: System, told: Told) -> None:
    assert told
    assert b"Alateen<" not in system.get("/centre/riverside").body
    made = system.command("group", "rotate", "riverside", "Harrow Bend Alateen", "--json")
    assert made.returncode == 0, made.stderr
    shown = json.loads(made.stdout)["code"]
    until(lambda: b"Alateen<" in system.get(f"/invited/{shown}").body, "its code opens it")

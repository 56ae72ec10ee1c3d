"""What a guest writes, holds and types stands nowhere but where it has to, and there only encrypted.

Canaries go through every method and page of seats of a real system that logs all it can and sends its traces: as they
should, and where they are refused. Then it is stopped, and everything that is left is searched: the log, the streams,
the databases and every other file, what the collector got, what was answered, refused and served.
"""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import string
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2, slip_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit import words
from services.kit.client import RpcError, connect, explain
from tests.system import acts, canaries
from tests.system.canaries import Surface, found
from tests.system.collector import Collector, collecting
from tests.system.running import System, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.protobuf.message import Message

TEXT = list_rules_pb2.QUESTION_KIND_TEXT
ORGANISER = list_rules_pb2.QUESTION_USE_ORGANISER
pytestmark = pytest.mark.slow  # every day `test_unlinkable` and `test_web_seats` look for keys and names in logs
NOT_YET = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


@cache
def start() -> datetime:
    """Forty minutes after this was asked first: tests may be collected long before they run."""
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=40)


class Left(NamedTuple):
    """All that is left behind, what was told, and what was answered to others than the guest."""

    folder: Path
    told: dict[str, str]
    keys: list[bytes]
    answers: list[Surface]
    served: list[Surface]
    collector: Collector


def letters() -> str:
    """A canary that may be a name."""
    return "Canary" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder, source = tmp_path_factory.mktemp("canary-seats"), random.SystemRandom()
    told = {name: letters() for name in ("first name", "named", "milestone", "another name")}
    told |= {name: canaries.word() for name in ("allergy", "person", "list code", "wrong code", "invite code")}
    told |= {"e-mail": f"{canaries.word()}@example.org", "phone": "780 555 01" + f"{source.randrange(10**8):08}"}
    told |= {"six words": words.make(source)}
    told["six words in an address"] = told["six words"].replace(" ", "-")
    keys = [secrets.token_bytes(16) for _ in range(3)]
    for number, key in enumerate(keys):
        told |= {f"key {number}": base64.urlsafe_b64encode(key).decode().rstrip("="), f"hex {number}": key.hex()}
    with (
        collecting() as collector,
        running(folder, {"OPENCHAIR_LOG_LEVEL": "debug", **collector.environ}) as system,
    ):
        answers = asyncio.run(_told(system, told))
        served = _served(system, told)
        assert system.stop() == 0
        return Left(folder, told, keys, answers, served, collector)


async def _told(system: System, told: dict[str, str]) -> list[Surface]:
    """Everything is said, over gRPC. Gives what was answered to whom it is no business of, and what was refused."""
    async with system.meetings() as stub:
        centre = await acts.create_centre(stub, "oak")
        meeting = acts.beginning("Tuesday Group", start())
        made = await stub.CreateMeeting(meetings_pb.CreateMeetingRequest(parent=centre, meeting=meeting))
    date = f"{made.name}/occurrences/{start():%Y%m%d}"
    told["date"] = date
    async with system.channel() as channel, connect(f"127.0.0.1:{system.grpc_port}") as anybody:
        staff, guests = RsvpServiceStub(channel), RsvpServiceStub(anybody)
        await reached(lambda: _ruled(staff, made.name, told["list code"]), "the meeting is heard of")
        await _kept(staff, guests, date, told)
        answers = [Surface("refused", text.encode()) for text in await _refused(staff, guests, date, told)]
        return answers + [
            Surface("answered", str(each).encode() + each.SerializeToString())
            for each in await _asked(staff, guests, date)
        ]


async def _ruled(staff: RsvpServiceStub, meeting: str, code: str) -> bool:
    feedback = list_rules_pb2.Question(
        id="good", title="Good?", kind=list_rules_pb2.QUESTION_KIND_CHOICE, choices=["yes", "no"]
    )
    rules = list_rules_pb2.ListRules(
        name=f"{meeting}/listRules",
        mode=list_rules_pb2.RSVP_MODE_OPTIONAL,
        celebrations=True,
        questions=[list_rules_pb2.Question(id="allergy", title="Allergies", kind=TEXT, use=ORGANISER)],
        feedback=[feedback],
        list_code=code,
        organisers=["somebody-else"],
    )
    try:
        await staff.SetListRules(pb.SetListRulesRequest(list_rules=rules))
    except RpcError as error:
        if error.code() not in NOT_YET:
            raise
        return False
    return True


async def _kept(staff: RsvpServiceStub, guests: RsvpServiceStub, date: str, told: Mapping[str, str]) -> None:
    """A guest does all that a guest can; staff keeps a seat for another one."""
    mine: dict[str, Any] = {"name": date, "guest_key": told["key 0"]}
    wrote: dict[str, Any] = {
        "answers": [seat_pb2.Answer(question="allergy", text=told["allergy"])],
        "celebration": seat_pb2.Celebration(chip=True, named=told["named"], milestone=told["milestone"]),
    }
    asked = {**mine, **wrote, "first_name": told["another name"], "list_code": told["list code"]}
    await guests.Reserve(pb.ReserveRequest(**asked, invite_code=told["invite code"], request_id="one"))
    await guests.Reserve(pb.ReserveRequest(**asked, invite_code=told["invite code"], request_id="one"))
    mask = ["first_name", "answers", "celebration"]
    await guests.Change(pb.ChangeRequest(**mine, **wrote, update_mask=mask, first_name=told["first name"]))
    code = (await staff.GetCheckInCode(pb.GetCheckInCodeRequest(name=date))).words
    await guests.CheckIn(pb.CheckInRequest(**mine, code=code, request_id="three"))
    slip = await guests.IssueAttendanceSlip(
        pb.IssueAttendanceSlipRequest(**mine, fields=[slip_pb2.SLIP_FIELD_NAME], person=told["person"])
    )
    checked = await guests.VerifyAttendanceSlip(pb.VerifyAttendanceSlipRequest(token=slip.token))
    found_ = await guests.GetMine(pb.GetMineRequest(**mine))
    assert (checked.content.person, found_.first_name) == (told["person"], told["first name"])
    for held, behalf in ((told["six words"], False), (told["key 1"], True), (told["key 2"], False)):
        stub = staff if behalf else guests
        code_: dict[str, Any] = {} if behalf else {"list_code": told["list code"]}
        request = pb.ReserveRequest(name=date, guest_key=held, on_behalf=behalf, request_id=held[:2], **code_)
        await stub.Reserve(request)
    await guests.Cancel(pb.CancelRequest(name=date, guest_key=told["key 2"], request_id="four"))


async def _refused(staff: RsvpServiceStub, guests: RsvpServiceStub, date: str, told: Mapping[str, str]) -> list[str]:
    """What is said to requests that are refused, with all of it in them."""
    mine: dict[str, Any] = {"name": date, "guest_key": told["key 0"]}
    other = {**mine, "guest_key": told["key 2"], "list_code": told["list code"]}
    wrong = [seat_pb2.Answer(question=told["allergy"], text=told["allergy"])]
    calls: list[Any] = [
        guests.Reserve(pb.ReserveRequest(**other, first_name=told["e-mail"])),
        guests.Reserve(pb.ReserveRequest(**other, first_name=told["phone"])),
        guests.Reserve(pb.ReserveRequest(**other, answers=wrong)),
        guests.Reserve(pb.ReserveRequest(**other, quotas=[told["allergy"]])),
        guests.Reserve(pb.ReserveRequest(**{**other, "list_code": told["wrong code"]})),
        guests.Reserve(pb.ReserveRequest(**{**other, "guest_key": told["key 2"] + "A"})),
        guests.Reserve(pb.ReserveRequest(**other, celebration=seat_pb2.Celebration(milestone=told["e-mail"]))),
        guests.Change(
            pb.ChangeRequest(**mine, answers=wrong, update_mask=["answers"], invite_code=told["invite code"])
        ),
        guests.Change(pb.ChangeRequest(**mine, update_mask=[told["first name"]])),
        guests.CheckIn(pb.CheckInRequest(**mine, code=told["wrong code"])),
        guests.GiveFeedback(pb.GiveFeedbackRequest(**mine, answers=wrong)),
        guests.IssueAttendanceSlip(pb.IssueAttendanceSlipRequest(**mine, person=told["person"])),
        staff.RevokeAttendanceSlip(pb.RevokeAttendanceSlipRequest(name=f"centres/oak/slips/{told['person']}")),
    ]
    said = []
    for call in calls:
        with pytest.raises(RpcError) as refusal:
            await call
        said.append(f"{refusal.value} {explain(refusal.value)}")
    return said


async def _asked(staff: RsvpServiceStub, guests: RsvpServiceStub, date: str) -> list[Message]:
    """What others learn. What the guest chose to show is shown to who leads; nothing else of it."""
    needs = await staff.GetNeeds(pb.GetNeedsRequest(name=date))
    shared = await staff.ExportList(pb.ExportListRequest(name=date))
    assert needs.first_names
    assert shared.rows
    needs.ClearField("first_names")
    shared.ClearField("rows")
    needs.ClearField("celebrations")
    meeting = date.partition("/occurrences/")[0]
    today = f"{start():%Y-%m-%d}"
    return [
        needs,
        shared,
        await guests.GetAvailability(pb.GetAvailabilityRequest(name=date)),
        await guests.GetAvailability(pb.GetAvailabilityRequest(name=meeting)),
        await staff.GetListRules(pb.GetListRulesRequest(name=f"{meeting}/listRules")),
        await staff.GetStatistics(pb.GetStatisticsRequest(parent="centres/oak", first_date=today, last_date=today)),
        await guests.GetMine(pb.GetMineRequest(name=date, guest_key=base64.urlsafe_b64encode(bytes(16)).decode()[:22])),
    ]


def _served(system: System, told: Mapping[str, str]) -> list[Surface]:
    """What is served to others, after everything of it stood in addresses."""
    page = f"/m/{told['date'].split('/')[3]}/{start():%Y%m%d}"
    until(lambda: b"Keep my seat" in system.get(page).body, "the page has a form")
    mine = system.get(f"{page}/mine/{told['six words in an address']}", referer=told["wrong code"])
    assert b"Your seat" in mine.body
    for line in ("no-referrer", "no-store", "noindex"):
        assert line in str(mine.headers).lower()
    assert "set-cookie" not in str(mine.headers).lower()
    system.get(f"{page}?here={told['wrong code']}", user_agent=told["e-mail"])
    system.get(f"/m/{told['wrong code']}?date={told['invite code']}&code={told['list code']}")
    system.get(f"{page}/mine/{told['wrong code']}")
    paths = [
        page,
        "/",
        "/centre/oak",
        "/calendars/oak.ics",
        "/metrics",
        "/healthz",
        "/readyz",
        "/meeting-guide/oak.json",
    ]
    return [Surface(path, str(answer.headers).encode() + answer.body) for path in paths if (answer := system.get(path))]


def test_the_search_finds_what_is_there(left: Left) -> None:
    title = {"title": "Tuesday Group"}
    assert found(left.served, title)
    assert found(canaries.files(left.folder / "var" / "nats"), title)
    assert found(canaries.files(left.folder, "**/*.sqlite"), title)


def told(left: Left) -> dict[str, str]:
    """The canaries."""
    return {name: text for name, text in left.told.items() if name != "date"}


def test_no_refusal_and_no_answer_to_others_repeats_it(left: Left) -> None:
    assert len(left.answers) == 20
    assert found(left.answers, told(left)) == set()


def test_no_page_calendar_or_metric_holds_it(left: Left) -> None:
    assert found(left.served, told(left)) == set()


def test_no_trace_holds_it(left: Left) -> None:
    traces = "\n".join(map(str, left.collector.spans)).encode()
    assert b"RsvpService/Reserve" in traces
    assert found([Surface("traces", traces)], told(left)) == set()


def test_no_file_holds_it_neither_the_log_nor_a_stream_nor_a_database(left: Left) -> None:
    """Of what is in the database of seats, what somebody wrote is sealed, and keys are no more than an HMAC."""
    surfaces = list(canaries.files(left.folder))
    assert {"log"} < {each.name for each in surfaces}
    assert b"RsvpService/Reserve" in next(each.body for each in surfaces if each.name == "log")
    assert found(surfaces, told(left)) == set()
    assert [each.name for each in surfaces for key in left.keys if key in each.body] == []


def test_no_log_line_says_whose_or_where(left: Left) -> None:
    """No name of a date, no list, no network and no address of a caller."""
    log = (left.folder / "log").read_bytes()
    assert (
        found([Surface("log", log)], {"date": left.told["date"], "meeting": left.told["date"].split("/")[3]}) == set()
    )

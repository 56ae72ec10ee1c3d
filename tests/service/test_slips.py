"""Attendance slips: what was asked for, signed, on a page; verified by a separate program with only the public key."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import slip_pb2

from scripts import verify_slip
from services.kit.clock import instant
from services.kit.errors import Invalid, NotFound, Unmet
from services.rsvps import slip_page, slip_token
from services.rsvps.keys import Secrets
from services.rsvps.revoking import record_id
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, FACILITATOR, MEETING, STRANGER, House, key_of
from tests.unit import qr_read

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


BEGINS = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
ENDS = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
PROGRAM = Path(verify_slip.__file__)
EVERYTHING = ["SLIP_FIELD_NAME", "SLIP_FIELD_DATE", "SLIP_FIELD_TIMES", "SLIP_FIELD_MEETING", "SLIP_FIELD_ATTENDANCE"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


async def checked_in(house: House, number: int = 1) -> None:
    house.to(BEGINS)
    code = (await house.call("GetCheckInCode", FACILITATOR, name=DATE)).words
    await house.call("CheckIn", name=DATE, guest_key=key_of(number), code=code)


async def slip(house: House, number: int = 1, **more: Any) -> Any:
    return await house.call("IssueAttendanceSlip", name=DATE, guest_key=key_of(number), **more)


async def full(house: House, **more: Any) -> Any:
    return await slip(house, fields=EVERYTHING, person="Zoë Čapek", **more)


async def pem(house: House) -> str:
    return "".join(key.pem for key in (await house.call("ListSlipKeys", parent=CENTRE)).keys)


async def verdict(house: House, token: str) -> str:
    reply = await house.call("VerifyAttendanceSlip", token=token)
    return slip_pb2.SlipVerdict.Name(reply.verdict).removeprefix("SLIP_VERDICT_")


async def test_a_slip_says_what_was_asked_for_and_nothing_else(house: House) -> None:
    await checked_in(house)
    bare = await slip(house)
    said = json.loads(base64.urlsafe_b64decode(bare.token.split(".")[2] + "=="))
    assert said.keys() == {"id", "centre", "centre_title", "valid_until"}
    every = (await full(house)).content
    assert (every.person, every.date, every.start, every.end) == ("Zoë Čapek", "2026-11-24", "19:00", "20:00")
    assert (every.meeting_title, every.attendance) == ("Tuesday Group", "in person")
    assert (every.centre, every.valid_until) == (CENTRE, "2026-12-24")


async def test_two_slips_of_one_guest_share_no_number(alone: House) -> None:
    await checked_in(alone)
    assert (await slip(alone)).content.id != (await slip(alone)).content.id


async def test_a_printed_slip_is_verified_by_a_separate_program_with_only_the_public_key(
    alone: House, tmp_path: Path
) -> None:
    await checked_in(alone)
    made = await full(alone)
    printed, key = tmp_path / "slip.pdf", tmp_path / "house.pem"
    printed.write_bytes(made.pdf)
    key.write_text(await pem(alone))
    assert verify(key, str(printed), tmp_path).returncode == 0
    done = verify(key, made.token, tmp_path)
    assert json.loads(done.stdout)["person"] == "Zoë Čapek"
    assert json.loads(done.stdout)["date"] == "2026-11-24"
    assert verify(key, str(printed), tmp_path, on="2026-12-25").returncode == 2
    printed.write_bytes(made.pdf.replace(b"OCS1.", b"OCS1.A", 1))
    assert verify(key, str(printed), tmp_path).returncode == 1


def verify(key: Path, what: str, folder: Path, on: str = "2026-12-24") -> subprocess.CompletedProcess[str]:
    """The program as a process that finds nothing of this project."""
    command = [sys.executable, "-I", str(PROGRAM), str(key), what, "--on", on]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"LANG": "C.UTF-8"})


def test_the_program_imports_nothing_of_this_project() -> None:
    assert not re.search(r"^\s*(?:from|import) (?:services|openchair)", PROGRAM.read_text(), re.MULTILINE)


async def test_the_qr_code_on_the_page_holds_the_token(alone: House) -> None:
    await checked_in(alone)
    for made in (await slip(alone), await full(alone)):
        assert qr_read.text_of(qr_read.matrix_of(made.pdf)) == made.token


def test_the_same_slip_is_the_same_bytes_whenever_it_is_printed() -> None:
    content = slip_token.Content(id="x" * 16, centre=CENTRE, centre_title="House", valid_until="2027-01-01")
    token = slip_token.make(content, slip_token.signing_keys(Secrets({"1": b"o" * 32}, "1"), "house")["1"])
    first = slip_page.page(content, token)
    assert slip_page.page(content, token) == first
    assert b"/CreationDate (D:2000" in first


async def test_the_token_stands_in_the_pdf_where_a_program_finds_it(alone: House) -> None:
    await checked_in(alone)
    made = await full(alone)
    assert verify_slip.IN_PDF.findall(made.pdf) == [made.token.encode()]


async def test_a_slip_of_which_one_character_was_changed_is_refused(alone: House) -> None:
    await checked_in(alone)
    token, keys = (await full(alone)).token, (await pem(alone)).encode()
    verify_slip.verified(token, keys)
    private = slip_token.signing_keys(alone.desk.secrets, "house").values()
    assert slip_token.read(token, private) is not None
    for changed in _changed(token):
        with pytest.raises(verify_slip.NotGenuineError):
            verify_slip.verified(changed, keys)
        assert slip_token.read(changed, private) is None
    for changed in (*list(_changed(token))[::50], "", "OCS1", "OCS1...", "é" * 10, "A" * 4000):
        assert await verdict(alone, changed) == "UNSPECIFIED"


def _changed(token: str) -> Iterator[str]:
    """The token with each of its characters another one, with one less, with one more."""
    for place, letter in enumerate(token):
        other = ALPHABET[(ALPHABET.find(letter) + 1) % 64]
        yield token[:place] + other + token[place + 1 :]
    yield token[:-1]
    yield token + "A"
    yield token + "="
    yield token + "\n"


async def test_a_slip_of_another_site_or_centre_is_refused(alone: House) -> None:
    await checked_in(alone)
    content = slip_token.Content(id="x" * 16, centre=CENTRE, centre_title="House", valid_until="2027-01-01")
    foreign = slip_token.signing_keys(Secrets({"1": b"o" * 32}, "1"), "house")["1"]
    neighbour = slip_token.signing_keys(alone.desk.secrets, "elsewhere")["1"]
    for key in (foreign, neighbour):
        assert await verdict(alone, slip_token.make(content, key)) == "UNSPECIFIED"
    own = slip_token.signing_keys(alone.desk.secrets, "house")["1"]
    assert await verdict(alone, slip_token.make(content, own)) == "GENUINE"


async def test_no_key_is_made_for_a_centre_that_there_is_not(alone: House) -> None:
    key = slip_token.signing_keys(Secrets({"1": b"o" * 32}, "1"), "none")["1"]
    content = slip_token.Content(id="x" * 16, centre="centres/none", centre_title="None", valid_until="2027-01-01")
    before = len(alone.desk.secrets._derived)
    assert await verdict(alone, slip_token.make(content, key)) == "UNSPECIFIED"
    with pytest.raises(NotFound):
        await alone.call("ListSlipKeys", parent="centres/none")
    assert len(alone.desk.secrets._derived) == before


async def test_slips_are_for_who_checked_in_until_72_hours_after_the_end(alone: House) -> None:
    await alone.reserve(2)
    await checked_in(alone)
    alone.to(ENDS + timedelta(hours=72))
    await slip(alone, 1)
    with pytest.raises(Unmet) as refused:
        await slip(alone, 2)
    assert refused.value.reason == "NOT_CHECKED_IN"
    alone.later(seconds=1)
    with pytest.raises(Unmet):
        await slip(alone, 1)


async def test_of_a_meeting_for_members_only_who_was_there_is_told(alone: House) -> None:
    await alone.part(visibility="members", group="owls")
    await checked_in(alone)
    assert (await slip(alone, 1, fields=["SLIP_FIELD_MEETING"])).content.meeting_title == "Tuesday Group"
    with pytest.raises(NotFound):
        await slip(alone, 2)


async def test_nothing_of_a_slip_is_stored(house: House) -> None:
    await checked_in(house)
    before = await _everything(house)
    made = await full(house)
    after = await _everything(house)
    assert after == before
    assert made.content.id not in after


async def _everything(house: House) -> str:
    kinds = ("list", "seat", "event", "revoked")
    found = [
        await house.store.find(kind, {"centre": "house"} if kind != "seat" else {"head": id_}, limit=100)
        for kind in kinds
        for id_ in [record.id for record, _ in await house.lists()]
    ]
    return repr([page.records for page in found])


async def test_a_slip_expires_when_its_last_day_is_over_everywhere(alone: House) -> None:
    await checked_in(alone)
    token = (await slip(alone, days=1)).token  # issued on the 24th there: valid on the 25th
    alone.to(datetime(2026, 11, 26, 11, 59, tzinfo=UTC))
    assert await verdict(alone, token) == "GENUINE"
    alone.later(minutes=1)
    assert await verdict(alone, token) == "EXPIRED"


async def test_a_revoked_slip_is_refused_online_and_the_number_is_forgotten_when_it_has_expired(house: House) -> None:
    await checked_in(house)
    made = await full(house, days=90)
    name = f"{CENTRE}/slips/{made.content.id}"
    for _ in range(2):
        await house.call("RevokeAttendanceSlip", COORDINATOR, name=name, request_id="again")
    await house.call("RevokeAttendanceSlip", COORDINATOR, name=name)
    reply = await house.call("VerifyAttendanceSlip", token=made.token)
    assert reply.verdict == slip_pb2.SLIP_VERDICT_REVOKED
    assert not reply.HasField("content")
    house.later(days=91)
    assert await verdict(house, made.token) == "REVOKED"
    house.later(days=2)
    for record in await house.store.due(instant(house.clock.now()), 100):
        if record.kind == "revoked":
            await house.rsvps.due["revoked"](record)
    assert await house.store.get("revoked", record_id("house", made.content.id)) is None
    assert await verdict(house, made.token) == "EXPIRED"


async def test_no_centre_revokes_slips_of_another(alone: House) -> None:
    await checked_in(alone)
    made = await full(alone)
    with pytest.raises(NotFound):
        await alone.call("RevokeAttendanceSlip", STRANGER, name=f"{CENTRE}/slips/{made.content.id}")
    await alone.call("RevokeAttendanceSlip", STRANGER, name=f"centres/elsewhere/slips/{made.content.id}")
    assert await verdict(alone, made.token) == "GENUINE"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": ["SLIP_FIELD_NAME"]},
        {"person": "Zoë"},
        {"fields": ["SLIP_FIELD_NAME"], "person": "x" * 81},
        {"days": 91},
        {"days": -1},
    ],
)
async def test_a_slip_that_cannot_be_is_refused_and_no_name_repeated(alone: House, wrong: dict[str, Any]) -> None:
    await checked_in(alone)
    with pytest.raises(Invalid) as refused:
        await slip(alone, **wrong)
    assert "Zoë" not in str(refused.value)


async def test_the_number_to_revoke_is_one(alone: House) -> None:
    with pytest.raises(Invalid, match="16 characters"):
        await alone.call("RevokeAttendanceSlip", COORDINATOR, name=f"{CENTRE}/slips/short")


@pytest.mark.parametrize("language", ["", "fr-CA"])
async def test_the_longest_slip_is_printed_in_every_language(alone: House, language: str) -> None:
    await alone.part(title="\u4e2d" * 300)
    await checked_in(alone)
    made = await slip(alone, fields=EVERYTHING, person="\U0001f600" * 80, language=language)
    assert await verdict(alone, made.token) == "GENUINE"
    assert qr_read.text_of(qr_read.matrix_of(made.pdf)) == made.token


async def test_keys_of_older_secrets_still_verify(alone: House) -> None:
    await checked_in(alone)
    token = (await full(alone)).token
    alone.desk.secrets = Secrets({**alone.desk.secrets.versions, "2": b"n" * 32}, "2")
    assert await verdict(alone, token) == "GENUINE"
    keys = (await alone.call("ListSlipKeys", parent=CENTRE)).keys
    assert len({key.id for key in keys}) == 2
    assert (await full(alone)).token.split(".")[1] == keys[1].id
    assert MEETING not in token

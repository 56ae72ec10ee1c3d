"""The file of a backup: what was written is what is read, by whoever has the secret, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit import wrapping
from services.kit.backup import (
    Answered,
    Begin,
    End,
    Header,
    Kept,
    KindLine,
    Line,
    Manifest,
    Secret,
    ServiceLine,
    Trail,
    Writer,
    read,
    read_header,
)
from services.kit.restore import Backup
from services.kit.sealed import FRAME, Damaged, Sealing, _derived, _frames, opened
from services.kit.store.port import Answer, Audit, RequestKey, View
from services.kit.wrapping import Wrapped, WrongKey, read_envelope, read_key_file, unwrap, wrap, write_envelope

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))
SALT = b"s" * 32
COST = wrapping.COST
NOW = "2026-11-21T12:00:00.000Z"
HEADER = Header("local", NOW, "0.1.0", SALT.hex())
SERVICE = ServiceLine("books", "sqlite", (KindLine("book", 2, (("shelf",),)),))
MANIFEST = Manifest((SERVICE,), ("keys/token.key",))
SECRET = Secret("keys/token.key", 0o600, b"\0secret\xff")
VIEWS = (View("public", 2, NOW, "d"),)
STATE = {"shelf": "top", "n": [1, None, {"t": True}]}
BOOK = Kept("book", 2, "b", 3, STATE, NOW, "me", 1, None, gone=False, views=VIEWS)
ANSWER = Answered(Answer(RequestKey("m", "c", "r"), "digest", "cmVwbHk=", NOW))
TRAIL = Trail(Audit("book", "b", 3, NOW, "me", "moved", "why"))
LINES: tuple[Line, ...] = (MANIFEST, SECRET, Begin("books"), BOOK, ANSWER, TRAIL, End("books", 3))
Twist: TypeAlias = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrapping, "COST", 2)


def sealed(data: bytes, key: bytes = KEY, header: bytes = b"header") -> bytes:
    file = BytesIO()
    sealing = Sealing(file, key, SALT, header)
    sealing.write(data)
    sealing.end()
    return file.getvalue()


def unsealed(data: bytes, key: bytes = KEY, header: bytes = b"header", salt: bytes = SALT) -> bytes:
    return b"".join(opened(BytesIO(data), key, salt, header))


def frames(data: bytes) -> list[bytes]:
    """The frames of a stream, lengths and all."""
    found, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at:end])
        at = end
    return found


def written(lines: tuple[Line, ...] = LINES, entries: int = 3) -> bytes:
    file = BytesIO()
    writer = Writer(file, KEY, HEADER)
    writer.write(*lines)
    writer.end(entries)
    return file.getvalue()


# Frames


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, FRAME * 3 + 7])
def test_what_is_sealed_is_opened(size: int) -> None:
    data = os.urandom(size)
    assert unsealed(sealed(data)) == data


def test_what_compresses_well_is_small_and_comes_back_in_bounded_pieces() -> None:
    file = sealed(b"openchair" * 200_000)
    assert len(file) < 20_000
    pieces = list(opened(BytesIO(file), KEY, SALT, b"header"))
    assert sum(map(len, pieces)) == 1_800_000
    assert max(map(len, pieces)) <= FRAME


def test_nothing_of_what_is_sealed_can_be_seen() -> None:
    assert b"canary" not in sealed(b"canary canary canary")
    assert sealed(os.urandom(10)) != sealed(os.urandom(10))


TWISTS: dict[str, Twist] = {
    "cut off in a frame": lambda data: data[:-1],
    "cut off after a length": lambda data: data + b"\0",
    "the last frame missing": lambda data: b"".join(frames(data)[:-1]),
    "a frame missing": lambda data: b"".join(frames(data)[:1] + frames(data)[2:]),
    "frames swapped": lambda data: b"".join([frames(data)[1], frames(data)[0], *frames(data)[2:]]),
    "a frame twice": lambda data: b"".join(frames(data)[:1] * 2 + frames(data)[1:]),
    "the last frame twice": lambda data: data + frames(data)[-1],
    "the first frame missing": lambda data: b"".join(frames(data)[1:]),
    "more after the end": lambda data: data + b"more of it, and quite a lot",
    "a bit flipped": lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:],
    "a length changed": lambda data: b"\xff\xff\xff\xff" + data[4:],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("twist", TWISTS.values(), ids=TWISTS.keys())
def test_what_was_changed_is_found_out(twist: Twist) -> None:
    data = sealed(os.urandom(FRAME * 3))
    assert len(frames(data)) > 3
    with pytest.raises(Damaged):
        unsealed(twist(data))


@pytest.mark.parametrize("twist", TWISTS.values(), ids=TWISTS.keys())
def test_frames_alone_show_what_was_changed_whatever_is_in_them(twist: Twist) -> None:
    data = sealed(os.urandom(FRAME * 3))
    cipher = AESGCM(_derived(KEY, SALT))
    assert len(list(_frames(BytesIO(data), cipher, b"header"))) == len(frames(data))
    with pytest.raises(Damaged):
        list(_frames(BytesIO(twist(data)), cipher, b"header"))


def test_another_key_salt_or_header_opens_nothing() -> None:
    data = sealed(b"secret")
    for key, header, salt in ((bytes(32), b"header", SALT), (KEY, b"Header", SALT), (KEY, b"header", b"t" * 32)):
        with pytest.raises(Damaged):
            unsealed(data, key, header, salt)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_of_a_backup_is_found_out(at: int, change: int) -> None:
    data = bytearray(written())
    data[at % len(data)] ^= change
    with pytest.raises(Damaged):
        list(read(BytesIO(bytes(data)), KEY))


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_any_shorter_backup_is_found_out(length: int) -> None:
    data = written()
    with pytest.raises(Damaged):
        list(read(BytesIO(data[: length % len(data)]), KEY))


# Lines


def test_lines_come_back_as_they_were_written() -> None:
    assert tuple(read(BytesIO(written()), KEY)) == (*LINES, End("", 3))


def test_a_header_is_readable_and_its_change_is_found_out() -> None:
    data = written()
    assert read_header(BytesIO(data))[0] == HEADER
    with pytest.raises(Damaged):
        list(read(BytesIO(data.replace(b'"local"', b'"other"')), KEY))


ORDERS: dict[str, tuple[Line, ...]] = {
    "no manifest": (Begin("books"), End("books", 0)),
    "a manifest twice": (MANIFEST, MANIFEST),
    "a service that was not announced": (MANIFEST, Begin("films"), End("films", 0)),
    "a service that is missing": (MANIFEST,),
    "a service twice": (*LINES, Begin("books"), End("books", 0)),
    "a record outside of a service": (MANIFEST, BOOK),
    "a secret inside of a service": (MANIFEST, Begin("books"), SECRET, End("books", 1)),
    "the end of another service": (MANIFEST, Begin("books"), End("films", 0)),
    "too few": (MANIFEST, Begin("books"), BOOK, End("books", 2)),
    "no end of the service": (MANIFEST, Begin("books"), BOOK),
    "more after the end": (*LINES, End("", 3), SECRET),
    "nothing": (),
}


@pytest.mark.parametrize("lines", ORDERS.values(), ids=ORDERS.keys())
def test_lines_in_another_order_or_number_are_refused(lines: tuple[Line, ...]) -> None:
    with pytest.raises(Damaged):
        list(read(BytesIO(written(lines, 1)), KEY))


def test_a_wrong_total_is_refused() -> None:
    with pytest.raises(Damaged, match="counts"):
        list(read(BytesIO(written(entries=4)), KEY))


# Whole files


def envelope(secret: bytes = b"open sesame", holder: wrapping.Holder = "passphrase", body: bytes = b"") -> bytes:
    file = BytesIO()
    write_envelope(file, wrap(KEY, holder, secret))
    return file.getvalue() + (body or written())


def test_a_backup_is_examined_whole() -> None:
    contents = Backup(BytesIO(envelope())).examine(KEY)
    assert contents.header == HEADER
    assert dict(contents.counts["books"]) == {"book": 1, "answered": 1, "trail": 1}
    assert contents.secrets == [SECRET]


async def test_the_entries_of_a_service_come_back() -> None:
    backup = Backup(BytesIO(envelope()))
    for _ in range(2):
        entries = [entry async for entry in backup.entries(KEY, SERVICE)]
        assert [type(entry).__name__ for entry in entries] == ["Record", "Answer", "Audit"]


QUOTED = msgspec.structs.replace(SERVICE, kinds=(msgspec.structs.replace(SERVICE.kinds[0], name='book"'),))


def services(*named: ServiceLine) -> tuple[Line, ...]:
    """A backup of these, with nothing in them."""
    empty = (line for service in named for line in (Begin(service.name), End(service.name, 0)))
    return (msgspec.structs.replace(MANIFEST, services=named), *empty)


WRONG: dict[str, tuple[Line, ...]] = {
    "a key beside the folder of keys": (MANIFEST, Secret("../token.key", 0o600, b""), *LINES[2:]),
    "a key anywhere": (MANIFEST, Secret("/etc/passwd", 0o600, b""), *LINES[2:]),
    "a key up and down": (MANIFEST, Secret("keys/../lock", 0o600, b""), *LINES[2:]),
    "a service outside of the folder": services(msgspec.structs.replace(SERVICE, name="../books")),
    "a service twice": services(SERVICE, SERVICE),
    "a kind that names no table": services(QUOTED),
    "a record that no store takes": (
        MANIFEST,
        Begin("books"),
        msgspec.structs.replace(BOOK, revision=0),
        End("books", 1),
    ),
    "a record without its indexed field": (
        MANIFEST,
        Begin("books"),
        msgspec.structs.replace(BOOK, state={}),
        End("books", 1),
    ),
    "a record of no kind": (
        MANIFEST,
        Begin("books"),
        msgspec.structs.replace(BOOK, kind="film"),
        End("books", 1),
    ),
}


@pytest.mark.parametrize("lines", WRONG.values(), ids=WRONG.keys())
def test_what_could_not_be_restored_is_found_by_examining(lines: tuple[Line, ...]) -> None:
    entries = sum(isinstance(line, Kept | Answered | Trail) for line in lines)
    with pytest.raises(Damaged):
        Backup(BytesIO(envelope(body=written(lines, entries)))).examine(KEY)


@pytest.mark.parametrize("start", [b"", b"PK\3\4", b"openchair backup 2\n{}\n", b"openchair backup 1\n{}\n"])
def test_what_is_no_backup_of_this_format_is_refused(start: bytes) -> None:
    with pytest.raises(Damaged):
        Backup(BytesIO(start))


# Keys


@pytest.mark.parametrize("holder", ["passphrase", "key-file"])
def test_the_key_is_for_whoever_has_the_secret(holder: wrapping.Holder) -> None:
    wrapped = read_envelope(BytesIO(envelope(b"right", holder)))
    assert unwrap(wrapped, b"right") == KEY
    with pytest.raises(WrongKey, match="passphrase" if holder == "passphrase" else "key file"):
        unwrap(wrapped, b"wrong")


def test_a_passphrase_is_made_expensive_to_guess() -> None:
    assert COST >= 2**17  # what OWASP's password storage cheat sheet asks for


@pytest.mark.parametrize("cost", [0, 1, 2**20, 2**40, -1])
def test_a_cost_that_would_exhaust_the_machine_is_refused(cost: int) -> None:
    wrapped = Wrapped("passphrase", "00" * 16, cost, "00" * 12, "00" * 48)
    with pytest.raises(Damaged):
        unwrap(wrapped, b"secret")


def test_a_changed_envelope_opens_nothing() -> None:
    wrapped = read_envelope(BytesIO(envelope()))
    changed = Wrapped(wrapped.holder, wrapped.salt, 4, wrapped.nonce, wrapped.key)
    with pytest.raises(WrongKey):
        unwrap(changed, b"open sesame")


def test_a_key_file_has_enough_in_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=\n")
    assert read_key_file(path) == b"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
    for weak in ("", "short", "a" * 44, "x" * 5000):
        path.write_text(weak)
        with pytest.raises(ValueError, match="openssl"):
            read_key_file(path)

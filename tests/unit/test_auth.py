from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.empty_pb2 import Empty

from services.kit.auth import (
    MOST_REMEMBERED,
    Authentication,
    TokenVerifier,
    audience_of,
    key_id,
    load_or_make_keys,
    load_public_keys,
    make_token,
    verifier_of,
)
from services.kit.call import NOBODY, Call, Caller
from services.kit.clock import VirtualClock
from services.kit.errors import Unauthenticated
from services.kit.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

KEY = Ed25519PrivateKey.generate()
KID = key_id(KEY.public_key())
AUDIENCE = audience_of("local")
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLOCK = VirtualClock(START)
VERIFIER = TokenVerifier({KID: KEY.public_key()}, AUDIENCE, CLOCK)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(START.timestamp())
    usual = {"sub": "p1", "aud": AUDIENCE, "iat": now, "exp": now + 600, "roles": {"c1": ["coordinator"]}}
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def token(key: Any = KEY, alg: str = "EdDSA", kid: str | None = KID, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=alg, headers={"kid": kid} if kid else None)


def refusal(text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        VERIFIER.caller(text)
    if len(text) > 8:
        assert text not in refused.value.message
    return refused.value.reason


def later(seconds: float) -> int:
    return int(START.timestamp() + seconds)


def test_a_token_names_its_caller_and_roles() -> None:
    made = make_token(
        KEY, "p1", {"c1": {"coordinator"}, "*": ["member"]}, audience=AUDIENCE, lifetime=HOUR, clock=CLOCK
    )
    assert VERIFIER.caller(made) == Caller("p1", {"c1": frozenset({"coordinator"}), "*": frozenset({"member"})})


def test_the_key_id_is_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    x = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    public = serialization.load_der_public_key(bytes.fromhex("302a300506032b6570032100") + x)
    assert key_id(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # type: ignore[arg-type]  # Ed25519 by its prefix


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": later(0)}, "TOKEN_EXPIRED"),
        ({"exp": later(-3600), "iat": later(-7200)}, "TOKEN_EXPIRED"),
        ({"nbf": later(60)}, "TOKEN_NOT_YET_VALID"),
        ({"iat": later(60)}, "TOKEN_NOT_YET_VALID"),
        ({"exp": later(24 * 3600 + 1)}, "TOKEN_LIFETIME"),
        ({"aud": "openchair:other"}, "TOKEN_AUDIENCE"),
        ({"aud": [AUDIENCE, "openchair:other"]}, "TOKEN_AUDIENCE"),
        ({"aud": None}, "TOKEN_INVALID"),
        ({"exp": None}, "TOKEN_INVALID"),
        ({"iat": None}, "TOKEN_INVALID"),
        ({"sub": None}, "TOKEN_INVALID"),
        ({"sub": ""}, "TOKEN_INVALID"),
        ({"sub": "jane@example.org"}, "TOKEN_INVALID"),
        ({"exp": "soon"}, "TOKEN_INVALID"),
        ({"exp": True}, "TOKEN_INVALID"),
        ({"exp": float("nan")}, "TOKEN_INVALID"),
        ({"iat": float("nan")}, "TOKEN_INVALID"),
        ({"iat": float("-inf")}, "TOKEN_INVALID"),
        ({"roles": []}, "TOKEN_INVALID"),
        ({"roles": {"c1": "coordinator"}}, "TOKEN_INVALID"),
        ({"roles": {"c1": [7]}}, "TOKEN_INVALID"),
        ({"roles": {"c1/x": ["member"]}}, "TOKEN_INVALID"),
        ({"roles": {"": ["member"]}}, "TOKEN_INVALID"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(changed: dict[str, Any], reason: str) -> None:
    assert refusal(token(**changed)) == reason


def test_a_clock_half_a_minute_ahead_is_forgiven() -> None:
    assert VERIFIER.caller(token(iat=later(30), nbf=later(30))).subject == "p1"


def test_unsigned_tokens_and_other_algorithms_are_refused() -> None:
    assert refusal(token(key=None, alg="none")) == "TOKEN_INVALID"
    assert refusal(token(key="s" * 64, alg="HS256")) == "TOKEN_INVALID"
    assert refusal(token(key=ec.generate_private_key(ec.SECP256R1()), alg="ES256")) == "TOKEN_INVALID"
    public = KEY.public_key().public_bytes_raw().hex()
    assert refusal(token(key=public, alg="HS256")) == "TOKEN_INVALID"
    head, body, _ = token().split(".")
    assert refusal(f"{head}.{body}.") == "TOKEN_INVALID"


def test_a_signature_by_another_key_and_an_unknown_key_are_refused() -> None:
    other = Ed25519PrivateKey.generate()
    assert refusal(token(key=other)) == "TOKEN_INVALID"
    assert refusal(token(key=other, kid=key_id(other.public_key()))) == "TOKEN_INVALID"
    assert refusal(token(kid=None)) == "TOKEN_INVALID"


def test_changed_claims_are_refused() -> None:
    head, _, signature = token().split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(roles={"*": ["operator"]})).encode()).decode().rstrip("=")
    assert refusal(f"{head}.{forged}.{signature}") == "TOKEN_INVALID"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "..", "é.é.é", "eyJhbGciOiJub25lIn0..", "A" * 10_000])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refusal(text) == "TOKEN_INVALID"


def test_a_role_that_this_version_does_not_know_grants_nothing() -> None:
    assert VERIFIER.caller(token(roles={"c1": ["emperor", "member"]})).roles == {"c1": frozenset({"member"})}


def test_two_keys_at_once_are_how_keys_are_changed() -> None:
    new = Ed25519PrivateKey.generate()
    both = TokenVerifier({KID: KEY.public_key(), key_id(new.public_key()): new.public_key()}, AUDIENCE, CLOCK)
    assert both.caller(token()).subject == "p1"
    assert both.caller(token(key=new, kid=key_id(new.public_key()), sub="p2")).subject == "p2"


def test_a_token_that_was_taken_before_still_expires_and_memory_has_a_limit() -> None:
    clock = VirtualClock(START)
    verifier = TokenVerifier({KID: KEY.public_key()}, AUDIENCE, clock)
    for subject in ("p1", "p2", "p1", "p3", "p1"):
        assert verifier.caller(token(sub=subject)).subject == subject
    for number in range(MOST_REMEMBERED + 2):
        verifier._verified[str(number).encode()] = {}
    verifier.caller(token(sub="p4"))
    assert len(verifier._verified) == 1
    clock.jump(START + timedelta(seconds=600))
    with pytest.raises(Unauthenticated) as refused:
        verifier.caller(token())
    assert refused.value.reason == "TOKEN_EXPIRED"


def test_stated_keys_that_are_not_there_or_none_are_named_with_their_setting(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        with pytest.raises(ValueError, match=rf"^OPENCHAIR_TOKEN_KEYS: .*{name}"):
            verifier_of(Settings(token_keys=tmp_path / name), CLOCK)


def test_a_site_without_stated_keys_takes_tokens_of_the_pair_in_its_data_folder(tmp_path: Path) -> None:
    pair = load_or_make_keys(tmp_path / "var" / "keys")
    made = make_token(pair.private, "p1", {}, audience=AUDIENCE, lifetime=HOUR, clock=CLOCK)
    own = Settings(data=tmp_path / "var")
    stated = Settings(data=tmp_path / "other", token_keys=tmp_path / "var" / "keys")
    assert verifier_of(own, CLOCK).caller(made) == verifier_of(stated, CLOCK).caller(made) == Caller("p1")
    assert not (tmp_path / "other").exists()


def test_no_token_is_made_that_should_not_be() -> None:
    def make(subject: str = "p1", roles: Any = None, lifetime: timedelta = HOUR) -> None:
        make_token(KEY, subject, roles or {}, audience=AUDIENCE, lifetime=lifetime, clock=CLOCK)

    for lifetime in (HOUR + timedelta(seconds=1), timedelta(0), -HOUR):
        with pytest.raises(ValueError, match="hour"):
            make(lifetime=lifetime)
    with pytest.raises(ValueError, match="no role 'emperor'"):
        make(roles={"*": ["emperor"]})
    with pytest.raises(ValueError, match="no scope"):
        make(roles={"a/b": ["member"]})
    with pytest.raises(ValueError, match="opaque"):
        make(subject="jane@example.org")


def test_keys_are_made_once_and_only_the_owner_reads_the_private_one(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first, second = load_or_make_keys(folder), load_or_make_keys(folder)
    assert list(first.public) == list(second.public)
    assert stat.S_IMODE((folder / "token.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(load_public_keys(folder / "token.pub")) == list(first.public)
    assert sorted(path.name for path in folder.iterdir()) == ["token.key", "token.pub"]


def test_a_private_key_that_others_may_read_is_refused_naming_the_file(tmp_path: Path) -> None:
    load_or_make_keys(tmp_path)
    (tmp_path / "token.key").chmod(0o644)
    with pytest.raises(ValueError, match=r"token\.key: others may read"):
        load_or_make_keys(tmp_path)


def test_a_private_key_that_is_none_is_refused_naming_the_file(tmp_path: Path) -> None:
    path = tmp_path / "token.key"
    path.touch(0o600)
    with pytest.raises(ValueError, match=r"token\.key: not a private key"):
        load_or_make_keys(tmp_path)


def test_public_keys_come_from_a_file_or_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        load_or_make_keys(tmp_path / name)
    pems = [(tmp_path / name / "token.pub").read_bytes() for name in ("a", "b")]
    (tmp_path / "both.pem").write_bytes(b"".join(pems))
    (tmp_path / "notes.txt").write_text("not a key")
    assert len(load_public_keys(tmp_path / "both.pem")) == 2
    assert load_public_keys(tmp_path).keys() == load_public_keys(tmp_path / "both.pem").keys()


def test_public_keys_of_another_kind_and_no_keys_are_refused(tmp_path: Path) -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    (tmp_path / "rsa.pub").write_bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ValueError, match=r"rsa\.pub: not an Ed25519 key"):
        load_public_keys(tmp_path)
    (tmp_path / "rsa.pub").write_text("")
    with pytest.raises(ValueError, match="no public key"):
        load_public_keys(tmp_path)
    with pytest.raises(ValueError, match="no public key"):
        TokenVerifier({}, AUDIENCE, CLOCK)


async def seen_by_the_method(metadata: dict[str, str]) -> Call[Any]:
    seen: list[Call[Any]] = []

    async def method(call: Call[Any]) -> Empty:
        seen.append(call)
        return Empty()

    await Authentication(VERIFIER)(Call("x.v1.X/Do", Empty(), NOBODY, 0.0, CLOCK, metadata=metadata), method)
    return seen[0]


async def test_the_bearer_is_the_caller_and_the_token_goes_no_further() -> None:
    call = await seen_by_the_method({"authorization": f"Bearer {token()}", "user-agent": "x"})
    assert call.caller.subject == "p1"
    assert call.metadata == {"user-agent": "x"}


async def test_without_a_header_the_caller_is_nobody() -> None:
    assert (await seen_by_the_method({})).caller == NOBODY


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer ", f"Bearer {token()}, Bearer {token()}"])
async def test_a_header_that_is_no_bearer_token_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await seen_by_the_method({"authorization": header})

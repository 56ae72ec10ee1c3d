"""Tokens that say who calls: Ed25519 JWTs (RFC 7519, RFC 8037), and the keys they are made with.

Claims: `sub` (an opaque id, never a person's name), `aud` ("openchair:<site>"), `iat`, `nbf`, `exp`, and `roles`: names
of roles per scope, {"*": ["operator"]}. The header's `kid` names the key.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kit.access import ROLES
from services.kit.call import EVERYWHERE, Call, Caller, Method
from services.kit.errors import Unauthenticated
from services.kit.names import is_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from google.protobuf.message import Message

    from services.kit.clock import Clock
    from services.kit.settings import Settings

LONGEST_MADE = timedelta(hours=1)
LONGEST_ACCEPTED = timedelta(hours=24)
LEEWAY = timedelta(seconds=30)
"""How far the clock of whoever made a token may be ahead."""
LONGEST_TOKEN = 8192
MOST_REMEMBERED = 1024
"""How many verified tokens a verifier remembers, by their digests."""

_ALGORITHM = "EdDSA"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True)
class Keys:
    """A key pair of one site."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> dict[str, Ed25519PublicKey]:
        """The public key by its id, as TokenVerifier takes it."""
        key = self.private.public_key()
        return {key_id(key): key}


def audience_of(site: str) -> str:
    """The audience of a site's tokens."""
    return f"openchair:{site}"


def key_id(key: Ed25519PublicKey) -> str:
    """The JWK thumbprint of a public key (RFC 7638, RFC 8037 appendix A.3)."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(key.public_bytes_raw())}"}}'
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def make_token(
    key: Ed25519PrivateKey,
    subject: str,
    roles: Mapping[str, Collection[str]],
    *,
    audience: str,
    lifetime: timedelta,
    clock: Clock,
) -> str:
    """A token. Raises ValueError for a lifetime over an hour, an unknown role, or a subject or scope that is no id."""
    if not timedelta(0) < lifetime <= LONGEST_MADE:
        raise ValueError("a token lives for more than nothing and at most an hour")
    if not is_id(subject):
        raise ValueError("the subject of a token is an opaque id, a url-safe token")
    _check_roles(roles)
    now = clock.now()
    claims = {
        "sub": subject,
        "aud": audience,
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "roles": {scope: sorted(names) for scope, names in sorted(roles.items())},
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": key_id(key.public_key())})


def _check_roles(roles: Mapping[str, Collection[str]]) -> None:
    """Raises ValueError, naming what is wrong."""
    for scope, names in roles.items():
        if not (scope == EVERYWHERE or is_id(scope)):
            raise ValueError(f"{scope!r} is no scope: an id, or {EVERYWHERE!r} for everywhere")
        for name in sorted(set(names) - ROLES):
            raise ValueError(f"there is no role {name!r}: {', '.join(sorted(ROLES))}")


class TokenVerifier:
    """Says who a token is about. Several keys at once are how keys are changed: first added, later taken away."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey], audience: str, clock: Clock) -> None:
        if not keys:
            raise ValueError("there is no public key to verify tokens with")
        self._keys = dict(keys)
        self._audience = audience
        self._clock = clock
        self._verified: dict[bytes, dict[str, Any]] = {}

    def caller(self, token: str) -> Caller:
        """The caller the token names. Raises Unauthenticated with a stable reason, and never repeats the token."""
        claims = self._known_claims(token)
        self._check_times(claims)
        return Caller(claims["sub"], _roles(claims))

    def _known_claims(self, token: str) -> dict[str, Any]:
        """The claims; a signature, which costs as much as a small call, is verified once. Times are not remembered."""
        if len(token) > LONGEST_TOKEN:
            raise _invalid()
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._claims(token)
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.clear()
            self._verified[digest] = claims
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims, their signature and audience verified."""
        try:
            key = self._keys[str(jwt.get_unverified_header(token)["kid"])]
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                # Times are checked by our clock, below: the library reads the machine's.
                options={
                    "require": ["sub", "aud", "iat", "exp"],
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise Unauthenticated("the token is for somebody else", "TOKEN_AUDIENCE") from None
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise _invalid() from None
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        """Raises Unauthenticated for a token that is not in force now, or in force for too long."""
        times = [claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])]
        if not all(_is_time(time) for time in times):
            raise _invalid()
        issued, ends, begins = times
        now = self._clock.now().timestamp()
        if ends - issued > LONGEST_ACCEPTED.total_seconds():
            raise Unauthenticated("the token is made to live too long", "TOKEN_LIFETIME")
        if max(issued, begins) > now + LEEWAY.total_seconds():
            raise Unauthenticated("the token is not valid yet", "TOKEN_NOT_YET_VALID")
        if not ends > now:
            raise Unauthenticated("the token has expired", "TOKEN_EXPIRED")


class Authentication:
    """The middleware that turns `authorization: Bearer <token>` into the caller.

    Without that header the caller is nobody, and access decides. A token that is there and wrong is refused also by
    public methods: its owner thinks to be somebody. The header goes no further.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on with its caller."""
        header = call.metadata.get("authorization")
        if header is None:
            return await method(call)
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer":
            raise _invalid()
        rest = {key: value for key, value in call.metadata.items() if key != "authorization"}
        return await method(call.having(caller=self._verifier.caller(token), metadata=rest))


def load_or_make_keys(folder: Path) -> Keys:
    """The key pair kept in a folder, made at the first start: `token.key` (0600) and, for others, `token.pub`.

    Raises ValueError, naming the file, when others may read the private key or it is no Ed25519 key.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "token.key"
    if not path.exists():
        _write_once(path, _private_pem(Ed25519PrivateKey.generate()), 0o600)
    keys = Keys(_private_key(path))
    _write_once(folder / "token.pub", _public_pem(keys.private.public_key()), 0o644)
    return keys


def verifier_of(settings: Settings, clock: Clock) -> TokenVerifier:
    """The verifier of a site: its stated public keys, or the pair in its data folder ("keys"). Raises ValueError."""
    return TokenVerifier(_public_keys(settings), audience_of(settings.site), clock)


def _public_keys(settings: Settings) -> dict[str, Ed25519PublicKey]:
    if settings.token_keys is None:
        return load_or_make_keys(settings.data / "keys").public
    try:
        return load_public_keys(settings.token_keys)
    except (OSError, ValueError) as error:
        raise ValueError(f"OPENCHAIR_TOKEN_KEYS: {error}") from None


def load_public_keys(path: Path) -> dict[str, Ed25519PublicKey]:
    """The public keys (PEM, one after the other) of a file, or of every *.pub and *.pem of a folder, by their ids.

    Raises ValueError, naming the file, where there is none or one is not an Ed25519 key.
    """
    files = sorted([*path.glob("*.pub"), *path.glob("*.pem")]) if path.is_dir() else [path]
    keys = [_public_key(block, file) for file in files for block in _PEM.findall(file.read_bytes())]
    if not keys:
        raise ValueError(f"{path}: no public key found")
    return {key_id(key): key for key in keys}


def _roles(claims: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The roles of a token. Names that this version does not know grant nothing and are no fault."""
    roles = claims.get("roles", {})
    subject = claims["sub"]
    if not isinstance(subject, str) or not is_id(subject) or not isinstance(roles, dict):
        raise _invalid()
    for scope, names in roles.items():
        if not (scope == EVERYWHERE or is_id(scope)) or not isinstance(names, list):
            raise _invalid()
        if not all(isinstance(name, str) for name in names):
            raise _invalid()
    return {scope: frozenset(names) & ROLES for scope, names in roles.items()}


def _is_time(value: Any) -> bool:
    """Whether it is a NumericDate (RFC 7519 section 2), which NaN is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _invalid() -> Unauthenticated:
    return Unauthenticated("the token is not a valid one of this site", "TOKEN_INVALID")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption())


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _private_key(path: Path) -> Ed25519PrivateKey:
    """Reads a private key. Raises ValueError, naming the file."""
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path}: others may read this private key; chmod 600 it, or remove it to have a new one")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path}: not a private key that can be read") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path}: not an Ed25519 key")  # noqa: TRY004 - the file is wrong, not a type of ours
    return key


def _public_key(pem: bytes, path: Path) -> Ed25519PublicKey:
    """Reads a public key. Raises ValueError, naming the file."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path}: not a public key that can be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path}: not an Ed25519 key")  # noqa: TRY004 - the file is wrong, not a type of ours
    return key


def _write_once(path: Path, content: bytes, mode: int) -> None:
    """Writes a whole file or nothing, and leaves one alone that another process was faster to write."""
    if path.exists():
        return
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()

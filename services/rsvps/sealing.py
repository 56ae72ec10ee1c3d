"""What a guest tells the organiser, as it is stored: encrypted (AES-256-GCM, NIST SP 800-38D), a key for each list.

It is bound to its list and its seat: moved to another one it cannot be opened. Its length says nothing but how many
steps of 256 bytes it takes.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.rsvps.types import Answer  # noqa: TC001 - msgspec reads annotations at run time

if TYPE_CHECKING:
    from services.kit.clock import Ids
    from services.rsvps.keys import Secrets
    from services.rsvps.types import GuestList

STEP: Final = 256
"""Bytes to whose multiples a text is padded before it is encrypted."""

NONCE: Final = 12


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is for the organiser alone: answers with `Use.ORGANISER`, a first name, what is asked for at a celebration.

    `named`: how the guest wants to be called out; `milestone`: in the guest's own words.
    """

    answers: tuple[Answer, ...] = ()
    first_name: str = ""
    chip: bool = False
    named: str = ""
    milestone: str = ""


NOTHING: Final = Told()


class Seals:
    """Seals and opens what belongs to seats of one list. Raises KeyError where the version of its secret is gone."""

    def __init__(self, secrets: Secrets, guest_list: GuestList) -> None:
        self._list = guest_list.id
        site = secrets.derived(guest_list.secret, guest_list.centre, "sealed")
        self._cipher = AESGCM(HKDF(hashes.SHA256(), 32, None, f"list\0{guest_list.id}".encode()).derive(site))

    def seal(self, seat_id: str, told: Told, ids: Ids) -> str:
        """As `Seat.sealed` holds it; "" where nothing was told."""
        if told == NOTHING:
            return ""
        nonce = ids.random.getrandbits(8 * NONCE).to_bytes(NONCE, "big")
        text = msgspec.json.encode(told)
        padded = text + b" " * (-len(text) % STEP)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, padded, self._bound(seat_id))).decode()

    def open(self, seat_id: str, sealed: str) -> Told:
        """What was told; nothing where nothing was, where it was purged, or where it is not of this seat."""
        try:
            data = base64.b64decode(sealed, validate=True)
            text = self._cipher.decrypt(data[:NONCE], data[NONCE:], self._bound(seat_id)) if data else b"{}"
            return msgspec.json.decode(text, type=Told)
        except (binascii.Error, InvalidTag, ValueError, msgspec.MsgspecError):
            return NOTHING

    def _bound(self, seat_id: str) -> bytes:
        return f"{self._list}\0{seat_id}".encode()

"""From which network a call comes, as a word that says nothing: budgets count by it, nothing stores or logs it.

A network is 24 bits of an IPv4 address, or 48 of an IPv6 one. Who calls for somebody else says their network in
metadata, with a code that only processes of this site can make: what others say there is not believed.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from services.kit.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.kit.vouch import Vouch

HEADER: Final = "openchair-network"
"""The metadata in which a process of the site says whom it calls for."""
UNKNOWN: Final = "unknown"
"""All those of whom a proxy says nothing are one network."""
PREFIX: Final = {4: 24, 6: 48}

_USE: Final = "network"


def prefix_of(address: str) -> str:
    """The network of an IP address: "203.0.113.0/24"; "" for what is none."""
    try:
        found = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, PREFIX[found.version]), strict=False))


def vouched(vouch: Vouch, prefix: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call that is made for somebody in that network."""
    return ((HEADER, vouch.sign(_USE, vouch.opaque(_USE, prefix or UNKNOWN))),)


def reader(vouch: Vouch, *, behind_proxy: bool = False) -> Callable[[str, Mapping[str, str]], str]:
    """Says from which network a call comes, given its peer ("ipv4:203.0.113.7:50123") and its metadata.

    A peer "" is in this process. "" is answered for this machine itself, which has no budget. The last address of
    `x-forwarded-for`, which a proxy adds, is believed from this machine, and `behind_proxy` from anywhere; there all of
    whom it says nothing are one network.
    """

    @functools.lru_cache(4096)
    def of_address(address: str) -> str:
        return vouch.opaque(_USE, prefix_of(address) or UNKNOWN)

    @functools.lru_cache(4096)
    def of_peer(peer: str) -> str:
        kind, _, rest = peer.partition(":")
        address = unquote(rest).rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""
        return "" if kind in {"", "unix"} or is_loopback(address.partition("%")[0]) else of_address(address)

    def read(peer: str, metadata: Mapping[str, str]) -> str:
        if HEADER in metadata and (said := vouch.read(_USE, metadata[HEADER])) is not None:
            return said
        said_for = metadata.get("x-forwarded-for", "").rpartition(",")[2].strip()
        where = of_peer(peer)
        return of_address(said_for) if behind_proxy or (where == "" and said_for) else where

    return read

"""From which network a call comes: a word for it that says nothing, and whom it is believed from."""

from __future__ import annotations

import pytest

from services.kit.network import HEADER, prefix_of, reader, vouched
from services.kit.vouch import Vouch

VOUCH = Vouch(b"k" * 32)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("somewhere", ""),
        ("", ""),
    ],
)
def test_a_network_is_24_bits_of_one_kind_of_address_and_48_of_the_other(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix


def test_two_peers_of_one_network_are_one_and_the_word_for_it_says_nothing() -> None:
    read = reader(VOUCH)
    one, two = read("ipv4:203.0.113.7:50123", {}), read("ipv4:203.0.113.200:99", {})
    assert one == two != read("ipv4:203.0.114.7:50123", {})
    assert read("ipv6:%5B2001:db8:1:2::3%5D:1", {}) == read("ipv6:[2001:db8:1:9::4]:7", {}) != one
    assert "203" not in one
    assert one != reader(Vouch(b"j" * 32))("ipv4:203.0.113.7:50123", {})


@pytest.mark.parametrize("peer", ["ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711", "unix:/run/x", ""])
def test_this_machine_has_no_network_unless_it_says_whom_it_calls_for(peer: str) -> None:
    assert reader(VOUCH)(peer, {}) == ""
    proxied = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    assert reader(VOUCH)(peer, proxied) == reader(VOUCH)("ipv4:203.0.113.7:1", {})
    said = dict(vouched(VOUCH, "203.0.113.0/24"))
    assert reader(VOUCH)(peer, said) == reader(VOUCH)("ipv4:203.0.113.7:1", {})


def test_what_others_say_of_a_network_is_not_believed() -> None:
    peer, read = "ipv4:203.0.113.7:1", reader(VOUCH)
    forged = (*dict(vouched(Vouch(b"j" * 32), "198.51.100.0/24")).values(), "", "x", "x.y", f"{read(peer, {})}.0")
    for each in forged:
        assert read(peer, {HEADER: each, "x-forwarded-for": "198.51.100.1"}) == read(peer, {})


def test_behind_a_proxy_the_last_address_counts_and_who_has_none_is_one_network_with_all_such() -> None:
    read, direct = reader(VOUCH, behind_proxy=True), reader(VOUCH)
    peer = "ipv4:127.0.0.1:4711"
    assert read(peer, {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}) == direct("ipv4:203.0.113.9:1", {})
    assert read(peer, {}) == read("ipv4:10.0.0.1:2", {"x-forwarded-for": "nonsense"}) != ""

"""Where a request is from is believed of our own proxies, and of nobody else."""

from __future__ import annotations

import pytest

from gateway.limiting.addresses import Addresses, counted
from gateway.limiting.limits import HOPS_MAX, ForwardedHeader, Proxies

NETWORKS = ("10.0.0.0/8", "192.0.2.7", "fd00::/8")
PEER = "10.0.0.1"


def of(peer: str, *said: str, header: ForwardedHeader = "x-forwarded-for", name: str = "") -> str:
    headers = [(b"host", b"gate"), *(((name or header).encode(), one.encode()) for one in said)]
    return Addresses(Proxies(NETWORKS, header)).of(peer, headers)


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ((), PEER),
        (("203.0.113.7",), "203.0.113.7"),
        (("203.0.113.7, 10.1.1.1",), "203.0.113.7"),
        (("198.51.100.9, 203.0.113.7, 10.1.1.1",), "203.0.113.7"),
        (("198.51.100.9", "203.0.113.7"), "203.0.113.7"),
        (("10.2.2.2, 10.1.1.1",), "10.2.2.2"),
        (("203.0.113.7:4711",), "203.0.113.7"),
        (("[2001:db8::7]:4711",), "2001:db8::7"),
        (("2001:db8::7, fd00::1",), "2001:db8::7"),
        (("203.0.113.7, unknown",), PEER),
        (("203.0.113.7, 10.1.1.1.1",), PEER),
        (("203.0.113.7, <script>, 10.1.1.1",), "10.1.1.1"),
        (("203.0.113.7,,",), "203.0.113.7"),
        (("::ffff:203.0.113.7",), "::ffff:203.0.113.7"),
        (("203.0.113.7, ::ffff:10.1.1.1",), "203.0.113.7"),
        (("203.0.113.7\0",), PEER),
    ],
)
def test_the_last_hop_that_is_not_ours_is_the_client(said: tuple[str, ...], client: str) -> None:
    """Whatever stands before it; and what cannot be read is nobody."""
    assert of(PEER, *said) == client


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ('for="203.0.113.7:4711";proto=https, for=10.1.1.1', "203.0.113.7"),
        ('For="[2001:db8::7]:4711";by=10.0.0.1', "2001:db8::7"),
        ("proto=https;for=203.0.113.7", "203.0.113.7"),
        ("for=198.51.100.9, for=203.0.113.7;host=a", "203.0.113.7"),
        ("for=_hidden", PEER),
        ("for=unknown, for=10.1.1.1", "10.1.1.1"),
        ('for="198.51.100.9, for="[2001:db8::7]"', "2001:db8::7"),
        ("notfor=203.0.113.7", PEER),
        ("203.0.113.7", PEER),
    ],
)
def test_the_header_of_the_standard(said: str, client: str) -> None:
    """RFC 7239 is read as it is written, whatever a stranger wrote before."""
    assert of(PEER, said, header="forwarded") == client


def scheme(peer: str, for_: str, proto: str, header: ForwardedHeader = "x-forwarded-for", served: str = "http") -> str:
    headers = [(header.encode(), for_.encode()), (b"x-forwarded-proto", proto.encode())]
    return Addresses(Proxies(NETWORKS, header)).scheme(peer, headers, served)


@pytest.mark.parametrize(
    ("for_", "proto", "scheme_"),
    [
        ("203.0.113.7", "https", "https"),
        ("203.0.113.7", "HTTPS", "https"),
        ("203.0.113.7", "http", "http"),
        ("203.0.113.7", "https, http", "http"),
        ("203.0.113.7", "http, https", "https"),
        ("203.0.113.7, 10.1.1.1", "https, http", "https"),
        ("198.51.100.9, 203.0.113.7, 10.1.1.1", "http, https, http", "https"),
        ("203.0.113.7, 10.1.1.1", "https", "https"),
        ("203.0.113.7, 10.2.2.2, 10.1.1.1", "http, https", "https"),
        ("unknown", "https", "https"),
        ("", "https", "https"),
        ("203.0.113.7", "", "http"),
        ("203.0.113.7", "ftp", "http"),
        ("203.0.113.7", "https,", "https"),
        ("203.0.113.7", "<script>", "http"),
    ],
)
def test_the_outermost_of_our_proxies_says_how_it_was_asked(for_: str, proto: str, scheme_: str) -> None:
    """At the place where it says who asked; where fewer speak than there are, the last one does."""
    assert scheme(PEER, for_, proto) == scheme_


@pytest.mark.parametrize(
    ("said", "scheme_"),
    [
        ("for=203.0.113.7;proto=https", "https"),
        ('proto="HTTPS";for=203.0.113.7', "https"),
        ("for=203.0.113.7 ; Proto=https", "https"),
        ("for=203.0.113.7;proto=http", "http"),
        ("for=203.0.113.7;proto=https, for=10.1.1.1;proto=http", "https"),
        ("for=1.1.1.1;proto=https, for=203.0.113.7;proto=http", "http"),
        ("for=1.1.1.1;proto=https, for=203.0.113.7", "http"),
        ("for=_hidden;proto=https", "https"),
        ("for=203.0.113.7;notproto=https", "http"),
        ("for=203.0.113.7;proto=httpsx", "http"),
    ],
)
def test_the_header_of_the_standard_says_it_too(said: str, scheme_: str) -> None:
    """In the element of whoever was asked; and beside it nothing is read."""
    assert scheme(PEER, said, "https", "forwarded") == scheme_
    assert scheme(PEER, "", "https", "forwarded") == "http"


def test_a_stranger_does_not_say_how_they_asked() -> None:
    """As it is served here, it was asked."""
    assert scheme("203.0.113.9", "203.0.113.9", "https") == "http"
    assert scheme("203.0.113.9", "203.0.113.9", "http", served="https") == "https"
    assert Addresses().scheme(PEER, [(b"x-forwarded-proto", b"https")], "http") == "http"


def test_strangers_say_nothing_of_themselves() -> None:
    """Who is no proxy of ours is where they are; nobody is a proxy unless that was set."""
    assert of("203.0.113.9", "198.51.100.1") == "203.0.113.9"
    assert Addresses().of(PEER, [(b"x-forwarded-for", b"198.51.100.1")]) == PEER


def test_the_other_header_is_a_strangers() -> None:
    """A proxy that writes the one lets the other through as it came."""
    assert of(PEER, "198.51.100.1", header="forwarded", name="x-forwarded-for") == PEER
    assert of(PEER, "for=198.51.100.1", header="x-forwarded-for", name="forwarded") == PEER


def test_not_all_hops_are_looked_at() -> None:
    """A list of a thousand proxies costs what a short one does."""
    assert of(PEER, ", ".join(["203.0.113.7", *["10.1.1.1"] * 1_000])) == "10.1.1.1"
    assert of(PEER, ", ".join(["203.0.113.7", *["10.1.1.1"] * (HOPS_MAX - 1)])) == "203.0.113.7"


def test_what_counts_as_one_address() -> None:
    """All of IPv4, the /64 of IPv6, and the same one however it is written."""
    assert counted("203.0.113.7") != counted("203.0.113.8")
    assert counted("::ffff:203.0.113.7") == counted("203.0.113.7")
    assert counted("2001:db8::1") == counted("2001:db8:0:0:ffff::2") != counted("2001:db8:0:1::1")
    assert counted("fe80::1%eth0") == counted("fe80::2")
    assert counted("") == counted("nonsense") == b""
    assert {len(counted(one)) for one in ("203.0.113.7", "2001:db8::1")} == {4, 8}


@pytest.mark.parametrize("address", ["192.0.2.7", "10.255.0.1", "::ffff:10.0.0.1", "fd12::1"])
def test_proxies_are_whole_networks_or_one_address(address: str) -> None:
    """However the connection writes them."""
    assert Addresses(Proxies(NETWORKS)).trusts(address)
    assert not Addresses(Proxies(NETWORKS)).trusts("192.0.2.8")

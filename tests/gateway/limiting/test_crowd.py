"""Connections are counted by where they are from, and only while they last."""

from __future__ import annotations

from gateway.limiting.addresses import Addresses
from gateway.limiting.crowd import Crowd, Place
from gateway.limiting.limits import Proxies

HERE, THERE, PROXY = "203.0.113.7", "203.0.113.8", "10.0.0.1"


def entered(place: Place | None) -> Place:
    assert place is not None
    return place


def test_an_address_has_so_many() -> None:
    """The next is refused until one has ended; others are not concerned."""
    crowd = Crowd(2, Addresses())
    first, second = entered(crowd.enter(HERE)), entered(crowd.enter(HERE))
    assert first is second and first.connections == 2
    assert crowd.enter(HERE) is None
    assert crowd.enter(THERE) is not None
    first.leave()
    assert crowd.enter(HERE) is first
    assert crowd.enter(HERE) is None


def test_nothing_is_kept_of_who_has_gone() -> None:
    """And whoever comes again begins anew."""
    crowd = Crowd(2, Addresses())
    place = entered(crowd.enter(HERE))
    assert len(crowd) == 1
    place.leave()
    assert len(crowd) == 0
    entered(crowd.enter(HERE)).leave()
    assert len(crowd) == 0


def test_proxies_and_local_sockets_are_not_counted() -> None:
    """Behind them there are many; and 0 counts nobody."""
    crowd = Crowd(1, Addresses(Proxies(("10.0.0.0/8",))))
    for peer in (PROXY, ""):
        places = [entered(crowd.enter(peer)) for _ in range(10)]
        for place in places:
            place.leave()
    boundless = Crowd(0, Addresses())
    assert all(boundless.enter(HERE) for _ in range(10))
    assert len(crowd) == len(boundless) == 0


def test_neighbours_in_ipv6_are_one() -> None:
    """Whoever has one address of a /64 has all of them."""
    crowd = Crowd(1, Addresses())
    assert crowd.enter("2001:db8::1") is not None
    assert crowd.enter("2001:db8::2") is None
    assert crowd.enter("2001:db8:0:1::2") is not None

"""How many connections each address has, sockets and requests together.

A connection takes a place when it is made and leaves it when it is lost, whatever became of it in between: a request
that turns into a socket hands its place on. All connections of an address share one object, which is all that is kept.

Proxies of ours are not counted: behind one there are many clients. They have to count themselves.
"""

from __future__ import annotations

from typing import Final

from gateway.limiting.addresses import Addresses, counted


class Place:
    """That of every connection from one address."""

    __slots__ = ("_address", "_taken", "connections")

    def __init__(self, taken: dict[bytes, Place], address: bytes) -> None:
        self._taken: Final = taken
        self._address: Final = address
        self.connections = 0

    def leave(self) -> None:
        self.connections -= 1
        assert self.connections >= 0, "nobody leaves twice"
        if self.connections == 0:
            self._taken.pop(self._address, None)


class Crowd:
    """`most` for each address; 0 for as many as come."""

    def __init__(self, most: int, addresses: Addresses) -> None:
        self._most: Final = most
        self._addresses: Final = addresses
        self._taken: Final[dict[bytes, Place]] = {}
        self._uncounted: Final = _Uncounted({}, b"")

    def __len__(self) -> int:
        """Addresses that somebody is here from."""
        return len(self._taken)

    def enter(self, peer: str) -> Place | None:
        """A place for a connection from there, or none when there are too many."""
        if not self._most or not peer or self._addresses.trusts(peer):
            return self._uncounted
        address = counted(peer)
        place = self._taken.get(address)
        if place is None:
            place = self._taken[address] = Place(self._taken, address)
        elif place.connections >= self._most:
            return None
        place.connections += 1
        return place


class _Uncounted(Place):
    __slots__ = ()

    def leave(self) -> None:
        """Nobody has counted it."""

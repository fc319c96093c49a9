"""From which buckets a request takes, and what it is told when one is empty.

| who asks | takes from |
|---|---|
| anybody | the bucket of their address, before anything else is looked at |
| with an API key that is good | that of the key, and the address has its token back: a server asks for many |
| with a session, or a token of an issuer | that of the session or the person as well |
| without a key, for a place in a line, a hold or a session | that of their address for these as well |

Whoever comes, with a request or for a socket, comes to `at_the_door`. Every request, and all that is asked over a
socket, comes to `known` when it is known who asks. Nothing has been done by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from time import monotonic
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gateway.identity.callers import Caller
from gateway.limiting.addresses import counted
from gateway.limiting.buckets import Buckets
from gateway.limiting.limits import Rate, RateLimits
from gateway.problems import Problem

Deed: TypeAlias = Literal["join", "hold", "session"]
"""What takes room that others want, so that an address has less of it than of requests."""

DEEDS: Final[Mapping[tuple[str, str], Deed]] = MappingProxyType(
    {
        ("POST", "/v1/{org}/rooms/{room}/tickets"): "join",
        ("POST", "/v1/{org}/holds"): "hold",
        ("POST", "/v1/{org}/sessions"): "session",
    }
)
"""By method and route."""
COMMAND_DEEDS: Final[Mapping[str, Deed]] = MappingProxyType({"join": "join", "hold": "hold"})
"""By command, for what is asked over a socket."""

OFF: Final = RateLimits(factor=0)
_KEY: Final = "key:"
"""How what an API key does is signed (`Caller.by`)."""


class Rates:
    def __init__(self, limits: RateLimits = OFF, now_s: Callable[[], float] = monotonic) -> None:
        self._off: Final = limits.factor == 0
        self._now_s: Final = now_s
        self._address: Final = _Metered(limits, limits.address, "requests from this address")
        self._key: Final = _Metered(limits, limits.key, "requests with this key")
        self._session: Final = _Metered(limits, limits.session, "requests of this session")
        self._deeds: Final[Mapping[Deed, _Metered]] = {
            "join": _Metered(limits, limits.joins, "places in line from this address"),
            "hold": _Metered(limits, limits.holds, "holds from this address"),
            "session": _Metered(limits, limits.sessions, "sessions from this address"),
        }

    def at_the_door(self, address: str) -> None:
        """A request has come from there; `Problem` when too many have."""
        if not self._off:
            self._address.take(counted(address), self._now_s())

    def known(self, caller: Caller, address: str, deed: Deed | None = None, *, came: bool = False) -> None:
        """This is who asks, for what, and whether they `came` with it; `Problem` when they ask too often."""
        if self._off:
            return
        now_s = self._now_s()
        if caller.by.startswith(_KEY):
            if came:
                self._address.give_back(counted(address))
            self._key.take(f"{caller.org}.{caller.by}", now_s)
            return
        if caller.standing != "anonymous":
            self._session.take(f"{caller.org}.{caller.by}", now_s)
        if deed is not None:
            self.does(caller, address, deed)

    def does(self, caller: Caller, address: str, deed: Deed) -> None:
        """What they ask for is such a deed; `Problem` when too many of these come from there."""
        if not self._off and not caller.by.startswith(_KEY):
            self._deeds[deed].take(counted(address), self._now_s())

    def counted(self, caller: Caller, address: str) -> bytes | None:
        """By what address somebody is counted where it is not about how often they ask; None with an API key, or where
        nobody is."""
        return None if self._off or caller.by.startswith(_KEY) else counted(address)


class _Metered:
    """The buckets of one kind, and what they are called."""

    def __init__(self, limits: RateLimits, rate: Rate, what: str) -> None:
        mine = limits.rate(rate)
        self._buckets: Final[Buckets[str | bytes] | None] = Buckets(mine) if mine.per_s else None
        per_s = rate.per_s * limits.factor
        self._said: Final = f"too many {what}: {per_s:g} a second are taken, and {mine.burst:g} at once"

    def take(self, key: str | bytes, now_s: float) -> None:
        if self._buckets is not None and (wait_s := self._buckets.take(key, now_s)):
            raise Problem("too_many_requests", self._said, retry_after_ms=ceil(wait_s * 1_000))

    def give_back(self, key: bytes) -> None:
        if self._buckets is not None:
            self._buckets.give_back(key)

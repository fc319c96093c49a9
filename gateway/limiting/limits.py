"""What is bounded before a request is looked at, units last; and what a deployment may want otherwise."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

BUCKETS_MAX: Final = 1 << 16
"""Of one kind, in one process: some ten megabytes when an attack has filled them."""
HOPS_MAX: Final = 16
"""Proxies that are believed, one after another, as to where a request is from."""

ForwardedHeader: TypeAlias = Literal["x-forwarded-for", "forwarded"]


class Rate(msgspec.Struct, frozen=True):
    """`burst` at once, and `per_s` from then on."""

    per_s: float
    burst: float

    def times(self, factor: float, sharing: int) -> Rate:
        """For each of so many processes. The burst is not divided: whoever comes with one connection comes to one of
        them, and a page that loads is not to be cut in parts."""
        return Rate(self.per_s * factor / sharing, max(1.0, self.burst * factor))


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`factor` multiplies all of them; 0 turns them off. `sharing` processes listen at one port, and the system deals
    those who come out to them, without looking: so each has its share of every rate."""

    address: Rate = Rate(100, 200)
    """All that comes from one address without an API key."""
    key: Rate = Rate(200, 400)
    session: Rate = Rate(20, 60)
    """Of a visitor, and of a person with a token of an issuer."""
    joins: Rate = Rate(10, 50)
    """From one address, as the following are."""
    holds: Rate = Rate(10, 40)
    sessions: Rate = Rate(5, 50)
    factor: float = 1.0
    sharing: int = 1

    def rate(self, rate: Rate) -> Rate:
        return rate.times(self.factor, self.sharing)


class Proxies(msgspec.Struct, frozen=True):
    """`networks` (CIDR) are those whose word is taken for where a request is from, said in this `header`. It is one,
    and it is set: a proxy that writes the one header lets through what a stranger wrote into the other. By which scheme
    it came is said in `forwarded` itself, and beside `x-forwarded-for` in `x-forwarded-proto`."""

    networks: tuple[str, ...] = ()
    header: ForwardedHeader = "x-forwarded-for"

"""The facts of a quota: which bookings count against the limits of one resource, or of one booker.

Its name says whose it is, without saying who: `demo.quota.b-1f3a…` is the hash of a booker's address. What counts is
the time at which a booking begins, by its event type, so that limits may change without touching what was counted.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeAlias

from events.clock import Instant
from events.day import Booker, Status
from events.facts import Fact, FactSet


class Counted(Fact, frozen=True):
    """The booking counts; no longer than through `until`, unless it comes further."""

    booking: str
    event_type: str
    start: Instant
    status: Status
    until: Instant | None


class Advanced(Fact, frozen=True):
    booking: str
    status: Status
    until: Instant | None


class Recounted(Fact, frozen=True):
    """It begins at another time now."""

    booking: str
    start: Instant


class Uncounted(Fact, frozen=True):
    booking: str


QuotaFact: TypeAlias = Counted | Advanced | Recounted | Uncounted
FACTS = FactSet[QuotaFact]((Counted, Advanced, Recounted, Uncounted))


def resource_key(resource: str) -> str:
    return f"r-{_hashed(resource)}"


def booker_key(booker: Booker, session: str) -> str:
    """One booker is one address, however it is written; without one, a session; nobody, without either."""
    address = booker.email.strip().casefold()
    return f"b-{_hashed(address)}" if address else f"s-{_hashed(session)}" if session else ""


def _hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def quota_actor(org: str, key: str) -> str:
    return f"{org}.quota.{key}"

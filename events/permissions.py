"""What somebody may do: the permissions there are, and which of them each role has, each in a sentence.

This is the one table. Gateways ask it, the command line explains by it, and the documentation is generated from it.

Roles grow out of one another, so that what a role may do is read off the line in which it is made. A scope narrows what
a key's role permits. It never takes away what anybody may do without a key, which leaving the key out would give back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from events.identity import Role

Permission: TypeAlias = Literal[
    "catalog.read",
    "catalog.write",
    "slots.read",
    "holds.write",
    "bookings.book",
    "bookings.read",
    "bookings.manage",
    "standby.write",
    "rooms.read",
    "rooms.write",
    "rooms.run",
    "numbers.read",
    "tickets.join",
    "tickets.manage",
    "passes.check",
    "audit.read",
    "keys.manage",
    "webhooks.manage",
    "streams.read",
]
Standing: TypeAlias = Role | Literal["anonymous"]
"""A role, or that of whoever says nothing of themselves."""

PERMISSIONS: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        "catalog.read": "See resources, schedules and event types.",
        "catalog.write": "Put, link, retire and remove resources, schedules and event types.",
        "slots.read": "See when something is free, held or full, without whom it is for.",
        "holds.write": "Hold slots for a short while, keep one's own holds alive, and release them.",
        "bookings.book": "Book for oneself, and change or cancel what one has the management token of.",
        "bookings.read": "See the bookings of everybody, with whom they are for and what they answered.",
        "bookings.manage": "Confirm, decline, move, cancel and complete the bookings of everybody; block slots.",
        "standby.write": "Stand by for a full slot, take what is offered, and give the place up.",
        "rooms.read": "See the public state of waiting rooms, and how a ticket stands whose name one has.",
        "rooms.write": "Make waiting rooms, and change what they are set to.",
        "rooms.run": "Start, open, pause, resume, drain, draw and close waiting rooms.",
        "numbers.read": "See waiting rooms in numbers: how many joined, waited, came in and stayed away.",
        "tickets.join": "Stand in line; keep, claim, prolong and give up one's own ticket.",
        "tickets.manage": "Take the tickets of others out of the line, and revoke their passes.",
        "passes.check": "Have a pass checked, for a server that lets people in by it.",
        "audit.read": "Read the log: what happened, when and by whom, and whether it was altered.",
        "keys.manage": "Issue, rotate and revoke API keys, and say whose tokens are trusted.",
        "webhooks.manage": "Say where events are sent, see what was delivered, and send it again.",
        "streams.read": "Follow topics live, as far as one may see what they are about.",
    }
)
STANDINGS: Final[Mapping[Standing, str]] = MappingProxyType(
    {
        "anonymous": "Whoever says nothing of themselves: looks at what is public.",
        "session": "A visitor, by a key of their own: holds, books and stands in line for themselves.",
        "viewer": "Looks at everything an operator sees, and changes nothing.",
        "service": "A server of the organisation: does what visitors do, for them, and manages bookings and tickets.",
        "operator": "Runs the organisation: its catalog, its bookings and its waiting rooms.",
        "owner": "An operator who also says who may do what: keys, token issuers and webhooks.",
    }
)

_ANONYMOUS: Final = frozenset[Permission](("catalog.read", "slots.read", "rooms.read", "passes.check", "streams.read"))
_SESSION: Final = _ANONYMOUS | frozenset[Permission](("holds.write", "bookings.book", "standby.write", "tickets.join"))
_VIEWER: Final = _ANONYMOUS | frozenset[Permission](("bookings.read", "numbers.read", "audit.read"))
_SERVICE: Final = _SESSION | _VIEWER | frozenset[Permission](("bookings.manage", "tickets.manage"))
_OPERATOR: Final = _SERVICE | frozenset[Permission](("catalog.write", "rooms.write", "rooms.run"))
_OWNER: Final = _OPERATOR | frozenset[Permission](("keys.manage", "webhooks.manage"))

PERMITTED: Final[Mapping[Standing, frozenset[Permission]]] = MappingProxyType(
    {
        "anonymous": _ANONYMOUS,
        "session": _SESSION,
        "viewer": _VIEWER,
        "service": _SERVICE,
        "operator": _OPERATOR,
        "owner": _OWNER,
    }
)

assert set(PERMITTED) == set(STANDINGS)
assert frozenset(PERMISSIONS) == _OWNER, "an owner may do whatever there is to do, and nothing else is permitted"


def permitted(standing: Standing, scopes: Collection[str] = ()) -> frozenset[Permission]:
    """What whoever stands so may do; with scopes, only what these name, and what anybody may. A scope that has no
    meaning any more permits nothing."""
    if not scopes:
        return PERMITTED[standing]
    return _ANONYMOUS | frozenset(permission for permission in PERMITTED[standing] if permission in scopes)


def permission_named(text: str) -> Permission | None:
    return next((permission for permission in PERMISSIONS if permission == text), None)

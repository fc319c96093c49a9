"""A caller: who asks, for which organisation, and what they may do there."""

from __future__ import annotations

import msgspec

from events.permissions import Permission, Standing, permitted
from gateway.problems import Problem


class Caller(msgspec.Struct, frozen=True):
    """`by` is what the log says of who asked. Whoever shows a session has its `session` and the visitor's `key` to
    their tickets; a server may show one beside its own key, and acts for that visitor then."""

    org: str
    standing: Standing
    by: str
    permits: frozenset[Permission]
    session: str = ""
    key: str = ""

    def needs(self, permission: Permission) -> None:
        if permission in self.permits:
            return
        if self.standing == "anonymous":
            raise unauthenticated(f"this takes somebody who may {permission}")
        if permission in permitted(self.standing):
            raise Problem("not_permitted", f"this key has scopes, and {permission} is none of them")
        raise Problem("not_permitted", f"{self.standing} may not do this: it takes {permission}")

    def needs_session(self) -> str:
        if not self.session:
            raise unauthenticated("this is done for a visitor: show their session (POST /v1/{org}/sessions makes one)")
        return self.session

    @property
    def manages(self) -> bool:
        """Whether what they ask of a booking is asked by the organisation, and not by its booker."""
        return "bookings.manage" in self.permits


def nobody(org: str) -> Caller:
    return Caller(org, "anonymous", "anonymous", permitted("anonymous"))


def unauthenticated(detail: str, code: str = "unauthenticated") -> Problem:
    return Problem(code, detail, headers={"WWW-Authenticate": 'Bearer realm="tidegate"'})

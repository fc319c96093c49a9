"""Sessions: how somebody who says nothing of themselves is known again."""

from __future__ import annotations

from secrets import token_bytes

import msgspec

from events.clock import iso
from events.waiting.sessions import session_of
from gateway.calls import Call
from gateway.identity.sessions import SESSION_BYTES


class SessionBegun(msgspec.Struct, frozen=True):
    """`session` is its name, which opens nothing; `token` is what to show. `visitor` is by whom its places are, as
    passes say it, and whom proof of work is done for."""

    session: str
    visitor: str
    token: str
    expires_at: str


def begin(call: Call) -> SessionBegun:
    """Another one each time for those who say nothing of themselves: by an idempotency key that two of them chose, one
    would be the other. A server that asks again under its own key has the same one."""
    sessions, nobody = call.edge.sessions, call.caller.standing == "anonymous"
    drawn = token_bytes(SESSION_BYTES) if nobody else call.drawn("session", SESSION_BYTES)
    session = sessions.new(call.org, drawn, call.edge.clock())
    visitor = session_of(sessions.visitor_key(call.org, session.id))
    return SessionBegun(session.id, visitor, sessions.token(session), iso(session.expires_at))

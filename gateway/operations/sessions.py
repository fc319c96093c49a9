"""Sessions: how somebody who says nothing of themselves is known again."""

from __future__ import annotations

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
    sessions = call.edge.sessions
    session = sessions.new(call.org, call.drawn("session", SESSION_BYTES), call.edge.clock())
    visitor = session_of(sessions.visitor_key(call.org, session.id))
    return SessionBegun(session.id, visitor, sessions.token(session), iso(session.expires_at))

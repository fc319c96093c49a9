"""Who a request is from, by what it shows: an API key, a session that we signed, or a token of a trusted issuer.

    Authorization: Bearer tg.…      an API key
    Authorization: Bearer ts.…      a visitor's session; a cookie does as well
    Authorization: Bearer eyJ…      a JSON Web Token of an issuer that the organisation trusts
    Tidegate-Session: ts.…          beside one of the others: the visitor for whom a server acts

What is shown and does not hold is refused. It is never taken for nothing: a client that thinks it is somebody must not
be answered as nobody.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from events.clock import Clock
from events.permissions import permitted
from gateway.identity.callers import Caller, nobody, unauthenticated
from gateway.identity.sessions import PREFIX, Session, Sessions
from gateway.limits import TOKEN_CHARACTERS_MAX
from gateway.problems import Problem

COOKIE: Final = "tidegate_session"
_SCHEME: Final = "bearer "


class Shown(msgspec.Struct, frozen=True):
    """What a request shows of who it is from."""

    bearer: str = ""
    session: str = ""
    """In a header of its own."""
    cookie: str = ""


class Register(Protocol):
    """Knows the callers whom an organisation has named."""

    async def caller(self, org: str, bearer: str) -> Caller: ...


class Bearers:
    def __init__(self, sessions: Sessions, register: Register, clock: Clock) -> None:
        self._sessions: Final = sessions
        self._register: Final = register
        self._clock: Final = clock

    async def caller(self, org: str, shown: Shown) -> Caller:
        bearer, beside = shown.bearer, shown.session
        if len(bearer) + len(beside) + len(shown.cookie) > TOKEN_CHARACTERS_MAX:
            raise unauthenticated(f"a token has at most {TOKEN_CHARACTERS_MAX} characters", "bad_token")
        if bearer.startswith(PREFIX) or not bearer:
            if bearer and beside:
                raise unauthenticated("two sessions were shown: show one", "bad_token")
            token = bearer or beside or shown.cookie
            return self._visitor(self._session(org, token)) if token else nobody(org)
        caller = await self._register.caller(org, bearer)
        if not beside:
            return caller
        session = self._session(org, beside)
        key = self._sessions.visitor_key(org, session.id)
        return msgspec.structs.replace(caller, session=session.id, key=key)

    def _session(self, org: str, token: str) -> Session:
        session = self._sessions.read(token)
        if session is None:
            raise unauthenticated("this is no session of ours", "bad_token")
        if session.expires_at <= self._clock():
            raise unauthenticated("the session has ended: begin another one", "token_expired")
        if session.org != org:
            raise Problem("foreign_organisation", "the session is one of another organisation")
        return session

    def _visitor(self, session: Session) -> Caller:
        return Caller(
            session.org, "session", f"session:{session.id}", permitted("session"), session.id,
            self._sessions.visitor_key(session.org, session.id),
        )  # fmt: skip


def bearer_of(authorization: str) -> str:
    """The token in an `Authorization` header; another scheme is refused."""
    if not authorization:
        return ""
    token = authorization[len(_SCHEME) :].strip()
    if not token or not authorization.lower().startswith(_SCHEME):
        raise unauthenticated("the Authorization header takes a bearer token", "bad_token")
    return token


def cookie_of(header: str, name: str) -> str:
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""

"""Who a request is from, by what it shows: an API key, a session that we signed, or a token of a trusted issuer.

    Authorization: Bearer tg.…      an API key
    Authorization: Bearer ts.…      a visitor's session; a cookie does as well
    Authorization: Bearer eyJ…      a JSON Web Token of an issuer that the organisation trusts
    Tidegate-Session: ts.…          beside one of the others: the visitor for whom a server acts

What is shown and does not hold is refused. It is never taken for nothing: a client that thinks it is somebody must not
be answered as nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from events.clock import Clock
from events.permissions import permitted
from gateway.identity.callers import Caller, nobody, unauthenticated
from gateway.identity.sessions import PREFIX, Session, Sessions
from gateway.limits import SESSION_TOKEN_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX, VISITORS_KEPT_MAX, WITHIN_MS
from gateway.problems import Problem

COOKIE: Final = "tidegate_session"
_SCHEME: Final = "bearer "


class Shown(msgspec.Struct, frozen=True):
    """What a request shows of who it is from."""

    bearer: str = ""
    session: str = ""
    """In a header of its own."""
    cookie: str = ""


class _Visitor(msgspec.Struct, frozen=True):
    session: Session
    caller: Caller


class Register(Protocol):
    """Knows the callers whom an organisation has named."""

    async def caller(self, org: str, bearer: str) -> Caller: ...


class Bearers:
    def __init__(self, sessions: Sessions, register: Register, clock: Clock) -> None:
        self._sessions: Final = sessions
        self._register: Final = register
        self._clock: Final = clock
        self._visitor: Final[Callable[[str], _Visitor]] = lru_cache(VISITORS_KEPT_MAX)(self._read)
        """Whose token that is. A visitor asks for several things, and their token is checked for the first one."""

    async def caller(self, org: str, shown: Shown, within_ms: int = WITHIN_MS) -> Caller:
        """Found out within that time, if somebody else has to be asked."""
        bearer, beside = shown.bearer, shown.session
        if len(bearer) + len(beside) + len(shown.cookie) > TOKEN_CHARACTERS_MAX:
            raise unauthenticated(f"a token has at most {TOKEN_CHARACTERS_MAX} characters", "bad_token")
        if bearer.startswith(PREFIX) or not bearer:
            if bearer and beside:
                raise unauthenticated("two sessions were shown: show one", "bad_token")
            token = bearer or beside or shown.cookie
            return self._session(org, token).caller if token else nobody(org)
        try:
            async with asyncio.timeout(within_ms / 1000):
                caller = await self._register.caller(org, bearer)
        except TimeoutError as error:
            raise Problem("deadline_passed", "who asks could not be told in the time that was given", "late") from error
        if not beside:
            return caller
        visitor = self._session(org, beside).caller
        return msgspec.structs.replace(caller, session=visitor.session, key=visitor.key)

    def _session(self, org: str, token: str) -> _Visitor:
        if len(token) > SESSION_TOKEN_CHARACTERS_MAX:
            raise _not_ours()
        visitor = self._visitor(token)
        if visitor.session.expires_at <= self._clock():
            raise unauthenticated("the session has ended: begin another one", "token_expired")
        if visitor.session.org != org:
            raise Problem("foreign_organisation", "the session is one of another organisation")
        return visitor

    def _read(self, token: str) -> _Visitor:
        session = self._sessions.read(token)
        if session is None:
            raise _not_ours()  # and nothing is kept in mind of it
        key = self._sessions.visitor_key(session.org, session.id)
        by = f"session:{session.id}"
        return _Visitor(session, Caller(session.org, "session", by, permitted("session"), session.id, key))


def _not_ours() -> Problem:
    return unauthenticated("this is no session of ours", "bad_token")


def bearer_of(authorization: str) -> str:
    """The token in an `Authorization` header; another scheme is refused."""
    if not authorization:
        return ""
    token = authorization[len(_SCHEME) :].strip()
    if not token or not authorization.lower().startswith(_SCHEME):
        raise unauthenticated("the Authorization header takes a bearer token", "bad_token")
    return token


def cookie_of(header: str, name: str) -> str:
    if not header:
        return ""
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""

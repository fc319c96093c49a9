"""Tokens of issuers elsewhere: JSON Web Tokens that somebody signed whom the organisation trusts, such as its own
sign-in.

What a token says is only compared with what the organisation said of its issuer: `iss` finds the record, character by
character; `aud` has to name the record's audience, among others perhaps; and the algorithm has to be one of the
record's, each of which is a signature by a private key. So neither `none` nor a MAC with a public key for its secret is
ever tried, and keys that come along in a token are not looked at. Which key it is, `kid` says.

PyJWT checks the signature. Its claims are checked here, since PyJWT would look at the machine's clock, and we are told
what time it is. `exp` has to be there; `nbf` and `iat`, where they are, must not lie in the future. The issuer's clock
may differ from ours by a minute.

Of two records with one issuer, a token that is meant for both audiences is taken for the first, by their ids. Where an
issuer's keys are, its record says, or the issuer itself (`discovery`); a token never does.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Any, Final, NamedTuple

import msgspec
from jwt import PyJWS, PyJWTError

from events.access import ALGORITHMS, Algorithm, Issuer
from events.clock import Clock, Instant
from events.identity import Role
from gateway.identity.callers import unauthenticated
from gateway.identity.discovery import KeySource
from gateway.identity.fetching import Fetch
from gateway.identity.key_sets import KeySets
from gateway.limits import CLOCK_SKEW_S, SUBJECT_CHARACTERS_MAX
from gateway.problems import Problem
from projections.questions import AccessAnswer

SKEW_MS: Final = CLOCK_SKEW_S * 1_000
KINDS: Final = frozenset({"", "jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""What a token may call itself. Other kinds have an issuer and an audience too: those that end a session, say."""

_SHAPE: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+", re.ASCII)
_JWS: Final = PyJWS(algorithms=list(ALGORITHMS))


class Person(NamedTuple):
    """Whom a token is about: what its issuer is called here, who they are there, and what that makes of them."""

    issuer: str
    subject: str
    role: Role


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str = ""
    typ: str = ""
    crit: Any = msgspec.UNSET
    """What must not be passed over; and we would have to."""


class _Meant(msgspec.Struct, frozen=True):
    """By whom and for whom a token says that it is, before anybody has looked whether that is true."""

    iss: str
    aud: str | tuple[str, ...]


class Issuers:
    def __init__(self, clock: Clock, fetch: Fetch) -> None:
        self._clock: Final = clock
        self._keys: Final = KeySets(fetch)

    async def person(self, token: str, access: AccessAnswer) -> Person:
        """Whom the token is about; or a `Problem`."""
        parts = _SHAPE.fullmatch(token)
        if parts is None:
            raise _bad("this is no JSON Web Token")
        header = _read(parts[1], _Header)
        issuer = _issuer_of(_read(parts[2], _Meant), access)
        algorithm = _algorithm_of(header, issuer)
        public = await self._keys.find(KeySource.of(issuer), header.kid, algorithm)
        if public is None:
            raise _bad(f"the issuer {issuer.id} has no such key for {algorithm}")
        try:
            _JWS.decode(token, public, algorithms=[algorithm])
        except (PyJWTError, RecursionError) as error:
            raise _bad(f"the token is not signed by the key of {issuer.id} that it names") from error
        return _person(_read(parts[2], dict[str, Any]), issuer, self._clock())


def _read(part: str, what: type[Any]) -> Any:
    try:
        return msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=what)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _bad("this is no JSON Web Token") from error


def _issuer_of(meant: _Meant, access: AccessAnswer) -> Issuer:
    audiences = (meant.aud,) if isinstance(meant.aud, str) else meant.aud
    named = [issuer for issuer in access.issuers if issuer.url == meant.iss]
    if not named:
        raise _bad("the token is of an issuer that is not trusted here")
    issuer = next((issuer for issuer in named if issuer.audience in audiences), None)
    if issuer is None:
        raise _bad("the token is meant for somebody else: its audience is another")
    return issuer


def _algorithm_of(header: _Header, issuer: Issuer) -> Algorithm:
    if header.crit is not msgspec.UNSET or header.typ.lower() not in KINDS:
        raise _bad("this is a token of another kind")
    algorithm = next((algorithm for algorithm in issuer.algorithms if algorithm == header.alg), None)
    if algorithm is None:
        raise _bad(f"tokens of {issuer.id} are signed by {', '.join(issuer.algorithms)}")
    return algorithm


def _person(claims: dict[str, Any], issuer: Issuer, now: Instant) -> Person:
    """Of a token that the issuer has signed."""
    ends = _time(claims, "exp")
    if ends is None:
        raise _bad("the token does not say when it ends")
    if now >= ends + SKEW_MS:
        raise unauthenticated("the token has ended: sign in again", "token_expired")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and now < begins - SKEW_MS:
            raise _bad(f"the token begins later: its {name} is in the future")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        raise _bad(f"the token says whom it is about in `sub`, in 1 to {SUBJECT_CHARACTERS_MAX} characters")
    role = issuer.role_of(claims)
    if role is None:
        raise Problem("not_permitted", f"{issuer.id} knows who this is, and gives them no role here")
    return Person(issuer.id, subject, role)


def _time(claims: dict[str, Any], name: str) -> float | None:
    """In milliseconds."""
    seconds = claims.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _bad(f"the token's {name} is no time")
    return seconds * 1_000


def _bad(detail: str) -> Problem:
    return unauthenticated(detail, "bad_token")

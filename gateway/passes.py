"""Passes: what a visitor shows to get in, and what anybody can check who knows our public keys.

The room decides who is in (`events.room`): it gives a seat through an instant. The pass says so to others, as a JSON
Web Token that is signed with Ed25519. The seat and the pass have one id, that of the ticket, and end together: a pass
that is prolonged is the same pass, signed anew.

    iss   tidegate/<org>
    aud   <org>/<room>, which room of whom it opens: whoever checks a pass has to ask for theirs, since the same keys
          sign for all rooms of all organisations. What else they may sign one day has an audience of another form
    sub   the session, which is the hash of the visitor's key
    jti   the ticket, launch.3.4711
    room  the room's name, for those who read
    iat   when it was given
    exp   when it is over

**A pass never outlives its seat.** Tokens count whole seconds and seats milliseconds: so `exp` is rounded down, and a
pass may end up to a second before its seat. It is over *at* that second. There is no leeway either: the seat is given
to the next visitor at its end, and a second of leeway would be a second with one too many inside.

There is no `nbf`, and `iat` opens nothing: a pass is good from the moment it is signed, and a gateway whose clock is a
little behind would turn away somebody who was just let in.

The one algorithm is pinned: what a token says of its own algorithm is only ever compared. PyJWT checks the signature;
its claims are checked here, since PyJWT would look at the machine's clock, and we are told what time it is.

What was signed by us and reads otherwise than we write is refused too: claims are read, and have to be what `sign`
would have written for such a pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from jwt import PyJWS, PyJWTError

from events.clock import Instant, iso
from events.codec import canonical, read_back
from events.errors import TidegateError
from events.names import is_identifier
from events.waiting.sessions import is_session, ticket_of
from gateway.keys import ALGORITHM, LIFE_MAX_S, Keys, PublicKeys, SigningKey

TOKEN_CHARACTERS_MAX: Final = 1_024
"""The longest names make 801; what is longer isn't looked at."""

_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""PyJWT takes padded parts as well; a pass has one spelling."""
_ISSUER: Final = "tidegate/"
_JWS: Final = PyJWS(algorithms=[ALGORITHM])


class BadPass(TidegateError):
    """Base of the ways in which a pass does not open the door. None of them repeats the pass: who has it is in."""

    code = "bad_pass"


class PassMalformed(BadPass):
    code = "pass_malformed"
    next_step = "send the pass as it was given out, whole and unchanged"


class PassForged(BadPass):
    """Changed, or signed by somebody else, or by a key that we have taken away."""

    code = "pass_forged"
    next_step = "go back to the waiting room for a pass; if you check passes yourself, fetch the public keys again"


class PassExpired(BadPass):
    code = "pass_expired"
    next_step = "go back to the waiting room; who is active there is given the pass anew before it ends"


class PassOfAnotherRoom(BadPass):
    """Of another organisation, or of another room of this one."""

    code = "pass_of_another_room"
    next_step = "go to the waiting room of what you want to enter"


class PassOfAnotherSession(BadPass):
    code = "pass_of_another_session"
    next_step = "use the browser that stood in line: a pass cannot be handed on"


class Pass(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A seat, as it is told to others. As it is read from a token its times are whole seconds."""

    id: str
    org: str
    room: str
    session: str
    issued_at: Instant
    expires_at: Instant


class _Claims(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    iss: str
    aud: str
    sub: str
    jti: str
    room: str
    iat: int
    exp: int


def sign(pass_: Pass, key: SigningKey) -> str:
    """The token. `ValueError` when there can be no such pass."""
    return _JWS.encode(canonical(_claims_of(pass_)), key.private, ALGORITHM, headers={"kid": key.kid})


def pass_of_seat(org: str, seat: Mapping[str, Any], keys: Keys, at: Instant) -> str:
    """The pass that says to others what a room says of a seat. It was not given before its seat, whatever this
    machine's clock shows."""
    since, until = seat["since"], seat["until"]
    pass_ = Pass(
        id=seat["ticket"],
        org=org,
        room=seat["room"],
        session=seat["session"],
        issued_at=min(max(at, since), until),
        expires_at=until,
    )
    return sign(pass_, keys.signing(at))


def verify_pass(token: str, keys: PublicKeys, *, org: str, room: str, session: str | None = None, at: Instant) -> Pass:
    """The pass, if it opens this room at this instant, to that session if one is named; else some `BadPass`.

    Whether it was revoked is not in it: the room knows.
    """
    found = _read(token, keys)
    if (found.org, found.room) != (org, room):
        raise PassOfAnotherRoom(f"the pass is for {found.org}/{found.room}, this is {org}/{room}")
    if session is not None and found.session != session:
        raise PassOfAnotherSession(f"the pass {found.id} was given to another session")
    if at >= found.expires_at:
        raise PassExpired(f"the pass {found.id} ended at {iso(found.expires_at)}")
    return found


def _read(token: str, keys: PublicKeys) -> Pass:
    """What was signed by one of the keys, whoever it is for, and ended or not."""
    if len(token) > TOKEN_CHARACTERS_MAX or _SHAPE.fullmatch(token) is None:
        raise PassMalformed("this is not a pass")
    try:
        kid = _JWS.get_unverified_header(token).get("kid", "")
    except PyJWTError as error:
        raise PassMalformed("this is not a pass") from error
    key = keys.get(kid)
    if key is None:
        raise PassForged("the pass is not signed by a key of ours")
    try:
        signed = _JWS.decode(token, key, algorithms=[ALGORITHM])
    except PyJWTError as error:
        raise PassForged("the pass is not signed by the key that it names") from error
    try:
        return _pass_of(read_back(signed, _Claims))
    except (msgspec.DecodeError, ValueError) as error:
        raise PassMalformed("this is signed by us, but no pass") from error


def _claims_of(pass_: Pass) -> _Claims:
    ticket = ticket_of(pass_.id)
    if ticket is None or ticket.room != pass_.room or not is_identifier(pass_.org) or not is_session(pass_.session):
        raise ValueError(f"there is no pass {pass_.id!r} for {pass_.session!r} to {pass_.org!r}/{pass_.room!r}")
    if not 0 <= pass_.issued_at <= pass_.expires_at <= pass_.issued_at + LIFE_MAX_S * 1_000:
        raise ValueError(f"there is no pass from {pass_.issued_at} to {pass_.expires_at}")
    return _Claims(
        iss=_ISSUER + pass_.org,
        aud=f"{pass_.org}/{pass_.room}",
        sub=pass_.session,
        jti=pass_.id,
        room=pass_.room,
        iat=pass_.issued_at // 1_000,
        exp=pass_.expires_at // 1_000,
    )


def _pass_of(claims: _Claims) -> Pass:
    """The pass that has these claims; `ValueError` when none has."""
    found = Pass(
        id=claims.jti,
        org=claims.iss.removeprefix(_ISSUER),
        room=claims.room,
        session=claims.sub,
        issued_at=claims.iat * 1_000,
        expires_at=claims.exp * 1_000,
    )
    if _claims_of(found) != claims:
        raise ValueError("these claims contradict each other")
    return found

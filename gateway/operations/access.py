"""Who may ask: API keys, and the issuers elsewhere whose tokens are good, for those who manage them.

A key's text is told when it is issued and when it is rotated, and never again. It follows from the request's
Idempotency-Key where there is one: so whoever lost the answer gets the same key by asking again.

Nobody gives away more than they have: a key that was narrowed to managing keys cannot make itself an owner by issuing
one, by rotating one, or by trusting an issuer that says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from actors.access import IssueKey, KeyLine, ListIssuers, ListKeys, PutIssuer, RemoveIssuer, RevokeKey, RotateKey
from actors.decider import Command
from events.access import Algorithm, Issuer, access_actor
from events.calendar.moments import moment_of
from events.clock import Instant, iso
from events.identity import SECRET_BYTES, ApiKeyParts, Role, api_key
from events.names import is_identifier
from events.permissions import Permission, permitted
from gateway.calls import Call
from gateway.limits import PAGE_ROWS, PAGE_ROWS_MAX
from gateway.problems import Problem
from projections.questions import AccessOf

OVERLAP_S: Final = 86_400
KeyRole: TypeAlias = Literal["owner", "operator", "service", "viewer"]
Scopes: TypeAlias = Annotated[tuple[Permission, ...], Meta(max_length=64)]
Id: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class KeyWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scopes` are permissions, and narrow what the role permits. Without an `id` it gets one."""

    role: KeyRole
    name: Annotated[str, Meta(examples=["The shop's server"])] = ""
    """For people."""
    scopes: Scopes = ()
    expires_at: Annotated[str, Meta(description="An instant with its offset.", max_length=40)] | None = None
    id: Id | None = None


class KeyRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long the one before is good as well."""

    overlap_s: int = OVERLAP_S
    """In seconds."""


class KeyShown(msgspec.Struct, frozen=True):
    """`old_until` is through when the secret before the last rotation is good as well."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    """Nothing, where it has all that its role permits."""
    state: Literal["good", "expired"]
    issued_at: str
    expires_at: str | None
    old_until: str | None


class KeyTold(KeyShown, frozen=True):
    """`key` is shown this once: only its hash is kept."""

    key: str


class KeyOver(msgspec.Struct, frozen=True):
    """A key that opens nothing any more."""

    id: str
    state: Literal["revoked", "expired"]
    ended_at: str


class Keys(msgspec.Struct, frozen=True):
    """Without a `cursor` it is the last page."""

    keys: tuple[KeyShown, ...]
    ended: tuple[KeyOver, ...]
    cursor: str


class Ended(msgspec.Struct, frozen=True):
    """A key that was revoked, or an issuer that is trusted no longer."""

    id: str


class IssuerWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` is what its tokens say in `iss`, character by character, `audience` what they have to name in `aud`.
    `jwks_url` is where its public keys are; left out, they are where its discovery document says, which stands at
    `<url>/.well-known/openid-configuration`. `roles_claim` are the names, from the outside in, behind which roles stand
    in a token; `roles` says which role each value gives that may stand there, `default_role` that of those who have
    none of them: without one, they don't come in."""

    url: Annotated[str, Meta(examples=["https://login.example.com"])]
    audience: Annotated[str, Meta(examples=["tidegate"])]
    jwks_url: Annotated[str, Meta(examples=["https://login.example.com/jwks"])] = ""
    roles_claim: Annotated[tuple[str, ...], Meta(examples=[["realm_access", "roles"]])] = ("roles",)
    roles: Annotated[dict[str, Role], Meta(examples=[{"desk": "operator"}])] = {}
    default_role: Role | None = None
    algorithms: tuple[Algorithm, ...] = ("RS256",)


# Keys


async def issue(call: Call, wanted: KeyWanted) -> KeyTold:
    _no_more_than(call, permitted(wanted.role, wanted.scopes))
    expires_at = None if wanted.expires_at is None else moment_of(wanted.expires_at, "UTC")
    key = _drawn(call, wanted.id or call.name("key"))
    command = IssueKey(key.id, key.hash, wanted.role, wanted.name, wanted.scopes, expires_at)
    return _told(await _ask(call, command), key, call.edge.clock())


async def rotate(call: Call, id: str, wanted: KeyRotation) -> KeyTold:
    known = next((line for line in (await _lines(call, ListKeys()))[0] if line.id == id), None)
    if known is not None:
        _no_more_than(call, permitted(known.role, known.scopes))
    key = _drawn(call, id if is_identifier(id) else "unknown")
    return _told(await _ask(call, RotateKey(id, key.hash, wanted.overlap_s)), key, call.edge.clock())


async def revoke(call: Call, id: str) -> Ended:
    """It is refused everywhere when this is answered, or a moment later where nobody could be told."""
    await _ask(call, RevokeKey(id))
    return Ended(id)


async def keys(call: Call, *, ended: bool = False, cursor: str = "", limit: int = PAGE_ROWS) -> Keys:
    """By their ids; those that are over only when asked for."""
    limit = min(limit, PAGE_ROWS_MAX)
    now = call.edge.clock()
    lines, over = await _lines(call, ListKeys(ended, cursor, limit))
    ids = sorted([*(line.id for line in lines), *over])
    return Keys(
        tuple(KeyShown(**_fields(line, now)) for line in lines),
        tuple(KeyOver(id, why, iso(at)) for id, (at, why) in over.items()),
        ids[-1] if len(ids) == limit else "",
    )


async def _lines(call: Call, asked: ListKeys) -> tuple[list[KeyLine], dict[str, tuple[Instant, Any]]]:
    reply = (await call.hear(access_actor(call.org), asked)).reply
    return msgspec.convert(reply["keys"], list[KeyLine]), reply["ended"]


def _drawn(call: Call, id: str) -> ApiKeyParts:
    return api_key(call.org, id, call.drawn("key-secret", SECRET_BYTES))


def _told(reply: Any, key: ApiKeyParts, now: Instant) -> KeyTold:
    return KeyTold(**_fields(msgspec.convert(reply, KeyLine), now), key=key.text)


def _fields(line: KeyLine, now: Instant) -> dict[str, Any]:
    over = line.expires_at is not None and line.expires_at < now
    return {
        "id": line.id,
        "name": line.name,
        "role": line.role,
        "scopes": line.scopes,
        "state": "expired" if over else "good",
        "issued_at": iso(line.issued_at),
        "expires_at": None if line.expires_at is None else iso(line.expires_at),
        "old_until": iso(line.old_until) if line.old_until else None,
    }


# Issuers


async def put_issuer(call: Call, id: str, wanted: IssuerWanted) -> Issuer:
    roles = {*wanted.roles.values(), *([wanted.default_role] if wanted.default_role else [])}
    for role in roles:
        _no_more_than(call, permitted(role))
    command = PutIssuer(
        id, wanted.url, wanted.audience, wanted.jwks_url, wanted.roles_claim, dict(wanted.roles),
        wanted.default_role or "", wanted.algorithms,
    )  # fmt: skip
    return msgspec.convert(await _ask(call, command), Issuer)


async def issuers(call: Call) -> tuple[Issuer, ...]:
    reply = (await call.hear(access_actor(call.org), ListIssuers())).reply
    return msgspec.convert(reply["issuers"], tuple[Issuer, ...])


async def issuer(call: Call, id: str) -> Issuer:
    found = next((one for one in await issuers(call) if one.id == id), None)
    if found is None:
        raise Problem("unknown_issuer", f"there is no issuer {id[:64]!r}")
    return found


async def remove_issuer(call: Call, id: str) -> Ended:
    await _ask(call, RemoveIssuer(id))
    return Ended(id)


def _no_more_than(call: Call, permissions: Iterable[Permission]) -> None:
    call.caller.needs("keys.manage")
    more = sorted(set(permissions) - call.caller.permits)
    if more:
        raise Problem("not_permitted", f"nobody gives more than they may do themselves: {', '.join(more)}")


async def _ask(call: Call, command: Command) -> Any:
    """Have it done, and wait until gateways are told: whoever is answered may go and show their key."""
    reply = (await call.ask(access_actor(call.org), command)).reply
    with suppress(Problem):  # it is done; they look every two seconds in any case
        await call.look(AccessOf(org=call.org))
    return reply

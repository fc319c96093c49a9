"""The facts of who may ask an organisation's gateway, and what they say together: API keys, and whose tokens are good.

No secret is here: of a key the log has the SHA-256 of its secret (`events.identity`), of a token issuer where its
public keys are to be found. Whoever decides on access and whoever checks a request fold the facts by the same
`take_in`.

An id that a key once had is never another key's. So the ids of keys that have ended are remembered for good; how many
keys an organisation can ever have issued is bounded by whoever issues them (`AccessPolicy.key_ids_max`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, Final, Literal, TypeAlias

import msgspec

from events.clock import Instant
from events.facts import Fact, FactSet
from events.identity import ROLES, Hash, Role

Algorithm: TypeAlias = Literal["RS256", "ES256", "EdDSA", "PS256"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "ES256", "EdDSA", "PS256")
"""All that a token may be signed with: signatures by a private key that the issuer alone has."""


class Issuer(msgspec.Struct, frozen=True):
    """Somebody whose tokens are good here, and what they make of their bearer."""

    id: str
    url: str
    """What a token says in `iss`, character by character."""
    audience: str
    """What a token must say in `aud`: others of the same issuer are meant for somebody else."""
    jwks_url: str = ""
    """Where its public keys are. Empty: where the issuer says so itself, in its discovery document."""
    roles_claim: tuple[str, ...] = ("roles",)
    """Where in a token its bearer's roles stand: names, from the outside in, as in `realm_access`, `roles`."""
    roles: dict[str, Role] = {}
    """Which role each value gives that may stand there."""
    default_role: Role | None = None
    """Of whoever has none of those; nobody else comes in, without one."""
    algorithms: tuple[Algorithm, ...] = ("RS256",)
    """What its tokens may be signed with."""

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """The strongest role that the claims of a good token give, or the default."""
        found: Any = claims
        for name in self.roles_claim:
            found = found.get(name) if isinstance(found, Mapping) else None
        values = found if isinstance(found, list) else [found]
        given = {self.roles[value] for value in values if isinstance(value, str) and value in self.roles}
        return next((role for role in ROLES if role in given), self.default_role)


class ApiKeyIssued(Fact, frozen=True):
    """Whoever has the secret of this hash may act in the role. `scopes` are names of permissions, as they were called
    then, and narrow what the role permits; none of them leaves it all. It is good through `expires_at`."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    hash: Hash
    expires_at: Instant | None


class ApiKeyRotated(Fact, frozen=True):
    """The key has another secret. The one before is good through `until`; any before that is over."""

    id: str
    hash: Hash
    until: Instant


class ApiKeyRevoked(Fact, frozen=True):
    """The key opens nothing from here on, with whatever secret; its id stays taken."""

    id: str


class IssuerPut(Fact, frozen=True):
    """The issuer is as said from here on, whether it was there before or not."""

    issuer: Issuer


class IssuerRemoved(Fact, frozen=True):
    """Its tokens are good for nothing from here on."""

    id: str


AccessFact: TypeAlias = ApiKeyIssued | ApiKeyRotated | ApiKeyRevoked | IssuerPut | IssuerRemoved
FACTS = FactSet[AccessFact]((ApiKeyIssued, ApiKeyRotated, ApiKeyRevoked, IssuerPut, IssuerRemoved))


class ApiKey(msgspec.Struct, frozen=True):
    """A key that was issued and not revoked."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    hash: Hash
    expires_at: Instant | None
    issued_at: Instant
    old_hash: Hash = ""
    """Of the secret before the last rotation."""
    old_until: Instant = 0
    """Through when that one is good, too."""

    def expired(self, at: Instant) -> bool:
        return self.expires_at is not None and self.expires_at < at

    def opened_by(self, shown: Hash, at: Instant) -> bool:
        """Whether the secret of the hash that is shown is good at that instant. How long the answer takes says nothing
        of the key's own."""
        current, old = compare_digest(shown, self.hash), compare_digest(shown, self.old_hash)
        return not self.expired(at) and (current or (old and at <= self.old_until))


class Ended(msgspec.Struct, frozen=True, array_like=True):
    """When a key was over, and why."""

    at: Instant
    why: Literal["revoked", "expired"]


class Access(msgspec.Struct):
    """What the facts say together."""

    keys: dict[str, ApiKey] = {}
    ended: dict[str, Ended] = {}
    """Keys that are over, by their ids. One that expired comes here when the next is issued: nobody has to be woken
    for it, and until then it is not good either."""
    issuers: dict[str, Issuer] = {}


def take_in(access: Access, fact: AccessFact, at: Instant) -> Access:
    """Change what is known as the fact says, which was decided at that instant."""
    match fact:
        case ApiKeyIssued(id, name, role, scopes, hash, expires_at):
            over = {key.id: end for key in access.keys.values() if (end := key.expires_at) is not None and end < at}
            for known, end in over.items():
                del access.keys[known]
                access.ended[known] = Ended(end, "expired")
            access.keys[id] = ApiKey(id, name, role, scopes, hash, expires_at, at)
        case ApiKeyRotated(id, hash, until):
            key = access.keys[id]
            access.keys[id] = msgspec.structs.replace(key, hash=hash, old_hash=key.hash, old_until=until)
        case ApiKeyRevoked(id):
            del access.keys[id]
            access.ended[id] = Ended(at, "revoked")
        case IssuerPut(issuer):
            access.issuers[issuer.id] = issuer
        case IssuerRemoved(id):
            del access.issuers[id]
    return access


def access_actor(org: str) -> str:
    return f"{org}.access"

"""What the access of an organisation can be asked to do, and how keys are shown.

A secret is drawn by whoever asks, and only its hash comes here: neither a command nor an answer opens anything.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from actors.decider import Command
from events.access import ApiKey
from events.clock import Instant
from events.identity import Hash, Role

Most: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""At most so many of a list; all, when 0."""


class KeyLine(msgspec.Struct, frozen=True):
    """A key as it is shown: all but its hashes. `old_until` is through when the secret before the last rotation is
    good, too; 0 for one that was never rotated."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    expires_at: Instant | None
    issued_at: Instant
    old_until: Instant

    @classmethod
    def of(cls, key: ApiKey) -> KeyLine:
        return cls(key.id, key.name, key.role, key.scopes, key.expires_at, key.issued_at, key.old_until)


class IssueKey(Command, frozen=True):
    """Let whoever has the secret of this hash act in a role. The same again changes nothing and is accepted."""

    id: str
    hash: Hash
    role: str
    name: str = ""
    """The id, unless said."""
    scopes: tuple[str, ...] = ()
    """Permissions that narrow what the role permits; all of it, without any."""
    expires_at: Instant | None = None


class RotateKey(Command, frozen=True):
    """Give a key another secret. The one that it had is good for a while longer, and any before that no more."""

    id: str
    hash: Hash
    overlap_s: int = 86_400


class RevokeKey(Command, frozen=True):
    """Let a key open nothing any more. Revoking what is over already is accepted."""

    id: str


class ListKeys(Command, frozen=True):
    """Which keys are there? Ordered by id; those that are over only when asked for."""

    ended: bool = False
    after: str = ""
    """Only ids behind this one: the last of the page before."""
    most: Most = 0


class PutIssuer(Command, frozen=True):
    """Trust the tokens of an issuer, or change all that is said of it. The same again changes nothing."""

    id: str
    url: str
    audience: str
    jwks_url: str = ""
    """Where its public keys are; where its discovery document says, if empty."""
    roles_claim: tuple[str, ...] = ("roles",)
    roles: dict[str, str] = msgspec.field(default_factory=dict)
    default_role: str = ""
    """Of those whose tokens say none of the `roles`; nobody else comes in, without one."""
    algorithms: tuple[str, ...] = ("RS256",)


class RemoveIssuer(Command, frozen=True):
    """Trust the tokens of an issuer no longer."""

    id: str


class ListIssuers(Command, frozen=True):
    """Whose tokens are trusted? Ordered by id."""


AccessCommand: TypeAlias = IssueKey | RotateKey | RevokeKey | ListKeys | PutIssuer | RemoveIssuer | ListIssuers
COMMANDS: tuple[type[AccessCommand], ...] = (
    IssueKey,
    RotateKey,
    RevokeKey,
    ListKeys,
    PutIssuer,
    RemoveIssuer,
    ListIssuers,
)

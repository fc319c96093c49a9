"""Who may ask each organisation, by the same fold that its judge uses: what gateways check keys and tokens by.

Gateways are told what changed, so that a key that was revoked is refused everywhere within a moment, and ask for the
whole of it: it is small. When it was told at which sequence stands in the answer, as with every topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, assert_never

import msgspec

from events.access import (
    Access,
    AccessFact,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    IssuerPut,
    IssuerRemoved,
    take_in,
)
from events.codec import canonical
from events.commit import Commit
from events.log import Recorded
from events.names import kind_of, org_of
from projections.folding import Change, Delta


class AccessChanged(Delta, frozen=True, tag="access"):
    """Topic `access`: these keys and issuers are to be asked for anew, by their ids. No visitor's topic."""

    keys: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()


class _Kept(msgspec.Struct):
    access: Access = msgspec.field(default_factory=Access)
    sequence: int = 0


_SAVED: Final = msgspec.json.Decoder(dict[str, _Kept])


class Accesses:
    """A projection."""

    name = "accesses"
    version = 1

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, org: str) -> Access:
        """An organisation that nobody was given access to has an empty one."""
        kept = self._kept.get(org)
        return Access() if kept is None else kept.access

    def sequence_of(self, org: str) -> int:
        """Where its last commit stands; 0 before its first."""
        kept = self._kept.get(org)
        return 0 if kept is None else kept.sequence

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        if kind_of(recorded.actor) != "access":
            return []
        org = org_of(recorded.actor)
        kept = self._kept.setdefault(org, _Kept())
        facts: list[AccessFact] = [fact for decided in commit.decided for fact in decided.facts]
        for fact in facts:
            kept.access = take_in(kept.access, fact, commit.at)
        before, kept.sequence = kept.sequence, recorded.sequence
        return [Change(org, "access", before, recorded.sequence, _changed(facts))] if tell else []

    def save(self) -> bytes:
        return canonical(self._kept)

    def load(self, data: bytes) -> None:
        self._kept = _SAVED.decode(data)


def _changed(facts: Iterable[AccessFact]) -> AccessChanged:
    keys, issuers = set[str](), set[str]()
    for fact in facts:
        match fact:
            case ApiKeyIssued() | ApiKeyRotated() | ApiKeyRevoked():
                keys.add(fact.id)
            case IssuerPut():
                issuers.add(fact.issuer.id)
            case IssuerRemoved():
                issuers.add(fact.id)
            case _:
                assert_never(fact)
    return AccessChanged(tuple(sorted(keys)), tuple(sorted(issuers)))

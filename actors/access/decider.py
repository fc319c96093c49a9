"""Access: one actor per organisation, `<org>.access`, that knows its API keys and the issuers whose tokens are good.

A key is issued once, gets other secrets by rotation, and ends by being revoked or by its own expiry. Its id is never
another key's. Issuers are put and removed. Listing is a question: it writes nothing.

Nobody is woken when a key expires: whoever checks a key looks at the time, and it makes room when the next is issued.
"""

from __future__ import annotations

import msgspec

from actors.access.checks import check_expiry, check_hash, check_issuer, check_key, check_overlap, shown
from actors.access.commands import (
    COMMANDS,
    AccessCommand,
    IssueKey,
    KeyLine,
    ListIssuers,
    ListKeys,
    PutIssuer,
    RemoveIssuer,
    RevokeKey,
    RotateKey,
)
from actors.access.limits import AccessPolicy
from actors.decider import Decider, Decision, Refusal
from events.access import (
    ALGORITHMS,
    FACTS,
    Access,
    AccessFact,
    ApiKey,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    Issuer,
    IssuerPut,
    IssuerRemoved,
    take_in,
)
from events.clock import Instant
from events.identity import role_named


def decide(access: Access, command: AccessCommand, at: Instant, policy: AccessPolicy) -> Decision[AccessFact] | Refusal:
    match command:
        case IssueKey():
            return _issue(access, command, at, policy)
        case RotateKey():
            return _rotate(access, command, at, policy)
        case RevokeKey(id):
            if id in access.ended:
                return Decision(reply={"id": id})
            return Decision((ApiKeyRevoked(id),), {"id": id}) if id in access.keys else _unknown_key(id)
        case ListKeys():
            return _list_keys(access, command)
        case PutIssuer():
            return _put_issuer(access, command, policy)
        case RemoveIssuer(id):
            if id not in access.issuers:
                return Refusal("unknown_issuer", f"there is no issuer {shown(id)}")
            return Decision((IssuerRemoved(id),), {"id": id})
        case ListIssuers():
            return Decision(reply={"issuers": [access.issuers[id] for id in sorted(access.issuers)]})


def evolve(access: Access, fact: AccessFact, at: Instant) -> Access:
    return take_in(access, fact, at)


# ------------------------------------------------------------------------------------------------------ keys


def _issue(access: Access, command: IssueKey, at: Instant, policy: AccessPolicy) -> Decision[AccessFact] | Refusal:
    if refusal := check_key(command, policy):
        return refusal
    id, role = command.id, role_named(command.role)
    assert role is not None, "it was looked at"
    scopes = tuple(sorted(set(command.scopes)))
    issued = ApiKeyIssued(id, command.name or id, role, scopes, command.hash, command.expires_at)
    known = access.keys.get(id)
    if known is not None and _says(known) == issued:
        return Decision(reply=KeyLine.of(known))
    if known is not None or id in access.ended:
        return Refusal("key_exists", f"there is, or was, a key {shown(id)}: an id is one key's for good")
    if refusal := check_expiry(command.expires_at, at, policy):
        return refusal
    if sum(not key.expired(at) for key in access.keys.values()) >= policy.keys_max:
        return Refusal("too_many_keys", f"an organisation has at most {policy.keys_max} keys: revoke one first")
    if len(access.keys) + len(access.ended) >= policy.key_ids_max:
        return Refusal(
            "key_ids_used_up", f"an organisation issues {policy.key_ids_max} keys in all: rotate one instead"
        )
    line = KeyLine(id, issued.name, role, scopes, command.expires_at, at, 0)
    return Decision((issued,), line)


def _says(key: ApiKey) -> ApiKeyIssued:
    """The fact that would issue the key as it is."""
    return ApiKeyIssued(key.id, key.name, key.role, key.scopes, key.hash, key.expires_at)


def _rotate(access: Access, command: RotateKey, at: Instant, policy: AccessPolicy) -> Decision[AccessFact] | Refusal:
    id = command.id
    if refusal := check_hash(command.hash) or check_overlap(command.overlap_s, policy):
        return refusal
    if (ended := access.ended.get(id)) is not None:
        return Refusal(f"key_{ended.why}", f"the key {shown(id)} is {ended.why}: issue another one", "late")
    key = access.keys.get(id)
    if key is None:
        return _unknown_key(id)
    if key.expired(at):
        return Refusal("key_expired", f"the key {shown(id)} is expired: issue another one", "late")
    if command.hash == key.hash:
        return Decision(reply=KeyLine.of(key))
    if command.hash == key.old_hash:
        return Refusal("hash_used", f"the key {shown(id)} had this secret before: draw another one")
    until = at + command.overlap_s * 1_000
    line = msgspec.structs.replace(KeyLine.of(key), old_until=until)
    return Decision((ApiKeyRotated(id, command.hash, until),), line)


def _list_keys(access: Access, command: ListKeys) -> Decision[AccessFact]:
    everything = [*access.keys, *access.ended] if command.ended else [*access.keys]
    ids = sorted(id for id in everything if id > command.after)
    page = ids[: command.most] if command.most else ids
    keys = [KeyLine.of(access.keys[id]) for id in page if id in access.keys]
    return Decision(reply={"keys": keys, "ended": {id: access.ended[id] for id in page if id in access.ended}})


def _unknown_key(id: str) -> Refusal:
    return Refusal("unknown_key", f"there is no key {shown(id)}")


# --------------------------------------------------------------------------------------------------- issuers


def _put_issuer(access: Access, command: PutIssuer, policy: AccessPolicy) -> Decision[AccessFact] | Refusal:
    if refusal := check_issuer(command, policy):
        return refusal
    issuer = Issuer(
        command.id,
        command.url,
        command.audience,
        command.jwks_url,
        command.roles_claim,
        {value: role for value, text in command.roles.items() if (role := role_named(text))},
        role_named(command.default_role),
        tuple(one for one in ALGORITHMS if one in command.algorithms),
    )
    others = [one for one in access.issuers.values() if one.id != issuer.id]
    if len(others) >= policy.issuers_max:
        return Refusal("too_many_issuers", f"an organisation trusts at most {policy.issuers_max} issuers")
    for other in others:
        if (other.url, other.audience) == (issuer.url, issuer.audience):
            said = f"the issuer {other.id} has this url and audience: a token could be of either"
            return Refusal("issuer_exists", said)
    if access.issuers.get(issuer.id) == issuer:
        return Decision(reply=issuer)
    return Decision((IssuerPut(issuer),), issuer)


ACCESS: Decider[Access, AccessCommand, AccessFact, AccessPolicy] = Decider(
    kind="access",
    commands=COMMANDS,
    facts=FACTS,
    state=Access,
    initial=lambda _actor: Access(),
    decide=decide,
    evolve=evolve,
    policy=AccessPolicy(),
)

"""What may be issued and trusted: the first rule that stands against it, or None.

A check looks at what was asked for alone. What there is already is looked at by the decider.

An issuer's addresses are https, because whoever can change what comes from there can sign tokens. A machine talks to
itself without: http is good for loopback hosts. Text is looked at before it is taken apart, since `urlsplit` drops some
characters without a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from actors.access.commands import IssueKey, PutIssuer
from actors.access.limits import AccessPolicy
from actors.decider import Refusal
from actors.text import unfit_text
from events.access import ALGORITHMS
from events.clock import Instant
from events.identity import KEY_ROLES, ROLES, is_hash, role_named
from events.names import is_identifier
from events.permissions import PERMITTED, permission_named

_SHOWN_CHARACTERS: Final = 64
_URL: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""What is printable in ASCII, without blanks and without `\\`, which some read as `/`."""
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""Its last part begins with a letter: `127.1` and `0x7f000001` are addresses to some, and none as they are written."""
_HOST_CHARACTERS_MAX: Final = 253


def shown(text: str) -> str:
    """What the asker said, quoted, as much of it as fits into a sentence."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def check_key(command: IssueKey, policy: AccessPolicy) -> Refusal | None:
    return (
        _identifier(command.id)
        or _name(command.name, policy)
        or _role(command.role, KEY_ROLES)
        or _scopes(command.role, command.scopes)
        or check_hash(command.hash)
    )


def check_hash(text: str) -> Refusal | None:
    if is_hash(text):
        return None
    return Refusal("bad_hash", "the hash is the SHA-256 of the key's secret, in 64 hexadecimal digits in lower case")


def check_expiry(expires_at: Instant | None, at: Instant, policy: AccessPolicy) -> Refusal | None:
    if expires_at is None or at < expires_at <= at + policy.key_life_s_max * 1_000:
        return None
    days = policy.key_life_s_max // 86_400
    return Refusal("bad_expiry", f"a key expires after it was issued, and within {days} days")


def check_overlap(overlap_s: int, policy: AccessPolicy) -> Refusal | None:
    if 0 <= overlap_s <= policy.overlap_s_max:
        return None
    most = policy.overlap_s_max
    return Refusal("bad_overlap", f"the old secret is good for 0 to {most} seconds more, not {overlap_s}")


def check_issuer(command: PutIssuer, policy: AccessPolicy) -> Refusal | None:
    return (
        _identifier(command.id)
        or _address("url", command.url, policy)
        or (check_jwks_url(command.jwks_url, policy) if command.jwks_url else None)
        or _text("bad_audience", "audience", command.audience, policy.audience_characters_max)
        or _claim(command.roles_claim, policy)
        or _roles(command, policy)
        or _algorithms(command.algorithms)
    )


def check_jwks_url(text: str, policy: AccessPolicy) -> Refusal | None:
    """Where keys are, whoever says so: the organisation, or the issuer itself where it is asked for that."""
    return _address("jwks_url", text, policy, query=True)


def _identifier(id: str) -> Refusal | None:
    if is_identifier(id):
        return None
    return Refusal("bad_identifier", f"{shown(id)} is not an identifier: a-z, 0-9, _ and -, at most 64 of them")


def _name(name: str, policy: AccessPolicy) -> Refusal | None:
    return _text("bad_name", "name", name, policy.name_characters_max) if name else None


def _text(code: str, field: str, text: str, most: int) -> Refusal | None:
    if not text.strip():
        return Refusal(code, f"the {field} must not be blank")
    if len(text) > most:
        return Refusal(code, f"the {field} has at most {most} characters, not {len(text)}")
    problem = unfit_text(text)
    return None if problem is None else Refusal(code, f"{field}: {problem}")


def _role(text: str, roles: Collection[str]) -> Refusal | None:
    if text in roles:
        return None
    return Refusal("unknown_role", f"{shown(text)} is none of the roles {', '.join(roles)}")


def _scopes(role: str, scopes: Iterable[str]) -> Refusal | None:
    named = role_named(role)
    assert named is not None, "roles are looked at first"
    for scope in scopes:
        permission = permission_named(scope)
        if permission is None:
            return Refusal("unknown_scope", f"there is no permission {shown(scope)}")
        if permission not in PERMITTED[named]:
            return Refusal("scope_not_permitted", f"{scope} is nothing that the role {role} permits")
    return None


def _address(field: str, text: str, policy: AccessPolicy, *, query: bool = False) -> Refusal | None:
    if len(text) > policy.url_characters_max:
        return Refusal("bad_issuer", f"{field} has at most {policy.url_characters_max} characters, not {len(text)}")
    why = _unfit_address(text, query=query)
    return None if why is None else Refusal("bad_issuer", f"{field}: {shown(text)} {why}")


def _unfit_address(text: str, *, query: bool) -> str | None:
    if _URL.fullmatch(text) is None:
        return "is no address: printable ASCII, without blanks"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no address such as https://login.example.com"
    if not _is_host(host) or port == 0 or parts.netloc.endswith(":"):
        return "names no host such as login.example.com"
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return "is not https; http is for this machine alone"
    if "@" in parts.netloc:
        return "must not name a user"
    if "#" in text or ("?" in text and not query):
        return "has a `#`" if query else "has a `?` or a `#`"
    return None


def _is_host(host: str) -> bool:
    return (_HOST.fullmatch(host) is not None and len(host) <= _HOST_CHARACTERS_MAX) or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _claim(names: tuple[str, ...], policy: AccessPolicy) -> Refusal | None:
    if not 1 <= len(names) <= policy.claim_names_max:
        return Refusal("bad_claim", f"roles stand behind 1 to {policy.claim_names_max} names, not {len(names)}")
    for name in names:
        if refusal := _text("bad_claim", "claim", name, policy.claim_characters_max):
            return refusal
    return None


def _roles(command: PutIssuer, policy: AccessPolicy) -> Refusal | None:
    if not command.roles and not command.default_role:
        return Refusal("no_roles", "nobody could come in: say which values give which role, or a default role")
    if len(command.roles) > policy.role_values_max:
        return Refusal("too_many_roles", f"at most {policy.role_values_max} values give a role")
    for value, role in command.roles.items():
        refusal = _text("bad_claim", "value", value, policy.claim_characters_max) or _role(role, ROLES)
        if refusal is not None:
            return refusal
    return _role(command.default_role, ROLES) if command.default_role else None


def _algorithms(algorithms: tuple[str, ...]) -> Refusal | None:
    if not algorithms or len(set(algorithms)) < len(algorithms):
        return Refusal("bad_algorithm", "an issuer has at least one algorithm, and none of them twice")
    wrong = next((one for one in algorithms if one not in ALGORITHMS), None)
    if wrong is None:
        return None
    return Refusal("bad_algorithm", f"tokens are signed by {', '.join(ALGORITHMS)}, not by {shown(wrong)}")

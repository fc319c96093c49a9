"""Who somebody is to an organisation: the roles that there are, and API keys by their text.

A key is written `tg.<org>.<id>.<secret>`. Identifiers may hold `-` and `_` and never a dot, so it has one reading. The
secret is 32 random bytes in base64url, 43 characters. They are drawn by whoever issues the key: nothing here is random.
The text is shown once. What is written is the SHA-256 of its secret, and nobody gets from there back: 256 random bits
cannot be tried out, so a slow hash would only make every request slow.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from events.names import identifier

Role: TypeAlias = Literal["owner", "operator", "viewer", "service", "session"]
ROLES: Final[tuple[Role, ...]] = ("owner", "operator", "service", "viewer", "session")
"""The strongest first: whoever has several goes by the first of them."""
KEY_ROLES: Final[tuple[Role, ...]] = ("owner", "operator", "service", "viewer")
"""A session is a visitor's own, and no key's."""

Hash: TypeAlias = str
"""The SHA-256 of a secret, in 64 hexadecimal digits."""

SECRET_BYTES: Final = 32

_KEY: Final = re.compile(
    r"tg\.(?P<org>[a-z0-9][a-z0-9_-]{0,63})\.(?P<id>[a-z0-9][a-z0-9_-]{0,63})\.(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII
)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKeyParts:
    """What a key says. Its secret is left out where it is shown."""

    org: str
    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The key itself, which opens what it is for."""
        return f"tg.{self.org}.{self.id}.{self.secret}"

    @property
    def hash(self) -> Hash:
        return hash_of_secret(self.secret)


def api_key(org: str, id: str, drawn: bytes) -> ApiKeyParts:
    """The key whose secret are these random bytes."""
    if len(drawn) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(drawn)}")
    return ApiKeyParts(identifier(org), identifier(id), urlsafe_b64encode(drawn).rstrip(b"=").decode())


def api_key_of(text: str) -> ApiKeyParts | None:
    """The key that the text spells, if it spells one. Whether there is such a key is another question."""
    found = _KEY.fullmatch(text)
    return None if found is None else ApiKeyParts(found["org"], found["id"], found["secret"])


def hash_of_secret(secret: str) -> Hash:
    """Of the secret as it is written: two texts are two secrets, whatever bytes they would stand for."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


def role_named(text: str) -> Role | None:
    return next((role for role in ROLES if role == text), None)

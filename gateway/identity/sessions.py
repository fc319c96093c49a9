"""Sessions of visitors who say nothing of themselves: signed by us, kept by them.

    ts.<org>.<session>.<when it ends, in seconds, in hexadecimal>.<mac>

A session is known by its name, which stands in the log beside what it holds; it opens nothing. The token does: it is
the name under a MAC that only we can make. So nothing is kept of sessions here, and any gateway with the same secret
knows them all. The key that a visitor's tickets belong to is derived from the same secret, and told to nobody.
"""

from __future__ import annotations

from base64 import b32encode, urlsafe_b64encode
from hmac import compare_digest
from typing import Final

import msgspec

from events.clock import Instant
from events.names import is_identifier
from gateway.limits import SESSION_LIFE_S
from gateway.secret import Secret

PREFIX: Final = "ts."
SESSION_BYTES: Final = 15
"""Twenty-four letters."""
MAC_BYTES: Final = 18


class Session(msgspec.Struct, frozen=True):
    org: str
    id: str
    expires_at: Instant


class Sessions:
    def __init__(self, secret: Secret) -> None:
        self._secret: Final = secret

    def new(self, org: str, drawn: bytes, now: Instant) -> Session:
        """A session that is named by these random bytes."""
        assert len(drawn) == SESSION_BYTES
        return Session(org, b32encode(drawn).decode().lower(), now + SESSION_LIFE_S * 1_000)

    def token(self, session: Session) -> str:
        said = f"{session.org}.{session.id}.{session.expires_at // 1_000:x}"
        return f"{PREFIX}{said}.{self._mac(said)}"

    def read(self, token: str) -> Session | None:
        """The session, if we have signed it; whether it has ended is for the caller to see."""
        said, _, mac = token.removeprefix(PREFIX).rpartition(".")
        parts = said.split(".")
        if len(parts) != 3 or not token.startswith(PREFIX) or not token.isascii():
            return None
        if not compare_digest(self._mac(said), mac):
            return None
        org, id, ends = parts
        if not (is_identifier(org) and is_identifier(id)):
            return None
        return Session(org, id, int(ends, 16) * 1_000)

    def visitor_key(self, org: str, session: str) -> str:
        """By which this visitor's tickets are theirs."""
        return _spelled(self._secret.derive("visitor", org, session))

    def _mac(self, said: str) -> str:
        return _spelled(self._secret.derive("session", said)[:MAC_BYTES])


def _spelled(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

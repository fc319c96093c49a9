"""Passes of waiting rooms, checked by a site's own server: no question to the gateway, and none while it is away.

    keys = Jwks("https://tidegate.example/.well-known/jwks.json")
    seat = verify_pass(token, keys, "demo", "launch")

It judges as the gateway does, by the same rules, which `docs/passes.md` of Tidegate gives the reasons for: one
algorithm, whatever the token says of itself; organisation and room as they are asked for; over at its last second, with
no leeway; and nothing that was signed and reads otherwise than a pass does. What it cannot know is whether a pass was
taken back: `tidegate_client.asgi` asks for that.

Needs `tidegate-client[passes]`, that is PyJWT and cryptography.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt import PyJWS, PyJWTError

ALGORITHM: Final = "EdDSA"
TOKEN_CHARACTERS_MAX: Final = 1_024
"""What is longer isn't looked at."""
LIFE_S_MAX: Final = 86_400
FRESH_S: Final = 600.0
"""Keys are fetched anew when they are older: so long at most is one still taken that leaked and was taken away."""
AGAIN_S: Final = 30.0
"""Between two fetches, whoever shows a pass of a key that nobody knows."""
FETCHED_WITHIN_S: Final = 3.0
KEYS_BYTES_MAX: Final = 256 << 10

_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_SESSION: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TICKET: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})\.(0|[1-9][0-9]?)\.(0|[1-9][0-9]{0,8})", re.ASCII)
_SHARDS_MAX: Final = 64
_NUMBERS_MAX: Final = 1 << 26
_ISSUER: Final = "tidegate/"
_JWS: Final = PyJWS(algorithms=[ALGORITHM])


class BadPass(Exception):
    """Base of the ways in which a pass does not open the door. None of them repeats the pass: who has it is in."""

    code = "bad_pass"


class PassMalformed(BadPass):
    code = "pass_malformed"


class PassForged(BadPass):
    """Changed, or signed by somebody else, or by a key that has been taken away."""

    code = "pass_forged"


class PassExpired(BadPass):
    code = "pass_expired"


class PassOfAnotherRoom(BadPass):
    """Of another organisation, or of another room of this one."""

    code = "pass_of_another_room"


class PassOfAnotherSession(BadPass):
    code = "pass_of_another_session"


class NoKeys(Exception):
    """There are no keys to check with, and none could be fetched. It says nothing of the visitor."""


@dataclass(frozen=True)
class Pass:
    """A seat. `id` is the ticket, `session` the hash of the visitor's key; instants are whole Unix seconds."""

    id: str
    org: str
    room: str
    session: str
    issued_at: int
    expires_at: int


class KeySet:
    """Public keys by their names, from a JWK Set (RFC 7517). Keys of another kind, or for another use, are passed over.
    `ValueError` for what is none, or has none of ours."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        try:
            self._by_kid: Final = {
                jwk["kid"]: Ed25519PublicKey.from_public_bytes(_unspelled(jwk["x"]))
                for jwk in jwks["keys"]
                if _is_ours(jwk)
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no JWK Set") from error
        if not self._by_kid:
            raise ValueError("no key in it is one for passes")

    def __contains__(self, kid: str) -> bool:
        return kid in self._by_kid

    def get(self, kid: str) -> Ed25519PublicKey | None:
        return self._by_kid.get(kid)


class Jwks:
    """The keys of a gateway, fetched when they are needed: when they are old, and when a pass names one that is not
    known. When they cannot be fetched, those that are there do. For threads and for a loop, with the same keys."""

    def __init__(
        self,
        url: str,
        *,
        fresh_s: float = FRESH_S,
        again_s: float = AGAIN_S,
        within_s: float = FETCHED_WITHIN_S,
    ) -> None:
        self._url: Final = url
        self._fresh_s: Final = fresh_s
        self._again_s: Final = again_s
        self._within_s: Final = within_s
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock: Final = threading.Lock()
        self._fetching: asyncio.Task[None] | None = None

    def keys(self, kid: str = "") -> KeySet:
        """What to check a pass of that key with; `NoKeys` when there is nothing."""
        waits = self._lacks(kid)  # others need not wait while somebody fetches
        if (waits or self._is_due(kid)) and self._lock.acquire(blocking=waits):
            try:
                if self._is_due(kid):
                    self._tried_at = time.monotonic()
                    self._fetch_blocking()
            finally:
                self._lock.release()
        return self._at_hand()

    async def keys_async(self, kid: str = "") -> KeySet:
        """The same, without holding up the loop. Many who need them at once wait for one fetch."""
        if self._is_due(kid):
            if self._fetching is None:
                self._tried_at = time.monotonic()
                self._fetching = asyncio.create_task(self._fetch())
                self._fetching.add_done_callback(self._has_fetched)
            await asyncio.shield(self._fetching)
        elif self._fetching is not None and self._lacks(kid):
            await asyncio.shield(self._fetching)
        return self._at_hand()

    def _fetch_blocking(self) -> None:
        try:
            with httpx.Client(timeout=self._within_s) as http, http.stream("GET", self._url) as response:
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > KEYS_BYTES_MAX:
                        return
                self._take(response.status_code, body)
        except httpx.HTTPError:
            return

    async def _fetch(self) -> None:
        try:
            async with (
                asyncio.timeout(self._within_s),
                httpx.AsyncClient(timeout=self._within_s) as http,
                http.stream("GET", self._url) as response,
            ):
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > KEYS_BYTES_MAX:
                        return
                self._take(response.status_code, body)
        except (httpx.HTTPError, TimeoutError):
            return

    def _has_fetched(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    def _is_due(self, kid: str) -> bool:
        now = time.monotonic()
        if now - self._tried_at < (self._again_s if self._keys is not None else min(1.0, self._again_s)):
            return False
        return self._lacks(kid) or now - self._fetched_at >= self._fresh_s

    def _lacks(self, kid: str) -> bool:
        return self._keys is None or kid not in self._keys

    def _take(self, status: int, body: bytes) -> None:
        try:
            if status == httpx.codes.OK:
                self._keys = KeySet(json.loads(body))
                self._fetched_at = time.monotonic()
        except (ValueError, RecursionError):
            return  # whoever answers there is not the gateway: those that are there do

    def _at_hand(self) -> KeySet:
        if self._keys is None:
            raise NoKeys(f"no public keys could be fetched from {self._url}")
        return self._keys


def verify_pass(
    token: str,
    keys: Jwks | KeySet,
    org: str,
    room: str,
    *,
    at: float | None = None,
    session: str | None = None,
) -> Pass:
    """The pass, if it opens this room at this instant (Unix seconds; now, if none), to that session if one is named;
    else some `BadPass`. It may fetch keys; in a loop, `verify_pass_async` does so without holding it up."""
    kid = kid_of(token)
    return _judged(token, keys.keys(kid) if isinstance(keys, Jwks) else keys, kid, org, room, at, session)


async def verify_pass_async(
    token: str,
    keys: Jwks | KeySet,
    org: str,
    room: str,
    *,
    at: float | None = None,
    session: str | None = None,
) -> Pass:
    kid = kid_of(token)
    return _judged(token, await keys.keys_async(kid) if isinstance(keys, Jwks) else keys, kid, org, room, at, session)


def kid_of(token: str) -> str:
    """Which key the token says it is signed by; `PassMalformed` when it is no token."""
    if len(token) > TOKEN_CHARACTERS_MAX or _SHAPE.fullmatch(token) is None:
        raise PassMalformed("this is not a pass")
    try:
        kid = _JWS.get_unverified_header(token).get("kid", "")
    except PyJWTError as error:
        raise PassMalformed("this is not a pass") from error
    return str(kid)


def _judged(token: str, keys: KeySet, kid: str, org: str, room: str, at: float | None, session: str | None) -> Pass:
    key = keys.get(kid)
    if key is None:
        raise PassForged("the pass is not signed by a key of the gateway")
    try:
        signed = _JWS.decode(token, key, algorithms=[ALGORITHM])
    except PyJWTError as error:
        raise PassForged("the pass is not signed by the key that it names") from error
    found = _pass_of(signed)
    if (found.org, found.room) != (org, room):
        raise PassOfAnotherRoom(f"the pass is for {found.org}/{found.room}, this is {org}/{room}")
    if session is not None and found.session != session:
        raise PassOfAnotherSession(f"the pass {found.id} was given to another session")
    if (time.time() if at is None else at) >= found.expires_at:
        raise PassExpired(f"the pass {found.id} ended at {found.expires_at}")
    return found


def _pass_of(signed: bytes) -> Pass:
    """What was signed, if it reads as a pass does."""
    try:
        claims = json.loads(signed.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise PassMalformed("this is signed by the gateway, but no pass") from error
    if not isinstance(claims, dict):
        raise PassMalformed("this is signed by the gateway, but no pass")
    issuer, audience, session, id, room = (_text(claims.get(name)) for name in ("iss", "aud", "sub", "jti", "room"))
    issued_at, expires_at = (_number(claims.get(name)) for name in ("iat", "exp"))
    org = issuer.removeprefix(_ISSUER)
    ticket = _TICKET.fullmatch(id)
    if (
        not issuer.startswith(_ISSUER)
        or _NAME.fullmatch(org) is None
        or audience != f"{org}/{room}"
        or ticket is None
        or ticket[1] != room
        or int(ticket[2]) >= _SHARDS_MAX
        or int(ticket[3]) >= _NUMBERS_MAX
        or _SESSION.fullmatch(session) is None
        or not 0 <= issued_at <= expires_at <= issued_at + LIFE_S_MAX
    ):
        raise PassMalformed("this is signed by the gateway, and contradicts itself")
    return Pass(id, org, room, session, issued_at, expires_at)


def _text(claim: Any) -> str:
    if not isinstance(claim, str):
        raise PassMalformed("this is signed by the gateway, but no pass")
    return claim


def _number(claim: Any) -> int:
    if not isinstance(claim, int) or isinstance(claim, bool):
        raise PassMalformed("this is signed by the gateway, but no pass")
    return claim


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _is_ours(jwk: Mapping[str, Any]) -> bool:
    said = (jwk.get("kty"), jwk.get("crv"), jwk.get("use", "sig"), jwk.get("alg", ALGORITHM))
    return said == ("OKP", "Ed25519", "sig", ALGORITHM) and bool(jwk.get("kid"))


def _unspelled(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

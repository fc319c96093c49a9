"""The public keys of token issuers, fetched from where each of them says that they are, and kept for a while.

A set is kept for five minutes and fetched again by whoever needs it then; however many do, one fetches. An issuer that
changes its keys in between is found out by a key that the set does not have: then it is fetched at once. Anybody can
name keys that nobody has, so this happens once in ten seconds at most, and in between what is not known is not there.

An issuer that cannot be reached has its last keys for an hour. Nobody waits for it meanwhile: it is asked again beside.
Whose keys were never had, or an hour ago, has nobody let in, and says *busy*.

Of a set, keys are taken that can check a signature by one of the algorithms there are, and that are strong enough and
not so large that checking by them would be an attack. The others are passed over: they are for other uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm as Reader
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from events.access import Algorithm
from gateway.identity.discovery import KeySource, fetch_keys
from gateway.identity.fetching import Fetch, NotFetched
from gateway.limits import (
    KEY_SET_AGAIN_S,
    KEY_SET_FRESH_S,
    KEY_SET_KEPT_S,
    KEY_SETS_MAX,
    KEYS_PER_SET_MAX,
    RSA_BITS_MAX,
    RSA_BITS_MIN,
)
from gateway.problems import Problem

log = structlog.get_logger(__name__)

Public: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_READERS: Final[dict[Algorithm, tuple[str, str, type[Reader]]]] = {
    "RS256": ("RSA", "", RSAAlgorithm),
    "PS256": ("RSA", "", RSAAlgorithm),
    "ES256": ("EC", "P-256", ECAlgorithm),
    "EdDSA": ("OKP", "Ed25519", OKPAlgorithm),
}
"""Of each algorithm: the kind of its keys, their curve, and who reads them."""
_EXPONENT_BITS_MAX: Final = 32
_FIRST: Final = float("-inf")


class _Jwk(msgspec.Struct, frozen=True):
    """What is looked at of a key before it is read."""

    kty: str
    crv: str = ""
    kid: str = ""
    use: str = "sig"
    alg: str = ""
    key_ops: tuple[str, ...] = ("verify",)
    d: msgspec.UnsetType | Any = msgspec.UNSET
    """A private key that somebody has published is nobody's any more."""

    def serves(self, algorithm: Algorithm) -> bool:
        kind, curve, _ = _READERS[algorithm]
        return (
            (self.kty, self.crv) == (kind, curve)
            and self.use == "sig"
            and self.alg in {"", algorithm}
            and "verify" in self.key_ops
            and self.d is msgspec.UNSET
        )


class _Jwks(msgspec.Struct, frozen=True):
    keys: tuple[msgspec.Raw, ...]


class Key(msgspec.Struct, frozen=True, eq=False):
    kid: str
    algorithm: Algorithm
    public: Public


class KeySet:
    """The keys of one issuer, as they were when they were fetched."""

    def __init__(self, keys: tuple[Key, ...] = ()) -> None:
        self._keys: Final = keys

    @classmethod
    def read(cls, data: bytes) -> KeySet:
        """`NotFetched` when it is no JWK Set (RFC 7517)."""
        try:
            listed = msgspec.json.decode(data, type=_Jwks).keys
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotFetched("not_a_key_set") from error
        return cls(tuple(key for raw in listed[:KEYS_PER_SET_MAX] for key in _keys_in(raw)))

    def find(self, kid: str, algorithm: Algorithm) -> Public | None:
        """The key of that name for that algorithm; without a name, the only one there is for it."""
        found = [key for key in self._keys if key.algorithm == algorithm and (not kid or key.kid == kid)]
        return found[0].public if len(found) == 1 else None


class _Kept:
    """What is known of one source."""

    __slots__ = ("asked_at", "failing", "fetched_at", "fetching", "keys")

    def __init__(self) -> None:
        self.keys = KeySet()
        self.fetched_at = _FIRST
        self.asked_at = _FIRST
        """When it was fetched from last, whatever came of it."""
        self.failing = False
        self.fetching: asyncio.Task[None] | None = None


class KeySets:
    """The keys of many issuers, by where they come from. Those longest unasked for go when there are too many."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch: Final = fetch
        self._kept: Final[dict[KeySource, _Kept]] = {}

    async def find(self, source: KeySource, kid: str, algorithm: Algorithm) -> Public | None:
        """The key, if the issuer has it; `Problem` when that cannot be told."""
        now = asyncio.get_running_loop().time()
        kept = self._kept[source] = self._kept.pop(source) if source in self._kept else _Kept()
        if len(self._kept) > KEY_SETS_MAX:
            del self._kept[next(iter(self._kept))]
        age_s = now - kept.fetched_at
        if age_s >= KEY_SET_FRESH_S:
            fetching = self._fetching(source, kept, now)
            if fetching is not None and not (kept.failing and age_s < KEY_SET_KEPT_S):
                await asyncio.shield(fetching)
            if asyncio.get_running_loop().time() - kept.fetched_at >= KEY_SET_KEPT_S:
                raise _unreachable()
        key = kept.keys.find(kid, algorithm)
        if key is None and (fetching := self._fetching(source, kept, now)) is not None:
            await asyncio.shield(fetching)
            key = kept.keys.find(kid, algorithm)
        return key

    def _fetching(self, source: KeySource, kept: _Kept, now: float) -> asyncio.Task[None] | None:
        """The fetch that is under way, perhaps from here on; None when the last one was a moment ago."""
        if kept.fetching is None and now - kept.asked_at >= KEY_SET_AGAIN_S:
            kept.asked_at = now
            kept.fetching = asyncio.get_running_loop().create_task(self._fetch_into(source, kept))
        return kept.fetching

    async def _fetch_into(self, source: KeySource, kept: _Kept) -> None:
        try:
            kept.keys = KeySet.read(await fetch_keys(source, self._fetch))
            kept.fetched_at = asyncio.get_running_loop().time()
            kept.failing = False
        except NotFetched as error:
            kept.failing = True
            log.warning("issuer_keys_not_fetched", url=source.address, why=error.why)
        except Exception:
            kept.failing = True
            log.exception("issuer_keys_not_fetched", url=source.address)
        finally:
            kept.fetching = None


def _keys_in(raw: msgspec.Raw) -> Iterator[Key]:
    """The key, once for each algorithm that it serves."""
    try:
        jwk = msgspec.json.decode(raw, type=_Jwk)
        fields = msgspec.json.decode(raw, type=dict[str, Any])
        for algorithm, (_, _, reader) in _READERS.items():
            if jwk.serves(algorithm):
                public = reader.from_jwk(fields)
                if _is_fit(public):
                    yield Key(jwk.kid, algorithm, public)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, PyJWTError, ValueError, TypeError):
        return  # it is of a kind that we don't know, or of none at all


def _is_fit(public: object) -> bool:
    if isinstance(public, RSAPublicKey):
        bits = public.key_size
        return RSA_BITS_MIN <= bits <= RSA_BITS_MAX and public.public_numbers().e.bit_length() <= _EXPONENT_BITS_MAX
    return isinstance(public, EllipticCurvePublicKey | Ed25519PublicKey)


def _unreachable() -> Problem:
    retry_after_ms = int(KEY_SET_AGAIN_S * 1_000)
    return Problem("issuer_unreachable", "the token's issuer cannot be reached", "busy", retry_after_ms=retry_after_ms)

"""The keys that passes are signed with: files in a folder, one a key, and each written once.

`<kid>.pem` holds a private key (Ed25519, PKCS8), and above it the instant from which it signs. A key's name is the
thumbprint of its public half (RFC 7638). Everything else follows from these instants, so there is nothing to keep in
step with them and nothing for a crash to leave half done:

- the newest of those whose instant has come signs (when none has, because somebody took the others away, the oldest);
- a key is published from the moment its file is there, `PUBLISHED_AHEAD_S` before it signs: by then whoever
  fetches the public keys that often has it;
- a key that another has followed is kept until everything that it signed has ended, `KEPT_S` after the other began.

So there are never more than `KEPT_S / PUBLISHED_AHEAD_S` keys, give or take two.

`Keys` are what the folder held when it was last read. Whoever serves reads it again (`reread`) every minute or so, at
the latest within `PUBLISHED_AHEAD_S`, and never signs with a key after its time, whichever process made the next one.

A key that has leaked is taken away by hand: `rotate`, delete its file, and have every process read again. What it
signed is void from then on where we are asked, elsewhere as soon as the public keys are fetched again.

Private keys are in no text that this module makes, and in no frame of a traceback: what they were read from is let go
of before anything is complained of. A file that others may read, and a folder that others may write to, are refused.

Considered instead: times in a file beside the keys (two files that have to agree after a crash), a link to the key that
signs (then publishing ahead needs a second one, and somebody who comes back to turn it).
"""

from __future__ import annotations

import fcntl
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from events.clock import Instant, iso
from events.codec import canonical
from events.errors import TidegateError
from events.waiting.sessions import PASS_LIFE_S_MAX

ALGORITHM: Final = "EdDSA"
LIFE_MAX_S: Final = PASS_LIFE_S_MAX
"""Nothing that is signed with these keys is good for longer."""
PUBLISHED_AHEAD_S: Final = 3_600
"""So long is a key known to everybody before it signs."""
KEPT_S: Final = LIFE_MAX_S + PUBLISHED_AHEAD_S
"""So long is a key kept after the next one began to sign; with some time to spare, for a process that has not noticed
and for clocks that differ."""
SUFFIX: Final = ".pem"

_FROM_THE_BEGINNING: Final = 0
_FILE_BYTES_MAX: Final = 4_096
_HEAD: Final = re.compile(rb"\ASigns-From: (\d{1,14})\n-----BEGIN PRIVATE KEY-----\n")
"""Text above a key is allowed for (RFC 7468): OpenSSL reads such a file as it is."""
_BY_OTHERS: Final = 0o077
_WRITTEN_BY_OTHERS: Final = 0o022


class BadKeyFolder(TidegateError):
    """The folder of the signing keys cannot be used as it is. Nothing was signed."""

    code = "bad_key_folder"
    next_step = "mend what is named; a key file that is damaged may be taken away, with it go the passes it signed"


class BadJwks(TidegateError):
    """This is no set of public keys, or there is none of ours in it."""

    code = "bad_jwks"
    next_step = "fetch /.well-known/jwks.json again, and look at who answers there"


class SigningKey(msgspec.Struct, frozen=True, eq=False):
    kid: str
    signs_from: Instant
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.kid}, from {iso(self.signs_from)})"


class _Jwk(msgspec.Struct, frozen=True):
    """What we need of a public key's JSON (RFC 8037); of other kinds of keys, that they are."""

    kty: str = ""
    crv: str = ""
    x: str = ""
    kid: str = ""
    use: str = "sig"
    alg: str = ALGORITHM

    @property
    def is_ours(self) -> bool:
        return (self.kty, self.crv, self.use, self.alg) == ("OKP", "Ed25519", "sig", ALGORITHM) and bool(self.kid)


class _Jwks(msgspec.Struct, frozen=True):
    keys: tuple[_Jwk, ...]


class PublicKeys:
    """All that checking a signature takes, by the names of the keys."""

    def __init__(self, by_kid: Mapping[str, Ed25519PublicKey]) -> None:
        self._by_kid = dict(by_kid)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any]) -> Self:
        """The keys in a JWKS. Those of another kind or for another use are passed over: they are not for us."""
        try:
            listed = msgspec.convert(jwks, _Jwks).keys
            found = {jwk.kid: Ed25519PublicKey.from_public_bytes(_unspelled(jwk.x)) for jwk in listed if jwk.is_ours}
        except (msgspec.ValidationError, ValueError) as error:
            raise BadJwks(f"this is no JWKS: {error}") from error
        if not found:
            raise BadJwks("no key in it is one for passes")
        return cls(found)

    def get(self, kid: str) -> Ed25519PublicKey | None:
        return self._by_kid.get(kid)

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(self._by_kid)

    def jwks(self) -> dict[str, Any]:
        """For everybody to see."""
        return {
            "keys": [
                {**_required(key), "kid": kid, "use": "sig", "alg": ALGORITHM} for kid, key in self._by_kid.items()
            ]
        }

    def __repr__(self) -> str:
        return f"PublicKeys({', '.join(self._by_kid)})"


class _Term(NamedTuple):
    """A key, and when the last of what it signed has ended, if another has followed it."""

    key: SigningKey
    ends: Instant | None


class Keys:
    """The keys of a folder, as it was when it was last read. Make one with `Keys.open`."""

    def __init__(self, folder: Path, keys: tuple[SigningKey, ...]) -> None:
        self._folder = folder
        self._keys = keys

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The keys in `folder`, which is made, with a first key, if there is none. Of many that do this at once, one
        makes it and the others find it."""
        return cls(folder, _opened(folder))

    def reread(self) -> None:
        """Take in what other processes did to the folder, and what was done by hand."""
        self._keys = _opened(self._folder)

    def signing(self, at: Instant) -> SigningKey:
        """The key that signs at this instant."""
        begun = [key for key in self._keys if key.signs_from <= at]
        return begun[-1] if begun else self._keys[0]

    def public(self, at: Instant) -> PublicKeys:
        """Of every key that signs, will sign, or has signed what may not have ended."""
        return PublicKeys(
            {term.key.kid: term.key.private.public_key() for term in _terms(self._keys) if not _over(term, at)}
        )

    def jwks(self, at: Instant) -> dict[str, Any]:
        return self.public(at).jwks()

    def rotate(self, now: Instant) -> SigningKey:
        """Make the key that signs from `PUBLISHED_AHEAD_S` from now on, and take away those that are over.

        While a key waits for its time there is no other: so it may be called twice, or by two at once.
        """
        with _complaints(self._folder), _alone(self._folder):
            keys = _read_all(self._folder)
            if not keys or keys[-1].signs_from <= now:
                _write(self._folder, signs_from=now + PUBLISHED_AHEAD_S * 1_000)
                keys = _read_all(self._folder)
            for term in _terms(keys):
                if _over(term, now):
                    (self._folder / _name(term.key.kid)).unlink(missing_ok=True)
            self._keys = _read_all(self._folder)
        return self._keys[-1]

    def __repr__(self) -> str:
        return f"Keys({str(self._folder)!r}, {', '.join(key.kid for key in self._keys)})"


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638: the hash of what is required of the key, in its canonical form."""
    return _spelled(sha256(canonical(_required(key))).digest())


def _required(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _spelled(key.public_bytes_raw())}


def _spelled(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unspelled(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _terms(keys: tuple[SigningKey, ...]) -> Iterator[_Term]:
    for key, next_one in zip(keys, (*keys[1:], None), strict=True):
        yield _Term(key, None if next_one is None else next_one.signs_from + KEPT_S * 1_000)


def _over(term: _Term, at: Instant) -> bool:
    return term.ends is not None and term.ends <= at


def _name(kid: str) -> str:
    return kid + SUFFIX


def _opened(folder: Path) -> tuple[SigningKey, ...]:
    with _complaints(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & _WRITTEN_BY_OTHERS:
            raise BadKeyFolder(f"{folder}: others than its owner may write to it; `chmod 700` it")
        keys = _read_all(folder)
        if not keys:
            with _alone(folder):
                keys = _read_all(folder) or (_write(folder, signs_from=_FROM_THE_BEGINNING),)
    return keys


@contextmanager
def _complaints(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadKeyFolder(f"{error.filename or folder}: {error.strerror or error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time in this folder; the system takes the lock back when its holder ends, however that ends."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(folder: Path, *, signs_from: Instant) -> SigningKey:
    """A new key, on the disk before anybody signs with it. Only whoever is `_alone` may."""
    private = Ed25519PrivateKey.generate()
    key = SigningKey(thumbprint(private.public_key()), signs_from, private)
    unfinished = folder / "unfinished"
    unfinished.unlink(missing_ok=True)  # it is of somebody who was killed here
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"Signs-From: %d\n" % signs_from)
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / _name(key.kid))
    _sync(folder)
    return key


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_all(folder: Path) -> tuple[SigningKey, ...]:
    """In the order in which they sign."""
    found = (_read(path) for path in folder.iterdir() if path.suffix == SUFFIX)
    return tuple(sorted((key for key in found if key is not None), key=lambda key: (key.signs_from, key.kid)))


def _read(path: Path) -> SigningKey | None:
    """The key in the file; None when it was taken away while we looked."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _BY_OTHERS:
                raise BadKeyFolder(f"{path}: others than its owner may read it; `chmod 600` it")
            key = _parsed(file.read(_FILE_BYTES_MAX))
    except FileNotFoundError:
        return None
    if key is None:
        raise BadKeyFolder(f"{path}: is not a signing key of ours")
    if path.name != _name(key.kid):
        raise BadKeyFolder(f"{path}: is the key {key.kid}, under another name")
    return key


def _parsed(content: bytes) -> SigningKey | None:
    """It answers instead of raising: a traceback would hold on to the content."""
    head = _HEAD.match(content)
    if head is None:
        return None
    try:
        private = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(private, Ed25519PrivateKey):
        return None
    return SigningKey(thumbprint(private.public_key()), int(head[1]), private)

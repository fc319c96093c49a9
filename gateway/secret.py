"""The installation's own secret: one file beside the signing keys, from which every other secret is worked out.

So nothing that is secret has to be kept anywhere else, least of all in the log: what is written there is the number of
a generation, and `derive` says what that stands for. What is derived for one purpose says nothing of the secret, nor of
what is derived for another.

`derive` is HMAC-SHA256, keyed with the secret, over the purpose and the parts, each of them behind its length: so no
two lists of parts are spelled alike, however their texts are cut. Whoever wants more than one secret for a purpose adds
parts; whoever wants to take one back gives it another number.

The file is written once and never changed: it is linked to its name when it is whole and on the disk, which only one of
many that do this at once can do; the others take what they find. All gateways of an installation need the same one.
Without it every signature of webhooks and every session is void, so it belongs into the backup, with the keys; whoever
has it can sign for everybody.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Final, NoReturn, Self

from gateway.keys import BadKeyFolder

FILE: Final = "secret"
SECRET_BYTES: Final = 32

_HEAD: Final = b"tidegate-secret-1\n"
_CONTENT: Final = re.compile(rb"\Atidegate-secret-1\n([A-Za-z0-9+/]{43}=)\n\Z")
_FILE_BYTES_MAX: Final = 128
_LENGTH_BYTES: Final = 4
_BY_OTHERS: Final = 0o077
_WRITTEN_BY_OTHERS: Final = 0o022


class Secret:
    """Made with `Secret.open`. No text that is made of it shows it, and it is not pickled."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(key)}")
        self._key: Final = key

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The secret in `folder`, which is made if there is none; `BadKeyFolder` when it cannot be used as it is."""
        path = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & _WRITTEN_BY_OTHERS:
                raise BadKeyFolder(f"{folder}: others than its owner may write to it; `chmod 700` it")
            if not path.exists():
                _write(folder, path)
            key = _read(path)
        except OSError as error:
            raise BadKeyFolder(f"{error.filename or folder}: {error.strerror or error}") from error
        if key is None:
            raise BadKeyFolder(f"{path}: is not a secret of ours; take it back from the backup")
        return cls(key)

    def derive(self, purpose: str, *parts: str) -> bytes:
        """32 bytes for this purpose and these parts: always the same ones, and to nobody else what they are."""
        if not purpose:
            raise ValueError("a secret is derived for some purpose")
        spelled = b"".join(_framed(text.encode()) for text in (purpose, *parts))
        return hmac.digest(self._key, spelled, sha256)

    def __repr__(self) -> str:
        return "Secret(·····)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret stays where it is: open it there")


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def _write(folder: Path, path: Path) -> None:
    """A new secret, on the disk before anybody uses it; nothing, if somebody else was first."""
    unfinished = folder / f"{FILE}.{token_hex(8)}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_HEAD + b64encode(token_bytes(SECRET_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(unfinished)
        except FileExistsError:
            return
    finally:
        unfinished.unlink()
    directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes | None:
    """It answers instead of raising: a traceback would hold on to the content."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & _BY_OTHERS:
            raise BadKeyFolder(f"{path}: others than its owner may read it; `chmod 600` it")
        content = _CONTENT.match(file.read(_FILE_BYTES_MAX))
    return None if content is None else b64decode(content[1])

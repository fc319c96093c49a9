"""The secrets of draws that are still to come: `<data_dir>/draws/<org>.<room>`, for their operator's eyes alone.

The log has the hash before anybody joins. Whoever had the secret before the draw could work out which places it would
give; whoever loses it cannot draw any more. So it is written to the disk before its hash leaves this program.
"""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from events.errors import TidegateError
from events.names import identifier

FOLDER: Final = "draws"
SECRET_BYTES: Final = 32


class NoSecret(TidegateError):
    """Nobody knows here what the draw would be made with."""

    code = "no_secret"
    next_step = "say it with --secret: it was printed once, when the room was made, and kept in that --data-dir"


class SecretNotKept(TidegateError):
    """The secret cannot be kept, or read, where it belongs."""

    code = "secret_not_kept"
    next_step = "mend what is named, or say the --secret yourself, and keep it"


def path_of(data_dir: Path, org: str, room: str) -> Path:
    return data_dir / FOLDER / f"{identifier(org)}.{identifier(room)}"


def made(data_dir: Path, org: str, room: str) -> str:
    """A secret that is kept from now on; the one that is kept already, if there is one."""
    found = _read(path_of(data_dir, org, room))
    if found is not None:
        return found
    secret = token_urlsafe(SECRET_BYTES)
    keep(data_dir, org, room, secret)
    return secret


def keep(data_dir: Path, org: str, room: str, secret: str) -> None:
    path = path_of(data_dir, org, room)
    unfinished = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SecretNotKept(f"{error.filename or path}: {error.strerror or error}") from error


def secret_of(data_dir: Path, org: str, room: str) -> str:
    found = _read(path_of(data_dir, org, room))
    if found is None:
        raise NoSecret(f"there is no secret for {org}/{room} in {data_dir / FOLDER}")
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").rstrip("\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretNotKept(f"{path}: cannot be read: {error}") from error

"""One stack per data folder: a lock that the system takes back when its holder ends, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from events.errors import TidegateError
from tidegate import parts


class AlreadyRuns(TidegateError):
    """Another stack runs on this data folder."""

    code = "already_runs"
    next_step = "use it (`tidegate status`), stop it (`tidegate down`), or name another folder with --data-dir"


class FolderUnfit(TidegateError):
    """The data folder cannot be made or written to."""

    code = "folder_unfit"
    next_step = "give this user the right to write there, or name another folder with --data-dir"


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the folder, and be its keeper, for as long as the block runs. `AlreadyRuns` when another does."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderUnfit(f"{data_dir}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRuns(f"a stack runs on {data_dir} already{_by_whom(data_dir)}") from error
        parts.note(data_dir, parts.KEEPER, os.getpid())
        try:
            yield
        finally:
            parts.forget(data_dir, parts.KEEPER)
    finally:
        os.close(descriptor)


def _by_whom(data_dir: Path) -> str:
    keepers = [part for part in parts.noted(data_dir) if part.name == parts.KEEPER and parts.lives(part)]
    return f", kept by process {keepers[0].pid}" if keepers else ""

"""A process that is noted is told from one that is gone, and from another that was given its id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate import parts


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_running_process_lives(tmp_path: Path) -> None:
    """What was noted is read back, and is seen to run."""
    noted = parts.note(tmp_path, parts.KEEPER, os.getpid())
    assert list(parts.noted(tmp_path)) == [noted]
    assert parts.lives(noted)
    assert parts.is_running(tmp_path)


def test_a_killed_process_is_gone_even_before_its_parent_has_noticed(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    """A process that only awaits burial does nothing any more."""
    noted = parts.note(tmp_path, "nats-server", other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert not parts.lives(noted)


def test_another_process_with_the_same_id_is_not_taken_for_the_one_noted(tmp_path: Path) -> None:
    """Ids are given away again; births are not."""
    noted = parts.note(tmp_path, "host-1", os.getpid())
    assert not parts.lives(parts.Part(noted.name, noted.pid, "another birth"))


def test_what_lives_without_its_keeper_is_an_orphan(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    """Parts of a running stack are nobody's leftovers; without the keeper they are."""
    server = parts.note(tmp_path, "nats-server", other.pid)
    assert parts.orphans(tmp_path) == [server]
    parts.note(tmp_path, parts.KEEPER, os.getpid())
    assert parts.orphans(tmp_path) == []


def test_a_note_that_was_cut_short_counts_as_gone(tmp_path: Path) -> None:
    """A kill in the middle of writing must not stop the next start."""
    parts.folder(tmp_path).mkdir()
    (parts.folder(tmp_path) / "host-1.json").write_bytes(b'{"name":')
    (noted,) = parts.noted(tmp_path)
    assert not parts.lives(noted)


def test_a_process_that_does_not_exist_cannot_be_noted(tmp_path: Path) -> None:
    """A note is about something."""
    with pytest.raises(ProcessLookupError):
        parts.note(tmp_path, "host-1", 2**22 + 1)


def test_what_is_forgotten_is_gone_and_forgetting_again_is_fine(tmp_path: Path) -> None:
    """A clean stop leaves nothing."""
    parts.note(tmp_path, "host-1", os.getpid())
    parts.forget(tmp_path, "host-1")
    parts.forget(tmp_path, "host-1")


def test_a_note_that_is_forgotten_while_it_is_read_is_not_there(tmp_path: Path) -> None:
    """Whoever looks needs no lock."""
    parts.folder(tmp_path).mkdir(parents=True)
    (parts.folder(tmp_path) / "host-1.json").symlink_to("gone")
    assert list(parts.noted(tmp_path)) == []
    assert list(parts.noted(tmp_path)) == []

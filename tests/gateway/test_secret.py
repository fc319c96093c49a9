"""The installation's own secret: made once, shown never, and what is derived from it is unlike anything else."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import stat
import subprocess
import sys
import traceback
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import BadKeyFolder, Keys
from gateway.secret import FILE, Secret

ROOT = Path(__file__).parents[2]
SECRET = Secret(bytes(range(32)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_it_is_made_once_and_found_again(folder: Path) -> None:
    """Whatever is derived is the same at every later start; another installation's is another."""
    made = Secret.open(folder).derive("session", "ann")
    assert Secret.open(folder).derive("session", "ann") == made
    assert Secret.open(folder.with_name("other")).derive("session", "ann") != made


def test_it_lives_beside_the_signing_keys(folder: Path) -> None:
    """Whichever of them came first, neither takes the other for its own."""
    Secret.open(folder)
    keys = Keys.open(folder)
    Secret.open(folder)
    keys.reread()
    assert sorted(path.suffix for path in folder.iterdir()) == ["", "", ".pem"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_it(folder: Path, umask: int) -> None:
    """The file is 0600 and the folder 0700, whatever this process allows otherwise."""
    before = os.umask(umask)
    try:
        Secret.open(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_that_others_may_read_is_refused(folder: Path, mode: int) -> None:
    """Whoever has it can sign for everybody."""
    Secret.open(folder)
    (folder / FILE).chmod(mode)
    with pytest.raises(BadKeyFolder, match="chmod 600"):
        Secret.open(folder)


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    """They could put their own there."""
    Secret.open(folder)
    folder.chmod(0o770)
    with pytest.raises(BadKeyFolder, match="chmod 700"):
        Secret.open(folder)


@pytest.mark.parametrize("content", [b"", b"short\n", b"tidegate-secret-1\nabc=\n"])
def test_a_damaged_file_is_refused_and_not_replaced(folder: Path, content: bytes) -> None:
    """A new one would void everything that was signed; and the complaint does not quote what is in it."""
    Secret.open(folder)
    (folder / FILE).write_bytes(content)
    with pytest.raises(BadKeyFolder, match="backup"):
        Secret.open(folder)
    assert (folder / FILE).read_bytes() == content


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """By its name, as something to mend."""
    (tmp_path / "keys").write_text("no folder")
    with pytest.raises(BadKeyFolder, match="keys"):
        Secret.open(tmp_path / "keys")


def test_no_text_and_no_traceback_has_it(folder: Path) -> None:
    """Nor is it pickled."""
    secret = Secret.open(folder)
    spelled = (folder / FILE).read_text().splitlines()[1]
    assert spelled not in repr(secret) and repr(secret) == f"{secret}" == "Secret(·····)"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    (folder / FILE).write_text(f"tidegate-secret-1\n{spelled[:-4]}\n")
    complaint = complained(folder)
    assert "backup" in complaint and spelled[:20] not in complaint


def complained(folder: Path) -> str:
    """What a traceback shows, with the variables of every frame."""
    try:
        Secret.open(folder)
    except BadKeyFolder as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


OPENING = """
import sys
from pathlib import Path
from gateway.secret import Secret

print("ready", flush=True)
for line in sys.stdin:
    print(Secret.open(Path(line.strip())).derive("race").hex(), flush=True)
"""


def test_of_many_that_make_it_at_once_all_get_the_same(tmp_path: Path) -> None:
    """One makes it, the others find it, and nothing else is left behind."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        for number in range(20):
            folder = tmp_path / f"keys-{number}"
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write(f"{folder}\n")
                racer.stdin.flush()
            told = {racer.stdout.readline() for racer in racers if racer.stdout is not None}
            assert len(told) == 1 and len(told.pop()) == 65
            assert [path.name for path in folder.iterdir()] == [FILE]
    finally:
        for racer in racers:
            racer.communicate()


parts = st.lists(st.text(max_size=4), max_size=4).map(tuple)


@given(parts, parts)
def test_no_two_lists_of_parts_come_to_the_same(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """However their texts are cut."""
    assert (SECRET.derive("p", *one) == SECRET.derive("p", *other)) == (one == other)


def test_purposes_are_apart() -> None:
    """Also from parts that spell the same, and from each other's beginnings."""
    spelled = [("a", "b"), ("ab",), ("a", "b", ""), ("ab", ""), ("webhook", "demo"), ("session", "demo")]
    derived = [SECRET.derive(purpose, *rest) for purpose, *rest in spelled]
    assert all(one != other for one, other in combinations(derived, 2))
    assert all(len(one) == 32 for one in derived)
    with pytest.raises(ValueError, match="purpose"):
        SECRET.derive("")


def test_what_is_derived_stays_so_for_ever() -> None:
    """Sessions and endpoints outlive this version: computed once by hand (HMAC-SHA256 over lengths and texts)."""
    message = b"\x00\x00\x00\x07session\x00\x00\x00\x03ann"
    assert SECRET.derive("session", "ann") == hmac.new(bytes(range(32)), message, hashlib.sha256).digest()

"""A Ray of our own is kept apart from every other: its folder, its key and its environment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tidegate import ray_head
from tidegate.ray_head import RayFailed, environment, folder_of, make_folder, make_key, remove_folder

SOCKET_CHARACTERS_MAX = 103
LONGEST_SOCKET = "/r/session_2026-11-21_07-46-08_697645_4194304/sockets/plasma_store"


def test_its_folder_is_short_enough_for_sockets_wherever_the_data_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data folder may lie deep; the system's own folder for temporary files may, too."""
    for place in (tmp_path / ("deep" * 50), Path("/")):
        assert len(str(folder_of(place)) + LONGEST_SOCKET) <= SOCKET_CHARACTERS_MAX
    monkeypatch.setattr(tempfile, "gettempdir", lambda: f"/var/folders/{'x' * 60}/T")
    assert len(str(folder_of(tmp_path)) + LONGEST_SOCKET) <= SOCKET_CHARACTERS_MAX


def test_each_data_folder_has_its_own_and_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start must find what this one leaves, from whatever folder it is typed."""
    assert folder_of(tmp_path / "a") != folder_of(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    assert folder_of(Path("a")) == folder_of(tmp_path / "a")


def test_a_folder_that_somebody_else_put_there_is_not_touched(tmp_path: Path) -> None:
    """Everybody may write where temporary files are."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "link").symlink_to(precious)
    with pytest.raises(RayFailed, match="not ours"):
        remove_folder(tmp_path / "link")
    assert precious.exists()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "link")


def test_our_own_folder_lets_in_nobody_else_and_is_removed(tmp_path: Path) -> None:
    """Ray's sockets are in it."""
    make_folder(tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o700
    remove_folder(tmp_path / "ours")
    remove_folder(tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_the_key_is_new_each_time_and_only_its_owners(tmp_path: Path) -> None:
    """Whoever has it may run anything."""
    make_key(tmp_path)
    first = (tmp_path / ray_head.KEY_FILE).read_text()
    make_key(tmp_path)
    assert (tmp_path / ray_head.KEY_FILE).read_text() != first
    assert (tmp_path / ray_head.KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_nothing_in_the_environment_leads_to_another_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer may well have one of his own."""
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    monkeypatch.setenv("RAY_worker_niceness", "15")
    variables = environment(tmp_path)
    assert "RAY_ADDRESS" not in variables
    assert "RAY_AUTH_TOKEN" not in variables
    assert variables["RAY_worker_niceness"] == "0"
    assert variables["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / ray_head.KEY_FILE)

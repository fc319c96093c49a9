"""Commands find the installation's keys where gateways do, and looking for them makes none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from events.clock import system_clock
from gateway.keys import BadJwks, BadKeyFolder, Keys
from gateway.passes import pass_of_seat
from gateway.secret import Secret
from tests.unit.test_room_cli import seat
from tidegate.cli import app
from tidegate.cli.booking.common import Shown
from tidegate.cli.shared import Invocation
from tidegate.config import Settings, load
from tidegate.key_folder import installation_secret, public_keys, signing_keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "keys"


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    """Of an installation that keeps its keys somewhere else than its data."""
    environ = {"TIDEGATE_DATA_DIR": str(tmp_path / "data"), "TIDEGATE_GATEWAY_KEYS_DIR": str(folder)}
    return load(environ=environ).settings


def test_looking_makes_nothing(settings: Settings, tmp_path: Path) -> None:
    """And says where it looked; in a folder with keys, a secret that is missing is missing."""
    with pytest.raises(BadJwks, match="elsewhere"):
        public_keys(settings, system_clock())
    with pytest.raises(BadKeyFolder, match="elsewhere"):
        installation_secret(settings)
    assert not list(tmp_path.iterdir())
    signing_keys(settings)
    with pytest.raises(BadKeyFolder, match="there is no secret"):
        installation_secret(settings)


def test_the_keys_are_those_of_the_gateway(settings: Settings, folder: Path, tmp_path: Path) -> None:
    """Whoever signs makes them, and nobody makes others in the data directory."""
    now = system_clock()
    assert signing_keys(settings).jwks(now) == Keys.open(folder).jwks(now) == public_keys(settings, now).jwks()
    assert Secret.open(folder).derive("test") == installation_secret(settings).derive("test")
    assert not (tmp_path / "data").exists()


def test_a_pass_is_shown_and_checked_by_them(settings: Settings, folder: Path) -> None:
    """By whoever books behind a room, and by whoever looks at it."""
    now = system_clock()
    token = pass_of_seat("demo", seat(now + 60_000), Keys.open(folder), now)
    setting = ("--set", f"gateway.keys_dir={folder}")
    checked = CliRunner().invoke(app, ["room", "pass", "check", token, "--room", "sale", "--json", *setting])
    assert (checked.exit_code, json.loads(checked.stdout)["ticket"]) == (0, "sale.0.1")
    shown = CliRunner().invoke(app, ["room", "keys", "show", "--json", *setting])
    assert json.loads(shown.stdout) == Keys.open(folder).jwks(now)
    loaded = load(environ={"TIDEGATE_GATEWAY_KEYS_DIR": str(folder)})
    assert Shown(Invocation(loaded, json=False), token).ticket_for("sale", now) == "sale.0.1"

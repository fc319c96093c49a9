"""How webhooks are typed: what is said before anything is asked, and that every command shows how it is used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from actors.decider import Refusal
from events.webhooks import EVENTS
from tidegate import logs
from tidegate.cli import app
from tidegate.cli.webhook import webhook_app
from tidegate.cli.webhook.common import WebhookRefused, answer_shown, instant_shown


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhook", *arguments])


COMMANDS = typer.main.get_command(webhook_app).commands  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
def test_every_command_has_an_example_that_names_it(name: str, command: Any) -> None:
    """And the options that it shows exist."""
    examples = [part for part in (command.help or "").split("\n\n") if "tidegate webhook " in part]
    assert any(f"tidegate webhook {name}" in example for example in examples)
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", " ".join(examples))) <= known


def test_every_event_is_named_where_it_is_asked_for() -> None:
    """In the help, by its name."""
    told = " ".join(run("put", "--help").stdout.replace("│", " ").split())
    assert all(event in told for event in EVENTS)


def test_where_nothing_runs_everybody_says_so() -> None:
    """For people and for programs; and looking makes no secret."""
    for arguments in (
        ["list"],
        ["put", "shop", "https://example.org"],
        ["secret", "shop"],
        ["replay", "shop", "--all"],
    ):
        assert json.loads(run(*arguments, "--json").stderr)["error"]["code"] == "nothing_runs"
    assert not Path(".tidegate/keys").exists()


@pytest.mark.parametrize("arguments", [["put", "shop"], ["rotate", "shop", "--overlap", "soon"], ["test"], ["secret"]])
def test_what_is_missing_is_said_before_anything_is_asked(arguments: list[str]) -> None:
    """With what could not be read; nothing has to run for that."""
    ran = run(*arguments)
    assert ran.exit_code in (1, 2) and "nothing_runs" not in ran.stderr


def test_a_refusal_says_what_to_do_next() -> None:
    """In terms of endpoints, where there is something of the kind."""
    assert "webhook list" in WebhookRefused(Refusal("unknown_endpoint", "there is none")).next_step
    assert WebhookRefused(Refusal("busy", "later", "busy")).next_step == "ask again in a moment"


def test_answers_and_times_are_shown_as_people_read_them() -> None:
    """A status as it is, a reason in words, and no time as none."""
    assert (answer_shown(204, ""), answer_shown(0, "bad_certificate")) == ("204", "bad certificate")
    assert instant_shown(1_796_644_801_000, "UTC") == "Mon 2026-12-07 12:00:01"
    assert instant_shown(0, "UTC") == "–"

"""How webhooks are typed: what is said before anything is asked, and that every command shows how it is used."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from actors.decider import Refusal
from events.webhooks import EVENTS, TEST
from tidegate import asking, logs
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


def seen(**about: Any) -> dict[str, Any]:
    """How delivery goes, as it is answered."""
    return {
        "id": "shop", "courier": "one", "through": {}, "delivered": 0, "failed": 0, "delivered_at": 0,
        "failing_since": 0, "late_count": 0, "late": [], "dead": [], "dropped": 0, "attempts": [], **about,
    }  # fmt: skip


def tried(status: int, event: str = "room.phase", why: str = "") -> dict[str, Any]:
    return {"id": "17-0", "event": event, "at": 1, "took_ms": 4, "status": status, "why": why}


LATE = {"id": "17-0", "attempts": 1, "first_at": 1, "next_at": 2}
GOING: dict[str, tuple[dict[str, Any], str, str]] = {
    "a test that failed": (seen(attempts=[tried(500, TEST)]), "the last test failed: 500", "0 attempts, and 1 of the"),
    "one that nobody answered": (
        seen(delivered=1, attempts=[tried(204), tried(0, TEST, "bad_certificate")]),
        "the last test failed: bad certificate",
        "0 attempts, and 1 of the tests below",
    ),
    "a test that failed before": (
        seen(delivered=1, attempts=[tried(500, TEST), tried(204)]), "it goes well", "0 attempts, and 1 of the tests",
    ),
    "all well": (seen(delivered=2, failed=3, attempts=[tried(204, TEST), tried(204)]), "it goes well", "3 attempts"),
    "nothing yet": (seen(), "nothing was sent yet", "0 attempts"),
    "some that is late": (
        seen(delivered=1, failed=1, late=[LATE], late_count=1, attempts=[tried(500), tried(204)]),
        "not everything comes through",
        "1 attempts",
    ),
    "one that was given up": (
        seen(delivered=1, failed=1, attempts=[tried(204), tried(500)]), "the last attempt failed: 500", "1 attempts",
    ),
    "all bad": (
        seen(failed=1, failing_since=1_796_644_801_000, late=[LATE], attempts=[tried(500)]),
        "nothing succeeds since Mon 2026-12-07 12:00:01",
        "1 attempts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GOING)
def test_how_it_goes_is_no_better_than_what_is_below(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not well above a test that failed, though tests are not counted."""
    answer, headline, failed = GOING[case]

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[None]:
        yield

    async def answered(*_: Any) -> dict[str, Any]:
        return answer

    monkeypatch.setattr(asking, "opened", opened)
    monkeypatch.setattr(import_module("tidegate.cli.webhook.going"), "_seen", answered)
    ran = run("deliveries", "shop")
    assert ran.exit_code == 0, ran.stderr
    first, *lines = ran.stdout.splitlines()
    assert first == headline
    assert next(line for line in lines if "failed" in line).split(maxsplit=1)[1].startswith(failed)

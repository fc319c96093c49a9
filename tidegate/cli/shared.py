"""What all commands share: options, output, errors and exit codes.

A command is a plain function, sync or async, that takes an `Invocation` first and its own typer parameters
after it; its docstring is its help. `add` makes it known, gives it the common options, and sees to its errors:

    async def status(call: Invocation, watch: Annotated[bool, Option(help="Keep looking.")] = False) -> None:
        \"""Show hosts, partitions and rates.\"""
        ...

Standard output is for the answer, and with --json nothing but JSON. Logs, progress and errors go to standard error.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import orjson
import typer
from rich.console import Console

from events.errors import BadName, LogHalted, TidegateError
from tidegate import logs
from tidegate.config import BadSetting, Flag, Loaded, Settings, load
from tidegate.keeping import StackSuperseded
from tidegate.refused import Refused

PIPE_COLUMNS: Final = 240


class ExitCode(IntEnum):
    """What a command's end tells the shell."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CORRUPT = 3
    """The log contradicts itself, or what was acknowledged."""
    SUPERSEDED = 4
    """Another of the same name has taken its place: a machine that starts it again would start a fight."""


def _console(*, stderr: bool = False) -> Console:
    """Nothing is cut off in a file or a pipe, whoever reads it there."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


@dataclass(frozen=True)
class Invocation:
    """One run of one command: the settings in force, and where its answer goes."""

    loaded: Loaded
    json: bool = False
    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def answer(self, data: Any) -> None:
        """Print `data` as one line of JSON on standard output."""
        typer.echo(orjson.dumps(data))


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Read settings from this file instead of ./tidegate.toml."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change any setting, for example nats.port=4222. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


class SettingFlag(NamedTuple):
    """An option that is short for `--set KEY=…`: it goes the way of every other setting, and is checked there."""

    name: str
    key: str
    option: Any

    @property
    def spelled(self) -> str:
        return f"--{self.name.replace('_', '-')}"


COMMON_SETTINGS: Final = (
    SettingFlag(
        "data_dir",
        "data_dir",
        Annotated[str | None, typer.Option("--data-dir", metavar="PATH", help="The setting data_dir.")],
    ),
    SettingFlag(
        "log_level",
        "log.level",
        Annotated[
            str | None,
            typer.Option("--log-level", metavar="LEVEL", help="The setting log.level: debug, info, warning, error."),
        ],
    ),
)


def _parameter(name: str, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)


def add(
    app: typer.Typer, command: Callable[..., Any], name: str | None = None, *, settings: Sequence[SettingFlag] = ()
) -> None:
    """Make `command` known to `app`, under its own name (`_` becomes `-`) unless another is given.

    It finds the values of `settings` in its invocation's settings, and takes no arguments for them.
    """
    signature = inspect.signature(command, eval_str=True)
    short = (*settings, *COMMON_SETTINGS)
    common = (
        *(_parameter(one.name, one.option) for one in settings),
        _parameter("config_file", ConfigOption),
        _parameter("changes", SetOption),
        *(_parameter(one.name, one.option) for one in COMMON_SETTINGS),
        _parameter("as_json", JsonOption, default=False),
    )
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in list(signature.parameters.values())[1:]
    ]

    @functools.wraps(command)
    def run(*, config_file: Path | None, changes: list[str] | None, as_json: bool, **arguments: Any) -> None:
        given = {one: arguments.pop(one.name) for one in short}
        try:
            call = Invocation(load(config_file, flags=_flags(changes, given)), as_json)
            logs.setup(call.settings.log)
            ending = command(call, **arguments)
            if inspect.iscoroutine(ending):
                _run_async(ending)
        except TidegateError as error:
            report(error, as_json=as_json)
            raise typer.Exit(exit_code(error)) from error

    run.__signature__ = signature.replace(parameters=[*own, *common])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {}  # the signature says it all, resolved
    app.command(name, help=_unwrapped(command.__doc__ or ""))(run)


def _unwrapped(text: str) -> str:
    """Its paragraphs, each as one line: terminals wrap by themselves, and not where an editor does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def exit_code(error: TidegateError) -> ExitCode:
    match error:
        case LogHalted():
            return ExitCode.CORRUPT
        case BadSetting() | BadName():
            return ExitCode.USAGE
        case StackSuperseded():
            return ExitCode.SUPERSEDED
        case _:
            return ExitCode.FAILED


def report(error: TidegateError, *, as_json: bool, **about: str) -> None:
    """Say on standard error what went wrong, and what to do next. `about` is what a program needs for that."""
    if as_json:
        said = {"error": {"code": error.code, "detail": str(error), "next_step": error.next_step, **about}}
        typer.echo(orjson.dumps(said), err=True)
        return
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    word = "refused" if isinstance(error, Refused) else "error"
    console.print(f"{word}[{error.code}]: ", style="bold red", end="")
    console.print(str(error))
    if error.next_step:
        console.print(f"  next: {error.next_step}")


def _flags(changes: list[str] | None, given: Mapping[SettingFlag, Any]) -> list[Flag]:
    flags = []
    for change in changes or ():
        key, equals, text = change.partition("=")
        if not equals:
            raise BadSetting(f"--set {change}: expected KEY=VALUE")
        flags.append(Flag(f"--set {key}", key, text))
    flags += [Flag(one.spelled, one.key, str(value)) for one, value in given.items() if value is not None]
    return flags


def cancelled_by_interrupt() -> asyncio.Task[Any]:
    """From here on Ctrl-C cancels this task, which may then end in order. To be called before anything is told that
    a reader could take for enough."""
    work = asyncio.current_task()
    assert work is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, work.cancel)
    return work


def _run_async(work: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)

"""`tidegate up`: the whole system on this machine, in one command."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.markup import escape

from events.clock import iso, system_clock
from tidegate import run_file
from tidegate.cli.shared import Invocation, SettingFlag
from tidegate.config import DEMO_ORG, Settings

KILLED = 130

DEMO_LOOKS: Final = (
    "booking slots session studio-north --date mon",
    "booking watch studio-north mon",
    "room watch launch",
    "room crowd launch --visitors 100",
)

SETTINGS: Final = (
    SettingFlag(
        "runtime",
        "runtime",
        Annotated[Literal["ray", "process"] | None, typer.Option(help="What hosts actors, as the setting runtime.")],
    ),
    SettingFlag(
        "hosts",
        "hosts.count",
        Annotated[int | None, typer.Option(help="How many hosts, as hosts.count.", min=1, max=64)],
    ),
    SettingFlag(
        "nats_port",
        "nats.port",
        Annotated[int | None, typer.Option(help="As nats.port; 0 chooses.", min=0, max=65_535)],
    ),
    SettingFlag(
        "monitor_port",
        "nats.monitor_port",
        Annotated[int | None, typer.Option(help="As nats.monitor_port; 0 chooses.", min=0, max=65_535)],
    ),
)


async def up(call: Invocation) -> None:
    """Start everything on this machine, and keep it running until Ctrl-C.

    Data is kept in the data folder. Killed at any point, the next `up` recovers. Servers that are named in the settings
    (nats.urls, ray.address) are used instead of started. When both are, hosts stay on the Ray cluster and this ends.

    Ends with 3 when the log contradicts itself, and with 4 when another stack has taken its hosts' names: after these,
    nothing should start it again by itself.
    """
    from tidegate.stack import running

    settings = call.settings
    teller = Teller(call)
    work = asyncio.current_task()
    assert work is not None
    _on_signals(work, teller)
    try:
        with teller.busy("starting") as started:
            async with running(settings, teller) as stack:
                started()
                teller.where_to_look(settings, kept=stack.kept)
                if stack.kept:
                    await stack.watch()
    except asyncio.CancelledError:
        if not teller.told_to_stop:
            raise
        teller("down", "Everything stopped.")


class Teller:
    """Tells what happens: a line for people, a JSON object for programs, as it happens."""

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self.told_to_stop = False

    def __call__(self, event: str, text: str, *, wrong: bool = False, **about: Any) -> None:
        if self._call.json:
            self._call.answer({"event": event, "at": iso(system_clock()), "wrong": wrong, "text": text, **about})
            sys.stdout.flush()
        else:
            mark = "[bold red]![/]" if wrong else "[green]✓[/]"
            self._call.out.print(f"{mark} {escape(text)}", soft_wrap=True)

    @contextmanager
    def busy(self, doing: str) -> Iterator[Callable[[], None]]:
        """On a terminal, something moves until the function that is given is called, or the block ends."""
        if self._call.json or not self._call.out.is_terminal:
            yield lambda: None
            return
        with self._call.out.status(doing) as moving:
            yield moving.stop

    def where_to_look(self, settings: Settings, *, kept: bool) -> None:
        if self._call.json:
            return
        me = spelled_command(sys.argv[0], os.environ)
        folder = "" if settings.data_dir == Path(".tidegate") else f" --data-dir {shlex.quote(str(settings.data_dir))}"
        run = run_file.read(run_file.path_of(settings.data_dir))
        lines = [f"open [bold]{run.gateway}[/] in a browser, or ask it: /docs says how"] if run and run.gateway else []
        lines += [
            f"data and logs in [bold]{escape(str(settings.data_dir))}[/]. Try, in another terminal:",
            f"  {me} status{folder}",
            f"  {me} booking list{folder}",
            *(f"  {me} {one}{folder}" for one in DEMO_LOOKS if settings.org == DEMO_ORG),
            f"  {me} log tail{folder}",
            "Ctrl-C stops everything." if kept else f"Hosts stay on the Ray cluster; {me} down{folder} stops them.",
        ]
        self._call.out.print("\n".join(lines), soft_wrap=True)


def spelled_command(program: str, environ: Mapping[str, str]) -> str:
    """How this program is called from here: by its name when that leads to it, else by its path."""
    found = shutil.which("tidegate", path=environ.get("PATH"))
    if Path(program).name != "tidegate":
        return f"{Path(sys.executable).name} -m tidegate"
    if found is not None and Path(found).resolve() == Path(program).resolve():
        return "tidegate"
    path = Path(program).absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _on_signals(work: asyncio.Task[Any], teller: Teller) -> None:
    """The first Ctrl-C or SIGTERM stops in order; a second one ends at once, and the next start recovers."""

    def stop() -> None:
        if teller.told_to_stop:
            teller("killed", "Ended at once; the next start recovers.", wrong=True)
            os._exit(KILLED)
        teller.told_to_stop = True
        teller("stopping", "Stopping; once more ends at once.")
        work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)

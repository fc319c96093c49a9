"""Plain child processes of the stack, started again when they die: its hosts, and its projector."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.runtime.serving import LEAVE_WITHIN_MS
from tidegate import children, run_file
from tidegate.children import Child
from tidegate.config import LogSettings
from tidegate.keeping import Pauses, StackHalted, StackSuperseded, Tell, start_again

STOP_TIMEOUT_MS: Final = LEAVE_WITHIN_MS + 2_000
LASTING: Final = {3: StackHalted, 4: StackSuperseded}
"""How a host ends (`tidegate.cli.shared.ExitCode`) that must not be started again, and how that ends the stack."""
_LAST_WORDS_BYTES: Final = 4_096


class Processes:
    """Of one `kind`, each by its own name: `commands` are what they run, as words behind `tidegate`. They are as `nice`
    as `children` says."""

    def __init__(
        self,
        kind: str,
        commands: Mapping[str, Sequence[str]],
        data_dir: Path,
        settings: LogSettings,
        tell: Tell,
        *,
        nice: int = 0,
    ) -> None:
        self.kind: Final = kind
        self._nice: Final = nice
        self._data_dir: Final = data_dir.absolute()
        self._commands: Final = dict(commands)
        self._settings: Final = settings
        self._tell: Final = tell
        self._children: Final[dict[str, Child]] = {}

    async def start(self) -> None:
        await asyncio.gather(*(self._start(name) for name in self._commands))

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop(STOP_TIMEOUT_MS) for child in self._children.values()))
        self._children.clear()

    async def watch(self) -> None:
        async with asyncio.TaskGroup() as watching:
            for name in self._commands:
                watching.create_task(self._keep(name))

    async def _keep(self, name: str) -> None:
        pauses = Pauses()
        while True:
            pauses.began()
            ended = await self._children[name].wait()
            if ended in LASTING:
                raise LASTING[ended](f"{name} stopped: {self._last_words(name)}")
            text = f"{name} ended ({_said(ended)}); starting it again"
            self._tell(f"{self.kind}_ended", text, wrong=True, ended=ended, **{self.kind: name})
            await self._children[name].kill()
            await start_again(name, lambda: self._start(name), pauses, self._tell)

    async def _start(self, name: str) -> None:
        self._children[name] = await children.start(
            self._data_dir,
            name,
            self._command(name),
            environment={key: value for key, value in os.environ.items() if not key.startswith("TIDEGATE_")},
            folder=self._data_dir,
            log_file=self._log_file(name),
            nice=self._nice,
        )

    def _command(self, name: str) -> list[str]:
        """All that it needs is said here, so that no file or variable can make it another's."""
        run = run_file.path_of(self._data_dir)
        logs = ["--set", f"log.level={self._settings.level}", "--set", "log.format=json"]
        return [sys.executable, "-m", "tidegate", *self._commands[name], "--run-file", str(run), *logs]

    def _log_file(self, name: str) -> Path:
        return self._data_dir / "logs" / f"{name}.log"

    def _last_words(self, name: str) -> str:
        """The end of its log."""
        with self._log_file(name).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("error[")]
        return errors[-1] if errors else f"see {self._log_file(name)}"


def _said(ended: int) -> str:
    return f"killed by signal {-ended}" if ended < 0 else f"exit code {ended}"

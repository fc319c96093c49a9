"""Commands of one group, typed by hand: each a process of its own, in the folder of a stack that runs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.stack import Ended, environment, tidegate


class ByHand:
    """`tidegate <group> …`, with these settings."""

    def __init__(self, group: str, *settings: str) -> None:
        self._group: Final = group
        self._settings: Final = settings

    async def accepted(self, folder: Path, *words: str) -> Any:
        """What a command that is accepted answers, in the end."""
        ended = await tidegate(folder, self._group, *words, *self._settings, "--json")
        assert ended.code == 0, (words, ended.err)
        return ended.data

    async def error(self, folder: Path, *words: str) -> dict[str, str]:
        """What a command that is refused says."""
        ended = await tidegate(folder, self._group, *words, *self._settings, "--json")
        assert ended.code == 1, (words, ended.out)
        said: dict[str, str] = json.loads(ended.err.splitlines()[-1])["error"]
        return said

    async def plain(self, folder: Path, *words: str) -> Ended:
        """As a person sees it."""
        return await tidegate(folder, self._group, *words, *self._settings)

    @asynccontextmanager
    async def following(self, folder: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command that runs on its own until the block ends; then Ctrl-C ends it in order."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tidegate", self._group, *words, *self._settings, "--json",
            cwd=folder, env=environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> Any:
    """The next line that it prints."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return json.loads(await process.stdout.readline())

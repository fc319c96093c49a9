"""The NATS server of an embedded stack: kept alive, on the same store and the same ports.

A server that could not write gives up: it refuses every write from then on, and does not try again by itself even when
there is room. It says so where it is monitored, and only there. So it is asked, and started anew when there is room.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Final

import structlog

from events.nats.reach import Reach
from events.nats.server import NatsServer, free_port
from tidegate import parts, run_file
from tidegate.config import Settings
from tidegate.doctor import is_free
from tidegate.keeping import Pauses, Tell, start_again

log = structlog.get_logger(__name__)

ROOM_MB_MIN: Final = 32
"""With less than this free, starting a server that gave up would be in vain."""
_LOOK_EVERY_MS: Final = 200
_ASK_EVERY_MS: Final = 1_000


class NatsPart:
    name = "nats-server"

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._data_dir: Final = settings.data_dir
        self._tell: Final = tell
        self._pauses: Final = Pauses()
        earlier = _earlier_ports(settings.data_dir)
        self.server: Final = NatsServer(
            settings.data_dir.absolute() / "nats",
            port=settings.nats.port or _port(earlier[0]),
            monitoring_port=settings.nats.monitor_port or _port(earlier[1]),
        )
        self.reach: Final = Reach(
            servers=(self.server.url,),
            monitors=(self.server.monitor,),
            stream=settings.nats.stream,
            bytes_max=settings.nats.max_bytes or None,
            identity=run_file.promised_identity(settings.data_dir),
        )

    async def start(self) -> None:
        await self.server.launch()
        pid = self.server.pid
        if pid is not None:
            parts.note(self._data_dir, self.name, pid)
        self._pauses.began()
        await self.server.ready()

    async def stop(self) -> None:
        await self.server.stop()
        parts.forget(self._data_dir, self.name)

    async def watch(self) -> None:
        while True:
            why = await self._trouble()
            self._tell("part_lost", f"{self.name} {why}; starting it again", wrong=True, part=self.name, reason=why)
            await start_again(self.name, self._start_again, self._pauses, self._tell)
            self._tell("part_back", f"{self.name} is back at {self.server.url}", part=self.name, pid=self.server.pid)

    async def _start_again(self) -> None:
        await self.server.stop()
        await self.start()

    async def _trouble(self) -> str:
        """Wait until the server must be started again; why."""
        loop = asyncio.get_running_loop()
        ask_at = loop.time()
        refusing = ""
        while self.server.running:
            if loop.time() >= ask_at:
                ask_at = loop.time() + _ASK_EVERY_MS / 1000
                why = await self._refusal()
                if why and self._room_mb() >= ROOM_MB_MIN:
                    return f"refuses writes ({why})"
                if why and not refusing:
                    text = f"{self.name} refuses writes ({why}), and {self._data_dir} has no room; waiting for some"
                    self._tell("no_room", text, wrong=True, part=self.name, reason=why)
                refusing = why
            await asyncio.sleep(_LOOK_EVERY_MS / 1000)
        return "ended"

    async def _refusal(self) -> str:
        """Why the server takes no writes until it is started again; empty while it takes them, or cannot be asked."""
        why = await self.server.complaint()
        if "write error" in why or "disabled" in why or "not enabled" in why:
            return why
        if why:
            log.debug("nats_complains", why=why)
        return ""

    def _room_mb(self) -> int:
        return shutil.disk_usage(self.server.directory).free >> 20


def _earlier_ports(data_dir: Path) -> tuple[int, int]:
    """Those of a run that was killed, so that whoever was connected to it finds this one; 0 when there was none."""
    run = run_file.read(run_file.path_of(data_dir))
    if run is None or len(run.reach.servers) != 1 or len(run.reach.monitors) != 1:
        return 0, 0
    numbers = [url.rpartition(":")[2] for url in (*run.reach.servers, *run.reach.monitors)]
    return (int(numbers[0]), int(numbers[1])) if all(number.isdigit() for number in numbers) else (0, 0)


def _port(earlier: int) -> int:
    return earlier if earlier and is_free(earlier) else free_port()

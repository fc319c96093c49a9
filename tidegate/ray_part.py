"""Hosts under Ray: on a Ray of our own, or on a cluster's.

Ray starts a host's process again when it dies. What is left to the stack: starting a Ray of its own again, asking Ray
about a host that stays silent, and having one made anew that Ray has given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.runtime.serving import LEAVE_WITHIN_MS, HostAbout, HostSuperseded
from events.errors import TidegateError
from events.nats.reach import Reach
from tidegate import parts, ray_driver
from tidegate.keeping import Pauses, StackHalted, StackSuperseded, Tell, start_again
from tidegate.listening import Listening
from tidegate.ray_driver import Level, ListHosts, RayErrandLate, StartHosts, StopHosts
from tidegate.ray_head import RayHead

SILENT_MS_MAX: Final = 6_000
"""A host that is not heard for this long is asked about. Ray starts one again within a second or two."""
START_WITHIN_S: Final = 30
"""Hosts start in 2 to 4 s. One in a hundred fresh Rays did not answer for a minute: then somebody else asks, with more
patience. Hosts that are there by then are left as they are."""
STOP_TIMEOUT_S: Final = LEAVE_WITHIN_MS / 1000 + 15
"""What leaving takes, and a process that asks for it."""
ASK_AGAIN_MS: Final = 15_000
_LOOK_EVERY_MS: Final = 250


class Cluster:
    """A Ray cluster that is there without us. `environment` is what a driver of it needs."""

    def __init__(self, address: str, namespace: str, environment: Mapping[str, str]) -> None:
        self.address: Final = address
        self.namespace: Final = namespace
        self.environment: Final = environment


class RayHosts:
    """Hosts on `ray`: ours to keep when it is a `RayHead`. `data_dir` is None for those of a cluster, which may run
    anywhere; others log there, and note which process they are."""

    name = "hosts"

    def __init__(
        self,
        ray: RayHead | Cluster,
        names: Sequence[str],
        reach: Reach,
        tell: Tell,
        *,
        level: Level,
        data_dir: Path | None,
    ) -> None:
        self._ray: Final = ray
        self._names: Final = tuple(names)
        self._reach: Final = reach
        self._tell: Final = tell
        self._level: Final[Level] = level
        self._data_dir: Final = data_dir.absolute() if data_dir is not None else None

    async def start(self) -> None:
        ray = self._ray
        data_dir = "" if self._data_dir is None else str(self._data_dir)
        errand = StartHosts(ray.address, self._names, self._reach, self._level, data_dir, ray.namespace)
        try:
            await ray_driver.run(errand, ray.environment, START_WITHIN_S)
        except RayErrandLate as error:
            self._tell("ray_is_asked_again", f"hosts do not start: {error}; asking again", part="ray")
            await ray_driver.run(errand, ray.environment)

    async def stop(self) -> None:
        """Hosts leave in order; those of a Ray of our own that doesn't answer end with it."""
        try:
            if isinstance(self._ray, Cluster) or self._ray.pid is not None:
                await ray_driver.run(
                    StopHosts(self._ray.address, self._ray.namespace), self._ray.environment, STOP_TIMEOUT_S
                )
        finally:
            if self._data_dir is not None:
                for name in self._names:
                    parts.forget(self._data_dir, name)

    async def watch(self, listening: Listening, connected: Callable[[], bool]) -> None:
        """`connected` says whether hosts could be heard at all."""
        loop = asyncio.get_running_loop()
        pauses = Pauses()
        pauses.began()
        ask_at = loop.time()
        while True:
            if isinstance(self._ray, RayHead) and self._ray.pid is None:
                await self._start_ray_again(self._ray, pauses)
                ask_at = loop.time() + ASK_AGAIN_MS / 1000
            if not connected():
                ask_at = max(ask_at, loop.time() + SILENT_MS_MAX / 1000)
            silent = [name for name in self._names if listening.silent_ms(name) > SILENT_MS_MAX]
            if silent and loop.time() >= ask_at:
                await self._ask_about(silent)
                ask_at = loop.time() + ASK_AGAIN_MS / 1000
            await asyncio.sleep(_LOOK_EVERY_MS / 1000)

    async def _start_ray_again(self, head: RayHead, pauses: Pauses) -> None:
        async def all_of_it() -> None:
            await head.start()
            await self.start()

        self._tell("part_lost", "Ray ended; starting it and its hosts again", wrong=True, part="ray")
        await start_again("Ray", all_of_it, pauses, self._tell)
        self._tell("part_back", f"Ray is back at {head.address}", part="ray", pid=head.pid)

    async def _ask_about(self, silent: Sequence[str]) -> None:
        """Raise when a host stays down for a reason; have it made anew when Ray no longer knows it."""
        try:
            asked = ListHosts(self._ray.address, self._ray.namespace)
            known = {host.name: host for host in await ray_driver.run(asked, self._ray.environment)}
            for name in silent:
                host = known.get(name, HostAbout(name, False))
                if host.failure:
                    superseded = host.failure.startswith(f"{HostSuperseded.code}:")
                    raise (StackSuperseded if superseded else StackHalted)(f"{name} stays down: {host.failure}")
            if not set(silent) <= known.keys():
                await self.start()
        except (StackHalted, StackSuperseded):
            raise
        except TidegateError as error:
            self._tell(
                "ray_does_not_answer", f"Ray does not answer: {error}", wrong=True, part="ray", reason=str(error)
            )

"""The embedded stack: a NATS server, Ray or plain processes, and hosts, on this machine; started, watched, stopped.

    lock the folder ─▶ end what a kill left ─▶ servers ─▶ open the log ─▶ hosts ─▶ wait until all partitions are owned

Each step waits by asking. Stopping is the same backwards, in a bounded time. What is named in the settings (nats.urls,
ray.address) is used instead of started, and not stopped. When nothing was started that has to be kept, there is nothing
to watch: hosts on a cluster's Ray stay there by themselves until `tidegate down`.

Killed at any point, the next start finds by the notes on disk (`parts`) what is still running, and ends it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import msgspec
import structlog

from events.clock import system_clock
from events.errors import BusError, TidegateError
from events.nats.ground import Ground, reached
from events.nats.log import JetStreamLog
from events.nats.reach import Reach
from events.nats.server import free_port
from gateway.http import port
from gateway.http.operating import LIVES, LOG_HEADER
from projections.answering import ask
from projections.folding import epoch_of
from projections.questions import Shown
from tidegate import demo, run_file
from tidegate.asking import on
from tidegate.config import DEMO_ORG, Settings, said_again
from tidegate.keeping import Tell, first_of
from tidegate.leftovers import end_leftovers
from tidegate.listening import Listening
from tidegate.lock import only_one
from tidegate.nats_part import NatsPart
from tidegate.processes import Processes
from tidegate.ray_head import RayHead
from tidegate.ray_part import Cluster, RayHosts

log = structlog.get_logger(__name__)

HOSTS_TIMEOUT_MS: Final = 60_000
FILL_WITHIN_MS: Final = 30_000
"""How long a start waits for the demo organisation."""
LOST_MS: Final = 1_000
"""A host that is not heard for this long is said to be lost."""
ANSWERS_WITHIN_MS: Final = 15_000
"""How long a start waits for the read models to have caught up."""
ANSWER_MS: Final = 1_000
PROJECTOR_NICE: Final = 5
"""In a rush those who decide and who answer go before who tells what happened: a third of their share is left to it."""
_LOOK_EVERY_MS: Final = 200
_SAID_BYTES_MAX: Final = 4_096


class Stack:
    """What runs, while it runs. Made by `running`."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings: Final = settings
        self.names: Final = tuple(f"host-{number}" for number in range(1, settings.hosts.count + 1))
        self.listening: Final = Listening()
        self._tell: Final = tell
        self._nats: NatsPart | None = None
        self._head: RayHead | None = None
        self._hosts: Processes | RayHosts | None = None
        self._projector: Processes | None = None
        self._gateway: Processes | None = None
        self._ground: Ground | None = None
        self._known: dict[str, str] = {}
        """The incarnation of each host that was last said to be here; empty for one that was said to be lost."""

    @property
    def kept(self) -> bool:
        """Whether anything was started here that has to be watched and stopped."""
        return self._nats is not None or not isinstance(self._hosts, RayHosts) or self._head is not None

    async def start(self, stops: AsyncExitStack) -> None:
        """Start everything; what has to be stopped is pushed on `stops` before it is started."""
        began = time.perf_counter()
        settings = self.settings
        await self._end_leftovers()
        gateway_port = self._gateway_port()
        if settings.embedded:
            self._nats = NatsPart(settings, self._tell)
            stops.push_async_callback(self._stop, self._nats.name, self._nats)
        if settings.runtime == "ray" and not settings.ray.address:
            self._head = RayHead(settings.data_dir, settings.ray)
            stops.push_async_callback(self._stop, "ray", self._head)
        await self._start_servers(self._nats, self._head)
        reach = self._nats.reach if self._nats is not None else run_file.external(settings)
        self._ground = ground = await stops.enter_async_context(reached(reach, name="tidegate-up"))
        reach = await self._open_log(ground, reach)
        run_file.write(settings.data_dir, self._run(reach, gateway_port))
        stops.callback(run_file.forget, settings.data_dir)
        await self._start_hosts(reach, ground, stops)
        if self.kept:
            await self._start_projector(ground, stops)
        else:
            await self._look_for_projector(ground)
        if gateway_port and self.kept:
            assert reach.identity is not None, "the log is open"
            await self._start_gateway(gateway_port, epoch_of(reach.identity), stops)
        if settings.embedded and settings.org == DEMO_ORG:  # a log that others keep is not ours to put a demo into
            await self._fill(ground)
        self._tell("ready", f"everything runs, after {time.perf_counter() - began:.1f} s", hosts=list(self.names))

    async def watch(self) -> None:
        """Keep everything alive, without end. Raises what a person has to look at."""
        assert self._hosts is not None
        try:
            async with asyncio.TaskGroup() as watching:
                if self._nats is not None:
                    watching.create_task(self._nats.watch())
                if isinstance(self._hosts, RayHosts):
                    watching.create_task(self._hosts.watch(self.listening, self._can_hear))
                else:
                    watching.create_task(self._hosts.watch())
                for processes in (self._projector, self._gateway):
                    if processes is not None:
                        watching.create_task(processes.watch())
                watching.create_task(self._tell_of_hosts())
        except* TidegateError as group:
            raise first_of(group) from None

    # Starting

    async def _end_leftovers(self) -> None:
        async for part in end_leftovers(self.settings.data_dir):
            text = f"ended {part.name} ({part.pid}), which a killed run had left"
            self._tell("leftover_ended", text, part=part.name, pid=part.pid)

    async def _start_servers(self, nats: NatsPart | None, head: RayHead | None) -> None:
        async def start_nats(part: NatsPart) -> None:
            began = time.perf_counter()
            await part.start()
            server = part.server
            text = f"nats-server at {server.url} ({_since(began)})"
            self._tell("nats_started", text, url=server.url, monitor=server.monitor, pid=server.pid)

        async def start_ray(ray: RayHead) -> None:
            began = time.perf_counter()
            await ray.start()
            self._tell("ray_started", f"Ray at {ray.address} ({_since(began)})", address=ray.address, pid=ray.pid)

        if nats is not None:
            nats.server.directory.parent.mkdir(parents=True, exist_ok=True)
        starting = [start_nats(nats)] if nats is not None else []
        starting += [start_ray(head)] if head is not None else []
        try:
            async with asyncio.TaskGroup() as together:
                for one in starting:
                    together.create_task(one)
        except* TidegateError as group:
            raise first_of(group) from None

    async def _open_log(self, ground: Ground, reach: Reach) -> Reach:
        """Open the log, or make it. From here on everybody means this very one."""
        events: JetStreamLog = await ground.log(create=True)
        head = await events.head()
        if self.settings.embedded and reach.identity is None:
            run_file.promise(self.settings.data_dir, events.identity)
        text = f"log {reach.stream!r} is safe to write to, at sequence {head.last}"
        self._tell("log_opened", text, sequence=head.last, bytes=head.bytes, identity=events.identity)
        return msgspec.structs.replace(reach, identity=events.identity)

    async def _start_hosts(self, reach: Reach, ground: Ground, stops: AsyncExitStack) -> None:
        began = time.perf_counter()
        settings = self.settings
        await self.listening.start(ground.bus)
        stops.push_async_callback(self.listening.stop)
        if settings.runtime == "ray":
            ray = self._head or Cluster(settings.ray.address, settings.ray.namespace, os.environ)
            data_dir = settings.data_dir if self._head is not None else None
            hosts = RayHosts(ray, self.names, reach, self._tell, level=settings.log.level, data_dir=data_dir)
            self._hosts = hosts
            if self.kept:
                stops.push_async_callback(self._stop, "hosts", hosts)
            await hosts.start()
        else:
            commands = {name: ("host", "--name", name) for name in self.names}
            processes = Processes("host", commands, settings.data_dir, settings.log, self._tell)
            self._hosts = processes
            stops.push_async_callback(self._stop, "hosts", processes)
            await processes.start()
        await self.listening.all_here(ground.bus, self.names, HOSTS_TIMEOUT_MS)
        self._known = {name: self.listening.hosts[name].beat.incarnation for name in self.names}
        text = f"{len(self.names)} hosts own all partitions ({_since(began)})"
        self._tell("hosts_started", text, hosts=list(self.names), runtime=settings.runtime)

    async def _start_projector(self, ground: Ground, stops: AsyncExitStack) -> None:
        """The read models; they may take a while to catch up with a long log, and nobody else waits for them."""
        began = time.perf_counter()
        settings = self.settings
        commands = {"projector": ("projector",)}
        self._projector = projector = Processes(
            "projector", commands, settings.data_dir, settings.log, self._tell, nice=PROJECTOR_NICE
        )
        stops.push_async_callback(self._stop, "projector", projector)
        await projector.start()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_MS / 1000):
                await _answering(ground, settings.org)
        except TimeoutError:
            self._tell("projector_late", "the read models are still catching up with the log", wrong=True)
        else:
            self._tell("projector_started", f"the read models answer ({_since(began)})")

    def _gateway_port(self) -> int:
        """Where the gateway will listen, which has to be free; 0 when there is to be none."""
        asked = self.settings.gateway
        if not asked.workers:
            return 0
        number = asked.port or free_port()
        port.taken(asked.host, number).close()
        return number

    async def _start_gateway(self, number: int, epoch: str, stops: AsyncExitStack) -> None:
        began = time.perf_counter()
        settings = self.settings
        workers, aside = settings.gateway.workers, settings.gateway.metrics_port
        commands: dict[str, Sequence[str]] = {}
        for one in range(workers):
            said = {"gateway.port": number, "gateway.workers": 1, "data_dir": settings.data_dir.absolute()}
            said |= {"gateway.metrics_port": aside + one} if aside else {}
            words = [word for key, value in said.items() for word in ("--set", f"{key}={value}")]
            all_of_it = (
                "gateway",
                "--sharing",
                str(workers),
                *said_again(settings, "gateway."),
                *said_again(settings, "mail."),
                *words,
            )
            commands[f"gateway-{one + 1}"] = all_of_it
        self._gateway = gateway = Processes("gateway", commands, settings.data_dir, settings.log, self._tell)
        stops.push_async_callback(self._stop, "gateway", gateway)
        await gateway.start()
        url = run_file.url_of(settings.gateway.host, number)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_MS / 1000):
                await _listening(settings.gateway.host, number, epoch)
        except TimeoutError:
            self._tell("gateway_late", f"the gateway does not answer yet: see {settings.data_dir}/logs", wrong=True)
        else:
            self._tell("gateway_started", f"the gateway answers at {url} ({_since(began)})", url=url)

    async def _look_for_projector(self, ground: Ground) -> None:
        """Nothing stays here that could keep one."""
        try:
            async with asyncio.timeout(ANSWER_MS / 1000):
                await _answering(ground, self.settings.org)
        except TimeoutError:
            text = "nobody keeps the read models yet: run `tidegate projector` where something stays"
            self._tell("no_projector", text, wrong=True)

    async def _fill(self, ground: Ground) -> None:
        """Something to look at, when there is nothing yet."""
        try:
            async with on(ground, self.settings.org, by="demo") as asking:
                if not await demo.is_wanted(asking):
                    return
                async with asyncio.timeout(FILL_WITHIN_MS / 1000):
                    filled = await demo.fill(asking)
        except TimeoutError:
            text = "the demo organisation is not complete yet: `tidegate demo` goes on"
            self._tell("not_filled", text, wrong=True, reason="late")
        except TidegateError as error:  # refused, unknown, out of reach: a demo is no reason to end what runs
            self._tell("not_filled", f"the demo organisation was not put there: {error}", wrong=True, reason=error.code)
        else:
            if filled.new:
                self._tell("filled", f"{self.settings.org!r} has {filled.told}", **filled.data)

    def _run(self, reach: Reach, gateway_port: int) -> run_file.Run:
        settings = self.settings
        address = self._head.address if self._head is not None else settings.ray.address
        return run_file.Run(
            keeper=os.getpid(),
            since=system_clock(),
            runtime=settings.runtime,
            hosts=self.names,
            reach=reach,
            ray_address=address,
            gateway=run_file.url_of(settings.gateway.host, gateway_port) if gateway_port else "",
        )

    # Watching

    def _can_hear(self) -> bool:
        return self._ground is not None and self._ground.connection.connected

    async def _tell_of_hosts(self) -> None:
        """Say when a host is lost, and when it is back."""
        while True:
            for name in self.names:
                known, heard = self._known[name], self.listening.hosts.get(name)
                if known and self._can_hear() and self.listening.silent_ms(name) > LOST_MS:
                    self._known[name] = ""
                    self._tell("host_lost", f"{name} is not heard; others take over", wrong=True, host=name)
                elif (
                    heard is not None and known != heard.beat.incarnation and self.listening.silent_ms(name) <= LOST_MS
                ):
                    self._known[name] = heard.beat.incarnation
                    self._tell("host_back", f"{name} is here again", host=name, incarnation=heard.beat.incarnation)
            await asyncio.sleep(_LOOK_EVERY_MS / 1000)

    # Stopping

    async def _stop(self, name: str, part: NatsPart | RayHead | RayHosts | Processes) -> None:
        began = time.perf_counter()
        try:
            await part.stop()
        except (TidegateError, OSError) as error:
            self._tell(
                "not_stopped", f"{name} did not stop in order: {error}", wrong=True, part=name, reason=str(error)
            )
        else:
            self._tell("stopped", f"{name} stopped ({_since(began)})", part=name)


@asynccontextmanager
async def running(settings: Settings, tell: Tell) -> AsyncIterator[Stack]:
    """A stack, started; stopped when the block ends, however it ends. A start that fails stops what it had started."""
    stack = Stack(settings, tell)
    with only_one(settings.data_dir):
        async with AsyncExitStack() as stops:
            await stack.start(stops)
            yield stack


async def _answering(ground: Ground, org: str) -> None:
    """Until the read models answer questions."""
    while True:
        try:
            await ask(ground.bus, Shown(org=org, topic="catalog"), ANSWER_MS)
        except BusError:  # nobody is there yet
            await asyncio.sleep(_LOOK_EVERY_MS / 1000)
        else:
            return


async def _listening(host: str, number: int, epoch: str) -> None:
    """Until a gateway of this log answers there. Somebody else may have taken the port since it was looked at, maybe
    another stack for its own gateway; one that shares our log is as good."""
    while True:
        if await is_gateway(host, number, epoch):
            return
        await asyncio.sleep(_LOOK_EVERY_MS / 1000)


async def is_gateway(host: str, number: int, epoch: str) -> bool:
    try:
        async with asyncio.timeout(ANSWER_MS / 1000):
            reader, writer = await asyncio.open_connection(host, number)
            try:
                writer.write(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
                said = b""
                while len(said) < _SAID_BYTES_MAX and (more := await reader.read(_SAID_BYTES_MAX)):
                    said += more
                head, _, body = said.partition(b"\r\n\r\n")
                status, *headers = head.lower().split(b"\r\n")
                ours = f"{LOG_HEADER}: {epoch}".lower().encode() in headers
                return ours and b" 200 " in status and body == LIVES.encode()
            finally:
                writer.close()
    except OSError:  # nobody is there, or hangs up, or says nothing: a TimeoutError is one
        return False


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.2f} s"

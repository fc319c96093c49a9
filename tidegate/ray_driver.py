"""One errand on a Ray cluster, in a process of its own, which gets the errand on its standard input.

A driver's process is aborted by Ray when the cluster's head is gone, and importing Ray takes 40 MB: so the stack never
is one itself. `run` sends somebody on the errand; `main` is what they do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from actors.runtime.serving import HostAbout
from events.errors import TidegateError
from events.nats.reach import Reach
from tidegate import logs, parts
from tidegate.config import LogSettings

ERRAND_TIMEOUT_S: Final = 120


class RayErrandFailed(TidegateError):
    """Ray did not do what it was asked."""

    code = "ray_errand_failed"
    next_step = "look whether Ray runs (`ray status`), and at its logs"


NAMESPACE: Final = "tidegate"
"""Hosts of two logs on one Ray cluster would take each other for their own: they are apart by this."""


class RayErrandLate(RayErrandFailed):
    """Ray did not do it in time. It may still."""

    code = "ray_errand_late"


Level: TypeAlias = Literal["debug", "info", "warning", "error"]


class StartHosts(msgspec.Struct, frozen=True, tag=True):
    """See that these hosts run. On the machine of an embedded stack `data_dir` is its folder: hosts log to
    `<data_dir>/logs/<name>.log`, and note there which process they are. Elsewhere it is empty, and they log where Ray
    likes."""

    address: str
    names: tuple[str, ...]
    reach: Reach
    level: Level
    data_dir: str = ""
    namespace: str = NAMESPACE


class ListHosts(msgspec.Struct, frozen=True, tag=True):
    address: str
    namespace: str = NAMESPACE


class StopHosts(msgspec.Struct, frozen=True, tag=True):
    address: str
    namespace: str = NAMESPACE


Errand: TypeAlias = StartHosts | ListHosts | StopHosts


class Done(msgspec.Struct, frozen=True):
    """What came of it: the hosts as they are now, or were; or why it failed."""

    hosts: tuple[HostAbout, ...] = ()
    failed: str = ""


async def run(
    errand: Errand, environment: Mapping[str, str], within_s: float = ERRAND_TIMEOUT_S
) -> tuple[HostAbout, ...]:
    """Send a process on the errand, and wait for it. `environment` says how Ray lets it in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from tidegate.ray_driver import main; main()",  # not as the main module, which Ray would send along by value
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within_s):
            said, complained = await process.communicate(msgspec.json.encode(errand))
    except TimeoutError as error:
        raise RayErrandLate(f"Ray did not do it within {within_s} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        done = msgspec.json.decode(said.splitlines()[-1] if said else b"", type=Done)
    except msgspec.DecodeError as error:
        last_words = " ".join(complained.decode(errors="replace").strip().splitlines()[-3:])
        raise RayErrandFailed(f"{type(errand).__name__} ended with {process.returncode}: {last_words}") from error
    if done.failed:
        raise RayErrandFailed(done.failed)
    return done.hosts


def main() -> None:
    """The errand on standard input; what came of it is the last line of standard output."""
    errand: Errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    logs.setup(LogSettings(level="warning"))
    try:
        done = Done(_do(errand))
    except TidegateError as error:
        done = Done(failed=f"{error.code}: {error}")
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(done) + b"\n")


def _do(errand: Errand) -> tuple[HostAbout, ...]:
    from actors.runtime import ray_hosts  # noqa: PLC0415  # Ray is imported by who is on an errand, and by nobody else

    with ray_hosts.cluster(errand.address, errand.namespace):
        if isinstance(errand, StartHosts):
            settings = LogSettings(level=errand.level, format="json")
            return tuple(ray_hosts.start_hosts(errand.reach, errand.names, partial(prepare, errand.data_dir, settings)))
        if isinstance(errand, StopHosts):
            return tuple(HostAbout(name, False) for name in ray_hosts.stop_hosts())
        return tuple(ray_hosts.list_hosts())


def prepare(data_dir: str, settings: LogSettings, name: str) -> None:
    """Set up the logs of the host `name` and note its process: called in that process, each time that Ray starts it."""
    if data_dir:
        parts.note(Path(data_dir), name, os.getpid())
        logs.setup(settings, (Path(data_dir) / "logs" / f"{name}.log").open("a", encoding="utf-8", buffering=1))
    else:
        logs.setup(settings)

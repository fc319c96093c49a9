"""Hosts under Ray: named, detached, restarted Ray actors, each a process that runs one host.

This is the only module that imports Ray.

Ray is asked for three things: to start the processes where there is room, to start them again when they die (it takes
0.6–0.9 s here), and to know their names. No command goes through it: a NATS request takes a sixth of the time of a Ray
call. Whether a host lives is told by its own beats, never by Ray.

The host has a thread and an event loop of its own, started by the constructor: so it runs again after a restart without
anybody calling, and Ray's own thread stays free to answer `about`. Running it on the loop of an asynchronous Ray actor
was measured beside it, and beside a plain process: no difference (both loops are uvloop).

A host that must not be started again by a machine (see `serving.LASTING`) stays down, and its Ray actor stays to say
why. Anything else that ends it ends the process, and Ray starts another.

A driver loses its life with the cluster: Ray aborts the process when its head is gone for long. So nothing that has to
last calls these functions itself; short-lived processes do (`tidegate.ray_driver`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import ray
import ray.exceptions
import structlog
import uvloop

from actors.runtime.serving import LASTING, LEAVE_WITHIN_MS, HostAbout, calm_collector, serve
from events.errors import TidegateError
from events.nats.reach import Reach

log = structlog.get_logger(__name__)

CPUS_IN_RAYS_BOOKS: Final = 0.001
"""Next to nothing, so that there is always room; not nothing, because Ray puts that anywhere, whatever it is told."""
START_WITHIN_S: Final = 60
ABOUT_WITHIN_S: Final = 10
STOP_WITHIN_S: Final = LEAVE_WITHIN_MS / 1000 + 5
CRASH_PAUSE_S: Final = 1.0
"""How long a host that failed waits before it ends its process: Ray starts the next one at once."""

Prepare: TypeAlias = Callable[[str], None]
"""Called first in the new process, with the host's name: it sets up logs. A module's function, or a partial of one."""


class RayUnreachable(TidegateError):
    """The Ray cluster does not answer, or does not do what it was asked."""

    code = "ray_unreachable"
    next_step = "look whether Ray runs at ray.address (`ray status --address …`), and at its logs"


class RayHost:
    """The Ray actor. Its methods are called by Ray, one at a time, on the process's main thread."""

    def __init__(self, name: str, reach: Reach, prepare: Prepare | None) -> None:
        if prepare is not None:
            prepare(name)
        self._name = name
        self._reach = reach
        self._failure = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._until: asyncio.Event | None = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host", daemon=True)
        self._thread.start()
        self._running.wait()

    def about(self) -> HostAbout:
        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        return HostAbout(self._name, True, os.getpid(), node, self._failure)

    def stop(self) -> None:
        """Leave in order."""
        if self._loop is not None and self._until is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._until.set)
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        calm_collector()
        try:
            uvloop.run(self._serve())
        except LASTING as error:
            self._failure = f"{error.code}: {error}"
            log.critical("host_stays_down", host=self._name, code=error.code, detail=str(error))
        except BaseException:  # a bug of ours: say so, and let Ray start the next process
            log.exception("host_failed", host=self._name)
            time.sleep(CRASH_PAUSE_S)
            os._exit(1)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = asyncio.Event()
        self._running.set()
        await serve(self._name, self._reach, until=self._until, patient=True)


@contextmanager
def cluster(address: str, namespace: str) -> Iterator[None]:
    """This process as a driver of the Ray cluster at `address`, as long as the block runs. It sees the hosts of that
    namespace and no others."""
    try:
        ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise RayUnreachable(f"no Ray cluster at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def start_hosts(reach: Reach, names: Sequence[str], prepare: Prepare | None = None) -> list[HostAbout]:
    """See that each of these hosts runs on the cluster, spread over its nodes; one that is there is left as it is.

    Returns when every process is there, or cannot be in time. That a host takes commands is told by its beats.
    """
    actor: Any = ray.remote(RayHost)
    for name in names:
        actor.options(
            name=name,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            num_cpus=CPUS_IN_RAYS_BOOKS,
            scheduling_strategy="SPREAD",
        ).remote(name, reach, prepare)
    return _about(names, START_WITHIN_S)


def list_hosts() -> list[HostAbout]:
    """What Ray knows of all hosts of this cluster, by name."""
    return _about(sorted(ray.util.list_named_actors()), ABOUT_WITHIN_S)


def stop_hosts() -> list[str]:
    """Have all hosts leave in order, and end their actors for good; their names."""
    names = sorted(ray.util.list_named_actors())
    handles = _handles(names)
    leaving = [handle.stop.remote() for handle in handles.values()]
    if leaving:
        ray.wait(leaving, num_returns=len(leaving), timeout=STOP_WITHIN_S)
    for handle in handles.values():
        ray.kill(handle, no_restart=True)
    return names


def _about(names: Sequence[str], within_s: float) -> list[HostAbout]:
    calls = {name: handle.about.remote() for name, handle in _handles(names).items()}
    if calls:
        ray.wait(list(calls.values()), num_returns=len(calls), timeout=within_s)
    return [_answer(calls[name], name) if name in calls else HostAbout(name, False) for name in names]


def _answer(call: Any, name: str) -> HostAbout:
    try:
        about: HostAbout = ray.get(call, timeout=0)
    except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError) as error:
        log.warning("host_does_not_answer_ray", host=name, detail=str(error))
        return HostAbout(name, False)
    return about


def _handles(names: Sequence[str]) -> dict[str, Any]:
    """The Ray actors of these names, without those that went away meanwhile."""
    handles: dict[str, Any] = {}
    for name in names:
        try:
            handles[name] = ray.get_actor(name)
        except ValueError:
            log.info("host_not_known_to_ray", host=name)
    return handles

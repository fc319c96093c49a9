"""The port: one socket for HTTP and WebSockets, held by uvicorn. What is said there, and how slowly one may say it, is
bounded by `gateway.streams.front`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from uvicorn import Config, Server

from events.errors import TidegateError
from gateway.limiting.crowd import Crowd
from gateway.limits import BODY_BYTES_MAX, IDLE_S
from gateway.streams.front import ANYBODY, requests
from gateway.streams.limits import HEAD_BYTES_MAX, RequestLimits

log = structlog.get_logger(__name__)

BACKLOG: Final = 4_096
STOP_WITHIN_S: Final = 8
REQUESTS: Final = RequestLimits(request_bytes_max=HEAD_BYTES_MAX + 8 * BODY_BYTES_MAX)
"""A body may come in pieces of a byte, each with its length; and what is too large should be told so by its route."""


class PortTaken(TidegateError):
    """Somebody listens there already."""

    code = "port_taken"
    next_step = "stop it, or choose another with --port or gateway.port; 0 takes a free one"


class _Quiet(Server):
    """Signals are its keeper's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def taken(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket at that address, for `serve`. What is `shared` may be taken by other processes too, each with its own
    share of those who come; that it is free to begin with is seen to first, since strangers must not share it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise PortTaken(f"{host}:{port}: {error.strerror or error}") from error
    found.setblocking(False)
    return found


async def serve(
    app: Any,
    at: socket.socket,
    sockets: type[asyncio.Protocol] | None,
    until: asyncio.Event,
    leaving: Callable[[], None] = lambda: None,
    crowd: Crowd = ANYBODY,
) -> None:
    """Answer at that socket until `until` is set; what is under way then is finished, for a while. `leaving` is
    called when it begins to stop."""
    config = Config(
        app,
        http=requests(REQUESTS, crowd),
        ws=sockets or "none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(IDLE_S),
        timeout_graceful_shutdown=STOP_WITHIN_S,
        backlog=BACKLOG,
    )
    server = _Quiet(config)
    stopping = asyncio.ensure_future(_stop(server, until, leaving))
    try:
        await server.serve(sockets=[at])
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop(server: Server, until: asyncio.Event, leaving: Callable[[], None]) -> None:
    await until.wait()
    leaving()
    server.should_exit = True

"""One connection to NATS: found again for ever, and telling at once when it is lost.

nats-py does the work. What is added here: who waits for an answer hears that the connection went and need not wait
for a time-out (`lost`), who needs it can wait until it is back, and one line is logged per outage instead of one per
attempt. Subjects are checked by `events.names`, so the client's own check of every message is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import nats.errors
import structlog

from events import limits
from events.errors import LogUnavailable
from events.nats.client import QuickClient

_log = structlog.get_logger(__name__)

Listener: TypeAlias = Callable[[], None]
T = TypeVar("T")


class Connection:
    """Made by `connect`. `lost` and `back` are called in order, on the loop, and must not block."""

    def __init__(self, client: QuickClient) -> None:
        self.client: Final = client
        self.lost: Final[list[Listener]] = []
        self.back: Final[list[Listener]] = []
        self._up = asyncio.Event()
        self._last_error = ""

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def wait(self) -> None:
        """Until the connection stands. Bounded by the caller."""
        await self._up.wait()

    async def close(self) -> None:
        """Say what is left to say, if it can be said soon, and go. Again is harmless."""
        self._down()
        try:
            if self.client.is_connected:
                await heeding(self.client.flush(limits.CLOSE_TIMEOUT_MS / 1000))  # type: ignore[arg-type]  # any number will do
        except (nats.errors.Error, OSError) as error:
            _log.debug("nats_left_unsaid", error=repr(error))
        await _close(self.client)

    def _down(self) -> None:
        if self._up.is_set():
            self._up.clear()
            for listener in tuple(self.lost):
                listener()

    async def _on_disconnected(self) -> None:
        if self._up.is_set():
            _log.warning("nats_lost", error=str(self.client.last_error or ""))
        self.client.forget()  # an append whose caller has long been told that nobody knows must not land minutes later
        self._down()

    async def _on_reconnected(self) -> None:
        url = self.client.connected_url
        _log.info("nats_back", server=without_password(url.geturl()) if url is not None else "")
        self._up.set()
        for listener in tuple(self.back):
            listener()

    async def _on_error(self, error: Exception) -> None:
        # Every attempt to reconnect fails with the same words: once is enough.
        if isinstance(error, nats.errors.SlowConsumerError):
            _log.warning("nats_messages_dropped", subject=error.subject)
        elif repr(error) != self._last_error:
            self._last_error = repr(error)
            _log.debug("nats_error", error=self._last_error)


async def connect(
    servers: str | Sequence[str], *, name: str = "tidegate", within_ms: int = limits.CONNECT_TIMEOUT_MS
) -> Connection:
    """A connection to any of `servers` (`nats://[user:password@]host:port`); `LogUnavailable` when none answers."""
    client = QuickClient()
    connection = Connection(client)
    options: dict[str, Any] = {
        "servers": [servers] if isinstance(servers, str) else list(servers),
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": limits.RECONNECT_WAIT_MS / 1000,
        "ping_interval": limits.PING_INTERVAL_MS / 1000,
        "max_outstanding_pings": 2,
        "pending_size": limits.OUTBOUND_BYTES_MAX,
        "skip_subject_validation": True,
        "disconnected_cb": connection._on_disconnected,  # noqa: SLF001  # the other half of the same idea
        "reconnected_cb": connection._on_reconnected,  # noqa: SLF001  # likewise
        "error_cb": connection._on_error,  # noqa: SLF001  # likewise
    }
    try:
        async with asyncio.timeout(within_ms / 1000):
            await heeding(client.connect(**options))
    except asyncio.CancelledError:
        await _close(client)
        raise
    except (TimeoutError, OSError, nats.errors.Error) as error:
        await _close(client)
        reason = client.last_error or error
        tried = ", ".join(without_password(url) for url in options["servers"])
        raise LogUnavailable(f"no NATS server answered at {tried}: {reason!r}") from error
    connection._up.set()  # noqa: SLF001  # likewise
    return connection


async def heeding(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; and a cancellation is heeded even if `work` loses it.

    nats-py waits with `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that comes in the same turn
    of the loop as what it waits for.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    try:
        return task.result()
    finally:
        del task  # what it raised holds this frame: together they would be a cycle


async def _close(client: QuickClient) -> None:
    if client.is_closed:
        return
    client.forget()
    try:
        await client.close()
    except asyncio.CancelledError:
        # Cancelling its own attempts to reconnect, nats-py can cancel what it then waits for itself. That is not us.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise


def without_password(url: str) -> str:
    """`nats://host:port` of `nats://user:password@host:port`, for messages and logs."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme or 'nats'}://{rest.rpartition('@')[2]}"

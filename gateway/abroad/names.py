"""Names: hosts looked up as this machine does it, in threads that nothing else waits for.

The system's own look-up blocks, ends when it ends, and cannot be stopped. Whoever answers for a name may be as slow as
they like: in the threads that everything of this process shares, a few such names would hold all of it up. So names
that others chose have a few of their own, and each has one of these at a time, however many ask for it: they all get
the one answer. Whoever has waited long enough goes away, and the look-up stays, so that the next who asks begins no
second one.

A resolver without threads would need no bound. It would also be another than the one that the rest of the machine asks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from gateway.abroad.addresses import Resolver

THREADS: Final = "names-abroad"
"""What their names begin with."""


@contextmanager
def looking_up(at_once: int) -> Iterator[Resolver]:
    """Something to look names up with, so many at a time, as long as the block runs."""
    threads = ThreadPoolExecutor(at_once, THREADS)
    try:
        yield _Names(threads).resolve
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class _Names:
    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads: Final = threads
        self._under_way: Final[dict[str, asyncio.Future[list[str]]]] = {}

    async def resolve(self, host: str) -> Sequence[str]:
        found = self._under_way.get(host)
        if found is None:
            found = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)
            self._under_way[host] = found
            found.add_done_callback(lambda done: self._ended(host, done))
        return await asyncio.shield(found)

    def _ended(self, host: str, done: asyncio.Future[list[str]]) -> None:
        del self._under_way[host]
        if not done.cancelled():
            done.exception()  # it may be that nobody waits for it any more


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))

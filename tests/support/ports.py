"""Ports for servers that a test starts, each given out once.

What only looks which port is free gives the same one to two who look before either listens: to two tests that run
side by side, or to one that draws several. So each is kept until this process ends, by a socket that never listens.
On Linux it is in nobody's way who listens there with `SO_REUSEADDR`, as servers do, and whoever only looks finds it
taken; elsewhere it would be, and this process alone remembers what it gave.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Final

from events.nats.server import PORTS, free_port

_GIVEN: Final = set[int]()
_KEPT: Final = ExitStack()


def own_port(*, following: int = 0) -> int:
    """One that nobody else is given; the first of several, if others have to follow it."""
    for _ in PORTS:
        first = free_port()
        if _keep(range(first, first + 1 + following)):
            return first
    raise AssertionError(f"no {1 + following} ports in a row are free")


def _keep(numbers: Sequence[int]) -> bool:
    """Whether all of them could be had, and are kept; none, if one could not."""
    if not _GIVEN.isdisjoint(numbers):
        return False
    with ExitStack() as kept:
        for number in numbers:
            keeper = kept.enter_context(closing(socket.socket()))
            try:
                keeper.bind(("127.0.0.1", number))  # without SO_REUSEADDR until it is ours: nobody else can have it
            except OSError:
                return False
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            _KEPT.push(kept.pop_all())
    _GIVEN.update(numbers)
    return True

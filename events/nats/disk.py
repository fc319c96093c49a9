"""What is on the server's disk for sure, once it has failed to write.

What a server acknowledges it has synced before, and with it everything that stands before that. When it fails to write
or to sync, it gives up writing until it is started anew; it says so to who asks it about itself (`monitor`), and mostly
not to who writes. What it had taken in by then and not acknowledged it may show to who reads all the same, though a
power cut can still take it, and who found a command's id there would answer it as accepted. So while the failure
stands, what lies behind the last acknowledgement is not read, and an append that is found there has an unknown outcome.

A later acknowledgement ends the doubt, and so does a server that is back and has nothing to complain of. Of several
servers one may have failed and the others go on: what they show stands on the disks of a majority, and nothing is
concluded. Followers are not kept from it. They decide nothing, and find out when it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from events.errors import LogUnavailable
from events.nats.monitor import write_error

_log = structlog.get_logger(__name__)

_ASK_AGAIN_MS: Final = 500
"""How often at most a server is asked again whether it has given up writing."""


class Disk:
    """The disk of one stream's server, of which everything up to the sequence `stored` is known to be on it."""

    def __init__(self, monitors: Sequence[str], stream: str, *, replicated: bool) -> None:
        self.refuses = ""
        """Why the server writes nothing more, by its own word."""
        self._monitors: Final = tuple(monitors)
        self._stream: Final = stream
        self._replicated: Final = replicated
        self._stored = 0
        self._failure = ""
        self._ask_again_at = 0.0

    def acknowledged(self, sequence: int) -> None:
        if sequence > self._stored:
            self._stored = sequence

    def failed(self, why: str) -> None:
        """The server could not store something."""
        if not self._replicated:
            self._failure = why

    def vouch(self, sequences: Iterable[int]) -> None:
        """`LogUnavailable` if what stands at one of these sequences may not be on the disk."""
        if self._failure and any(sequence > self._stored for sequence in sequences):
            raise LogUnavailable(
                f"what stands behind {self._stored} may not be on the server's disk until it is started anew: "
                f"{self._failure}"
            )

    async def ask(self) -> bool:
        """Has the server given up writing? Whether that could be learnt; what cannot be stays as it was."""
        if self._replicated:
            return True
        found = await write_error(self._monitors, self._stream)
        if found is None:
            return False
        if found != self.refuses:
            _log.warning("log_writes", refused=found)
        self.refuses = found
        if found:
            self.failed(found)
        return True

    async def ask_again(self) -> None:
        """The same, not too often."""
        now = asyncio.get_running_loop().time()
        if now >= self._ask_again_at:
            self._ask_again_at = now + _ASK_AGAIN_MS / 1000
            await self.ask()

    async def back(self, last: int) -> None:
        """The server was away or is met for the first time, and its log ends at `last`."""
        if await self.ask() and not self.refuses:
            self._failure = ""
            self.acknowledged(last)

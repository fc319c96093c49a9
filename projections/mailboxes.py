"""Mailboxes: how often each was named by those who joined a room, so that nobody has us fill a stranger's.

Anybody can join with somebody else's address, leave, and join again; and who is let straight through is written to at
once. So in one room no more than a few tickets a day are written about to one mailbox, whoever has them. The day is
that of the commits, so it follows from the log. For as long as a room lives was considered: one that is always open
would never write again to whoever comes for the fourth time.

A mailbox is counted as those who run most of them read its address: without its case, without the dots before the @,
and without what stands behind a +; its domain is the one that the letter would go to. Of each a hash is kept and a
number, until the day is over or there are too many: then counting begins anew, which takes more joins than it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Final

from events.calendar.quantum import DAY_MS
from events.clock import Instant
from projections.limits import MAILBOX_TICKETS_MAX, MAILBOXES_COUNTED_MAX

_HASH_BYTES: Final = 8


class Mailboxes:
    """Those of one room."""

    def __init__(self, day: int = 0, named: Iterable[tuple[int, int]] = ()) -> None:
        self.day = day
        self.named: Final = dict(named)
        """By the hash of a mailbox, with how many tickets it was named that day; of those beyond, none is counted."""

    def admits(self, email: str, at: Instant) -> bool:
        """Whether to write there about a ticket that was just made, which is counted."""
        if at // DAY_MS > self.day or len(self.named) >= MAILBOXES_COUNTED_MAX:
            self.day = max(at // DAY_MS, self.day)
            self.named.clear()
        mailbox = _hashed(email)
        before = self.named.get(mailbox, 0)
        if before >= MAILBOX_TICKETS_MAX:
            return False
        self.named[mailbox] = before + 1
        return True


def _hashed(email: str) -> int:
    mailbox, _, domain = email.rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):  # no letter can go there
            domain = domain.encode("idna").decode()
    read = f"{mailbox.partition('+')[0].replace('.', '')}@{domain}".casefold()
    return int.from_bytes(sha256(read.encode()).digest()[:_HASH_BYTES], "big")

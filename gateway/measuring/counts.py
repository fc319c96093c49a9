"""Plain numbers that parts of this process keep of what they do, and a scrape reads.

Who counts adds to an attribute, which costs a thirtieth of a microsecond. What can be told by looking is not counted:
`now` is called when somebody scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

OTHER: Final = "other"
"""The label of whatever has none of its own."""


class StreamsNow(msgspec.Struct, frozen=True):
    """What there is at this moment."""

    sockets: int = 0
    event_streams: int = 0
    subscriptions: int = 0
    topics: int = 0
    unsent_bytes: int = 0
    """Written, and not yet taken by the system: how far readers are behind, all together."""


def _nothing(*_: object) -> None:
    """For whoever is not measured."""


class StreamCounts:
    __slots__ = ("called", "closed_slow", "conflated", "now", "problem", "resets", "resumed", "snapshots")

    def __init__(self) -> None:
        self.now: Callable[[], StreamsNow] = StreamsNow
        self.called: Callable[[str, str, float], None] = _nothing
        """A command of a socket was answered: which, the code of what it was told (`ok`, or a problem), and in how many
        seconds."""
        self.problem: Callable[[str], None] = _nothing
        """Somebody was told this one over a stream."""
        self.snapshots = 0
        """Topics that were begun by all of them."""
        self.resumed = 0
        """Topics that were gone on with."""
        self.resets: Counter[str] = Counter()
        """Topics that were begun anew, by why they could not be gone on with."""
        self.conflated = 0
        """Times that a reader was behind, and deltas were left out in favour of a snapshot."""
        self.closed_slow = 0


class WebhookCounts:
    __slots__ = ("broken", "dead", "delivered", "disabled", "failed")

    def __init__(self) -> None:
        self.delivered = 0
        self.failed = 0
        """Attempts that did not succeed."""
        self.dead = 0
        """Given up."""
        self.disabled = 0
        """Endpoints that were disabled since they did not answer."""
        self.broken = 0
        """Times that delivering to an endpoint ended on a bug of ours, to be begun anew."""

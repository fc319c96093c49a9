"""Every limit of the wire, in one place; units last; their relations asserted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Requests
HEAD_BYTES_MAX: Final = 16 << 10
"""A request line and its headers."""
TARGET_BYTES_MAX: Final = 8 << 10
"""Of a path and its query. The longest that is asked for, a hold over 32 days, has three thousand."""
HEADERS_MAX: Final = 100
REQUEST_BYTES_MAX: Final = 2 << 20
"""A whole HTTP request, head, body and trailers. No route takes that much; this is what a connection may make us read
before the route is asked."""
PIPELINED_MAX: Final = 64
"""Requests that a connection may send ahead of their answers. Hardly anybody sends one."""

# Handshakes
EARLY_BYTES_MAX: Final = 64 << 10
"""What a client may send before it knows that it is let in. It should not send anything."""
SUBPROTOCOLS_MAX: Final = 8

# Frames
CONTROL_BYTES_MAX: Final = 125
"""Of a ping, pong or close: the protocol's own limit."""
REASON_BYTES_MAX: Final = CONTROL_BYTES_MAX - 2
FRAGMENTS_MAX: Final = 1_024
"""Frames that one message comes in. Whoever cuts it finer makes work, and nobody would hear of it."""
CONTROLS_PER_TURN_MAX: Final = 128
"""Pings and pongs from a client between two looks of ours at it (`ping_every_s`)."""
PINGS_MISSED_MAX: Final = 2

# Topics
TOPICS_MAX: Final = 20_000
"""Followed here, by everybody together."""
TOPICS_PER_ORG_MAX: Final = 10_000
"""Of one organisation: half. A rush is ten thousand sockets here, and each has a ticket."""
TOPICS_PER_ADDRESS_MAX: Final = 1_000
"""Brought about from one address without an API key, and still there: as many as it may have connections, unless that
is set. What others have brought about is followed beside them."""
TOPIC_IDLE_S: Final = 60.0
"""So long a topic stays known that nobody follows any more: most come back."""
STEPS_KEPT_MAX: Final = 512
"""Deltas of a topic that are kept, for whoever comes back."""
BEHIND_SNAPSHOT_MAX: Final = 64
"""With more deltas behind it, a snapshot is asked for anew."""
CATCH_UP_S: Final = 2.0
"""How long what leads to a snapshot may be on its way."""
ASK_WITHIN_MS: Final = 5_000
FLUSH_S: Final = 0.02
"""What changes within this is told together, when much is told."""

# Followers
TOPICS_PER_SOCKET_MAX: Final = 64
TOPICS_PER_EVENTS_MAX: Final = 16
"""Of one stream of server-sent events."""
CALLS_PER_SOCKET_MAX: Final = 16
"""Under way at a time."""
MESSAGES_PER_S: Final = 50
MESSAGES_BURST: Final = 200
UNSENT_BYTES_MAX: Final = 256 << 10
"""Of one reader. What comes then is left out, and the topics are shown to it anew when it has caught up."""
UNREAD_BYTES_MAX: Final = 2 * UNSENT_BYTES_MAX
"""Of one reader who goes on asking: with more than that before it, it is sent away."""
SYNC_WITHIN_S: Final = 10
"""So long a client waits for a position at most: one that nobody has written would never come."""
MARKS_PER_SOCKET_MAX: Final = 64
"""Positions that a socket waits for at a time (`sync`)."""
STALLED_S: Final = 20.0
"""A reader that has not caught up for so long is told where it stands, and goodbye."""

# Time
TICK_S: Final = 0.1
"""How exactly the wheel keeps time. Of 10,000 sockets that are pinged every 25 s, 40 are due at each tick."""


@dataclass(frozen=True)
class SocketLimits:
    message_bytes_max: int = 64 << 10
    """Of what a client says at once."""
    handshake_within_s: float = 10.0
    """From the connection's first byte to the answer, whoever is slow."""
    ping_every_s: float = 25.0
    """Proxies close what was silent for 30 s or 60 s."""
    close_within_s: float = 5.0
    """For what was written last to leave and for the other side to say goodbye; then the connection is cut."""
    leave_within_s: float = 10.0
    """For listeners to say goodbye, once the server is to stop."""

    def __post_init__(self) -> None:
        assert self.message_bytes_max >= CONTROL_BYTES_MAX
        assert min(self.handshake_within_s, self.ping_every_s, self.close_within_s, self.leave_within_s) >= TICK_S


@dataclass(frozen=True)
class RequestLimits:
    head_bytes_max: int = HEAD_BYTES_MAX
    request_bytes_max: int = REQUEST_BYTES_MAX
    request_within_s: float = 20.0
    """From a request's first byte to its last; and from a connection's beginning to its first request."""
    read_within_s: float = 30.0
    """For a reader to take something of what lies before it."""
    close_within_s: float = 2.0
    """For whoever is refused to read that."""

    def __post_init__(self) -> None:
        assert self.head_bytes_max <= self.request_bytes_max
        assert min(self.request_within_s, self.read_within_s, self.close_within_s) >= TICK_S


assert TOPICS_PER_SOCKET_MAX < TOPICS_PER_ADDRESS_MAX < TOPICS_PER_ORG_MAX < TOPICS_MAX
assert TARGET_BYTES_MAX < HEAD_BYTES_MAX <= EARLY_BYTES_MAX

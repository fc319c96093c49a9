"""What is bounded in a client, units last."""

from __future__ import annotations

from typing import Final

# Requests
WITHIN_S: Final = 10.0
"""How long one thing that is asked for may take, all tries together, unless it is said otherwise."""
TRY_S: Final = 5.0
"""How long one try may take. A gateway is told, and does nothing for it later."""
TRY_MS_MIN: Final = 50
TRY_MS_MAX: Final = 30_000
"""What a gateway takes."""
ANSWER_ON_ITS_WAY_S: Final = 1.0
"""So much longer is waited for an answer than the gateway may take for it."""
TRIES_MAX: Final = 6
FIRST_PAUSE_MS: Final = 100
PAUSE_MS_MAX: Final = 5_000
"""Between two tries, where the gateway does not say how long. It doubles each time."""

# Holds
BEATS_PER_LIFE: Final = 2
"""Heartbeats within a hold's life."""
BEAT_S_MIN: Final = 0.5

# Streams
TOPICS_MAX: Final = 64
"""Of one stream: what a gateway takes."""
MESSAGE_BYTES_MAX: Final = 8 << 20
CONNECT_S: Final = 10.0
PING_EVERY_S: Final = 20.0
"""A connection that answers no ping for as long is lost."""
BACK_MS_FIRST: Final = 1_000
BACK_MS_MAX: Final = 30_000
"""How long to stay away from a gateway that was lost: a random part of this, doubled each time."""
CHANGES_WAITING_MAX: Final = 1_000
"""Of one reader. With more it is told how things are now instead."""
LOOK_EVERY_S: Final = 20.0
"""So often a ticket that is waited for is looked at, whatever is heard of it."""
DRAWN_SPREAD_S: Final = 2.0
"""When a draw was made, everybody asks for their place, and not all of them at once."""

# Proof of work
WORK_BITS_MAX: Final = 28

# Webhooks
DELIVERY_AGE_S_MAX: Final = 300

assert TRY_MS_MIN < TRY_S * 1_000 <= TRY_MS_MAX
assert FIRST_PAUSE_MS < PAUSE_MS_MAX
assert BACK_MS_FIRST < BACK_MS_MAX

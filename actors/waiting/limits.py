"""Every limit of waiting rooms, in one place; units last; their relations asserted."""

from __future__ import annotations

from typing import Final

from actors.runtime.limits import DUE_AGAIN_MAX
from events import limits as ground
from events.waiting.sessions import TAG_DIGITS

LIVING_PER_SHARD_MAX: Final = 65_536
"""Tickets of one shard that are not over. A longer line wants more shards."""
IN_AT_ONCE_MAX: Final = 100_000
"""Called and inside together, also where a room has no capacity of its own."""
PER_MINUTE_MAX: Final = 1_000_000
LANES_MAX: Final = 16
"""Beside the ordinary one."""
CODES_PER_LANE_MAX: Final = 256
TEXT_CHARACTERS_MAX: Final = 1_000
SECONDS_MAX: Final = 7 * 86_400
"""The longest that a pass, a window or an absence may be set to."""
SECRET_CHARACTERS_MIN: Final = 16
SECRET_CHARACTERS_MAX: Final = 200

JOINS_HEARD_AT_ONCE_MAX: Final = 4_000
"""Joins that a room takes in in one step; more of them in the next."""
HEARD_BYTES_AT_ONCE_MAX: Final = 96 << 10
"""And as many bytes, as it is written: many lines that say little, one commit each, come to more than what is said."""
CALLED_AT_ONCE_MAX: Final = 8_000
"""Tickets called in one step. Three steps are one commit."""
NEAR_AHEAD_MAX: Final = 10_000
"""The most of a lane to whom their turn may be said to be near."""
NEAR_AT_ONCE_MAX: Final = 4_000
"""Of those, so many are told so in one step."""
ENDED_AT_ONCE_MAX: Final = 4_000
ENTERED_AT_ONCE_MAX: Final = 1_000
"""Of those who wait for a seat, so many get one in one step."""
PRESENT_BYTES_MAX: Final = 48 << 10
"""A report of who is alive in a shard, as it is spelled."""
FORGOTTEN_AT_ONCE_MIN: Final = 1_000
"""So many who are through with the room are forgotten by their line together; or earlier, along with something else."""

OUTCOMES_COUNTED_MAX: Final = 400
"""Claims and misses that the share of no-shows is measured by. The older half counts half, and so on."""
OUTCOMES_COUNTED_MIN: Final = 20
EXPECTED_PER_MILLE_MIN: Final = 20
"""However many stay away, of fifty who are called one is expected."""
CALLS_PER_ADMISSION_MAX: Final = 2
"""However many stay away, no more than twice as many are called in a minute as may come in."""
PROLONGED_BY_MIN: Final = 10
"""A pass is prolonged when that makes it longer by at least one part in so many of its life."""

_TICKET_BYTES_MAX: Final = len('"63.67108863",')
assert 2 * (1 + DUE_AGAIN_MAX) * CALLED_AT_ONCE_MAX * _TICKET_BYTES_MAX < ground.LOG_MESSAGE_BYTES_MAX * 3 // 4
assert JOINS_HEARD_AT_ONCE_MAX * TAG_DIGITS < HEARD_BYTES_AT_ONCE_MAX < CALLED_AT_ONCE_MAX * _TICKET_BYTES_MAX
assert 2 * ENDED_AT_ONCE_MAX <= CALLED_AT_ONCE_MAX
assert 2 * NEAR_AT_ONCE_MAX <= CALLED_AT_ONCE_MAX

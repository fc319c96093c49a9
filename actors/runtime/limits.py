"""Every limit of the runtime, in one place; units last; their relations asserted.

The ones that a deployment may want otherwise, or a test smaller, are fields of `HostLimits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from events import limits as ground

COMMAND_ID_CHARACTERS_MAX: Final = 64
PRINCIPAL_CHARACTERS_MAX: Final = 200
COMMAND_BYTES_MAX: Final = 64 << 10
"""The largest command. A turn stops taking more before its commit could outgrow the log's largest message."""
ANSWER_BYTES_MAX: Final = 4 << 20
"""The largest answer to one command. One that comes with facts must fit into their commit as well."""
COMMAND_PARTS_MAX: Final = 64
"""How many actors one transaction may span."""
COMMAND_WITHIN_MS_MAX: Final = 60_000
"""The longest that a sender may let a command wait for its answer."""
CLOCK_AHEAD_MS_MAX: Final = 5_000
"""A command asked further than this in the host's future is refused: its sender's clock is wrong."""

BEAT_EVERY_MS: Final = 200
"""How often a host says that it lives."""
SURE_FOR_MS: Final = 750
"""For how long after a beat was sent, and came back, a host may trust that nobody took over from it."""
DEAD_AFTER_MS: Final = 1_000
"""A host that was not heard for this long is taken for dead, or as good as dead."""
HELLO_MS: Final = 100
"""How long a new host listens for the others before it takes its share."""

DUE_AGAIN_MAX: Final = 2
"""So often a Tick of an actor that follows others goes on with what its last step has led to, in one commit. Each step
of such an actor is bounded, so that all of them fit (`actors.waiting.limits`)."""
STUMBLES_MAX: Final = 5
"""So often is tried what an actor that follows others has to do by itself, and that ends in a bug. Then it halts."""
ATTEND_EVERY_MS: Final = 500
"""How often a host looks whether those who have to listen are live."""

assert ANSWER_BYTES_MAX < ground.SERVER_PAYLOAD_BYTES_MAX
assert BEAT_EVERY_MS * 3 <= SURE_FOR_MS < DEAD_AFTER_MS, (
    "two beats may be lost before a host stops being sure, and it stops before the others take over"
)


@dataclass(frozen=True)
class HostLimits:
    cells_max: int = 200_000
    """Live actors in one host. Beyond it, commands to further actors are answered *busy*."""
    mailbox_commands_max: int = 8_192
    """Commands waiting for one actor. Beyond it they are answered *busy* at once."""
    turn_commands_max: int = 1_024
    """Commands decided in one turn, and so recorded in one commit."""
    round_actors_max: int = 512
    """Actors whose turns are committed in one round."""
    rounds_in_flight_max: int = 2
    singles_max: int = 8
    """A round with at most this many commits sends each on its own; a larger one goes as one atomic batch."""
    remembered_commands_max: int = 50_000
    """An actor remembers at least this many of its last command ids, and at most twice as many."""
    passivate_after_ms: int = 300_000
    """An actor that nobody asked anything for this long leaves the host's memory."""
    snapshot_when_quiet_ms: int = 3_000
    """An actor that committed and then was quiet for this long is put on the shelf."""
    snapshot_bytes_min: int = 16 << 20
    """An actor that is never quiet is put on the shelf when its commits since outgrow this and its last snapshots. Less
    would be read again after a crash (this is some tenths of a second), and everybody would wait more often while a
    large snapshot is written: at 17,000 joins a second the 99th percentile is 9 ms with this and 25 ms with 2 MB."""
    snapshot_bytes_when_busy_max: int = 256 << 10
    """A larger one of a quiet actor is not made while its host is busy: writing 4 MB holds everybody up for 20 ms. It
    is made when the host has time, or the actor leaves it; if neither happens, what it would have spared is replayed,
    and that has a bound too (`snapshot_bytes_min`)."""
    snapshots_per_sweep_max: int = 200
    """How many of the quiet ones at a time, in a host that has little else to do."""
    snapshots_per_sweep_when_busy: int = 10
    """The same in a host that commits more than this between two sweeps: a snapshot costs about what a commit costs."""
    sweep_every_ms: int = 250
    lease_ms: int = 3_000
    """How long a participant of a transaction waits for its coordinator, its mailbox closed."""
    transactions_max: int = 1_024
    """Transactions that one host coordinates at a time. Beyond it they are answered *busy*."""
    loads_in_flight_max: int = 4
    """Activation look-ups under way at a time, each for up to `events.limits.LOOKUP_ACTORS_MAX` actors."""
    walk_back_max: int = 8
    """Commits behind what is remembered that are fetched one by one; further behind, the actor's subject is read."""
    retry_log_ms: int = 50
    """How long to wait before the log is asked again after it could not be reached."""
    busy_retry_ms: int = 50
    """What a *busy* answer tells the sender to wait."""

    def __post_init__(self) -> None:
        assert self.round_actors_max + COMMAND_PARTS_MAX <= ground.BATCH_ENTRIES_MAX
        assert self.singles_max <= self.round_actors_max
        assert self.turn_commands_max <= self.mailbox_commands_max


@dataclass(frozen=True)
class SenderLimits:
    calls_max: int = 20_000
    """Calls without an answer yet. Beyond it, a call is refused as *busy* before it is sent."""
    message_calls_max: int = 256
    """Calls gathered into one message."""
    message_bytes_max: int = 512 << 10
    messages_in_flight_max: int = 4
    """Messages without any answer yet, to one host. Meanwhile the next calls gather."""
    resend_after_ms: int = 1_000
    """A call without an answer for this long is sent again, with the same command id."""
    retry_after_ms: int = 20
    """How long to wait before a call that found no owner is sent again."""

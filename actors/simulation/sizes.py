"""Limits for hosts and senders, drawn from the seed: as large as in production, or so small that each is reached."""

from __future__ import annotations

from random import Random

from actors.runtime.limits import HostLimits, SenderLimits


def host_limits(dice: Random) -> HostLimits:
    """The same for all hosts of a run, as in one deployment."""
    turn = dice.choice((1, 2, 5, 1_024))
    round_actors = dice.choice((1, 2, 4, 256))
    return HostLimits(
        mailbox_commands_max=max(turn, dice.choice((2, 8, 8_192, 8_192))),
        turn_commands_max=turn,
        round_actors_max=round_actors,
        rounds_in_flight_max=dice.choice((1, 2, 2, 4)),
        singles_max=min(round_actors, dice.choice((0, 1, 8))),
        remembered_commands_max=dice.choice((1, 3, 10, 50_000, 50_000)),
        passivate_after_ms=dice.choice((100, 600, 3_000, 300_000)),
        snapshot_when_quiet_ms=dice.choice((20, 300, 1_000)),
        snapshot_bytes_min=dice.choice((1, 2_000, 256 << 10)),
        snapshots_per_sweep_max=dice.choice((1, 200)),
        sweep_every_ms=dice.choice((30, 250)),
        lease_ms=dice.choice((150, 800, 3_000)),
        transactions_max=dice.choice((1, 3, 1_024, 1_024)),
        loads_in_flight_max=dice.choice((1, 4)),
        retry_log_ms=dice.choice((5, 50)),
        busy_retry_ms=dice.choice((5, 50)),
    )


def sender_limits(dice: Random) -> SenderLimits:
    return SenderLimits(
        message_calls_max=dice.choice((1, 4, 256)),
        messages_in_flight_max=dice.choice((1, 4)),
        resend_after_ms=dice.choice((60, 250, 1_000)),
        retry_after_ms=dice.choice((5, 20)),
    )

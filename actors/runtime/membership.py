"""Membership: which hosts live, told by their own heartbeats, and so who owns which partition.

There is no supervisor process. Every host publishes a beat; whoever listens (hosts, senders, `tidegate status`)
keeps a `Roll` of those heard lately, and computes the owners from it with the same pure function
(`placement.owners`). Two listeners may differ for a moment. That is safe: the log's expected sequence decides who
commits (law 6); it only costs a conflict. A supervisor was considered: it is one more process of 200 MB, and the
one whose death nothing notices in time.

A host that was stalled does not know it. So it trusts its ownership only for `SURE_FOR_MS` after a beat that it
sent *and heard back*; others take over only `DEAD_AFTER_MS` after they last heard it. In between it does nothing:
no turn is taken, and when it is sure again it asks the log anew about every actor before it decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.runtime import limits
from actors.runtime.placement import owners
from actors.runtime.wire import commands_subject
from events.clock import Instant
from events.codec import canonical

BEATS: Final = "hosts.beat"
HELLO: Final = "hosts.hello"
"""Whoever wants to know the hosts at once says hello here; every host then beats."""


class Beat(msgspec.Struct, frozen=True):
    """What a host says of itself. `incarnation` differs each time that it starts; `log_end` is the highest sequence
    it knows."""

    host: str
    incarnation: str
    since: Instant
    number: int
    partitions: list[int]
    log_end: int = 0
    leaving: bool = False
    counts: Mapping[str, int] = {}


BEAT_DECODER: Final = msgspec.json.Decoder(Beat)


def encode_beat(beat: Beat) -> bytes:
    return canonical(beat)


class Roll:
    """The hosts that one listener takes for living. Times are the listener's own monotonic seconds."""

    def __init__(self) -> None:
        self.beats: dict[str, Beat] = {}
        self._heard_at: dict[str, float] = {}
        self._owners: list[str] = owners(())

    def hear(self, beat: Beat, now: float) -> bool:
        """Note a beat; True when the set of living hosts changed, or one of them started anew."""
        known = self.beats.get(beat.host)
        older = known is not None and (known.since, known.incarnation) > (beat.since, beat.incarnation)
        if older and now - self._heard_at[beat.host] <= limits.DEAD_AFTER_MS / 1000:
            return (
                False  # it doesn't know yet that it was replaced; or the younger one is dead, and its clock was ahead
            )
        if beat.leaving:
            return known is not None and known.incarnation == beat.incarnation and self._drop(beat.host)
        if self._deaf(now):
            self._heard_at = dict.fromkeys(self._heard_at, now)
        self.beats[beat.host] = beat
        self._heard_at[beat.host] = now
        if known is not None and known.incarnation == beat.incarnation:
            return False
        self._owners = owners(self.beats)
        return True

    def _deaf(self, now: float) -> bool:
        """When nobody at all was heard for too long, it is the listener that was cut off, or stood still."""
        return all(now - heard_at > limits.DEAD_AFTER_MS / 1000 for heard_at in self._heard_at.values())

    def sweep(self, now: float) -> list[Beat]:
        """Drop the hosts that were not heard for too long; their last beats."""
        if self._deaf(now):
            return []
        silent = [host for host, heard_at in self._heard_at.items() if now - heard_at > limits.DEAD_AFTER_MS / 1000]
        dropped = [self.beats[host] for host in silent]
        for host in silent:
            self._drop(host)
        return dropped

    def _drop(self, host: str) -> bool:
        del self.beats[host]
        del self._heard_at[host]
        self._owners = owners(self.beats)
        return True

    def owner_of(self, partition: int) -> Beat | None:
        return self.beats.get(self._owners[partition])

    def owned_by(self, host: str) -> frozenset[int]:
        return frozenset(partition for partition, owner in enumerate(self._owners) if owner == host)


def subject_of(beat: Beat) -> str:
    """Where exactly this incarnation of the host takes commands."""
    return commands_subject(f"{beat.host}.{beat.incarnation}")

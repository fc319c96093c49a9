"""The deltas that were published last, so that whoever was away for a moment goes on where they stood.

A subscriber comes back with its position, maybe to another gateway, which has heard nothing of what was told meanwhile.
If every delta from there on is still here, it is given them; otherwise it is given none and starts over: all or
nothing (law 9). Kept are the bytes that were published, since a subscriber stands where a published delta led: those
that were gathered have other positions than the changes that they were made of. So for a room, which every projector
gathers for itself, one may not know where a subscriber stands that another one has told.

The deltas of a topic lead from one to the next, so they are looked for from the last one back, until one goes on from
where the subscriber stands. The last one has to lead to where the topic is now, or what is between has to be known to
come (`coming`): a position also moves with what is told to nobody, and whoever stands before that starts over.

Considered instead: that gateways keep them, each for itself. They are restarted more often than projectors, and there
are more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from projections.folding import Change
from projections.limits import RECENT_BYTES_MAX, RECENT_MAX, SINCE_BYTES_MAX, SINCE_DELTAS_MAX

Topic: TypeAlias = tuple[str, str]
"""The organisation, and what the topic is called within it."""


class _Kept(msgspec.Struct, frozen=True, gc=False):
    topic: Topic
    before: int
    after: int
    data: bytes
    earlier: int
    """The number of the one before it of this topic; 0 for none. It may be forgotten by now."""


class Missed(NamedTuple):
    """What a subscriber missed, and the sequence that it stands at after it."""

    deltas: tuple[msgspec.Raw, ...]
    through: int


class Recent:
    def __init__(self) -> None:
        self._kept: Final[dict[int, _Kept]] = {}
        """By their numbers, one after the other as they were published; the first ones have been forgotten."""
        self._last: Final[dict[Topic, int]] = {}
        """The number of the last one of each topic."""
        self._number = 0
        self._coming: Final[dict[Topic, int]] = {}
        """Of what is not published yet, the sequence that its last delta will lead to."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def coming(self, changes: Sequence[Change]) -> None:
        """These will be published, in this order, as they are or gathered."""
        for change in changes:
            self._coming[change.org, change.topic] = change.after

    def keep(self, change: Change, data: bytes) -> None:
        """The change has been published in these bytes."""
        topic = (change.org, change.topic)
        if self._coming.get(topic, change.after) <= change.after:
            self._coming.pop(topic, None)
        self._number = number = self._number + 1
        self._kept[number] = _Kept(topic, change.before, change.after, data, self._last.get(topic, 0))
        self._last[topic] = number
        self._bytes += len(data)
        while len(self._kept) > RECENT_MAX or self._bytes > RECENT_BYTES_MAX:
            self._forget(number - len(self._kept) + 1)

    def _forget(self, number: int) -> None:
        kept = self._kept.pop(number)
        self._bytes -= len(kept.data)
        if self._last[kept.topic] == number:
            del self._last[kept.topic]

    def since(self, org: str, topic: str, at: int, now: int) -> Missed | None:
        """What was told to whom stands at the sequence `at`, of a topic that is at `now`; none where that is not known
        for sure, or would be too much."""
        one = self._kept.get(self._last.get((org, topic), 0))
        if one is None:
            return None
        last = reached = one.after
        if last != now and self._coming.get((org, topic)) != now:
            return None
        found: list[msgspec.Raw] = []
        size = 0
        while one is not None and reached > at and one.after == reached:
            reached = one.before
            found.append(msgspec.Raw(one.data))
            size += len(one.data)
            if len(found) > SINCE_DELTAS_MAX or size > SINCE_BYTES_MAX:
                return None
            one = self._kept.get(one.earlier)
        return Missed(tuple(reversed(found)), last) if reached == at else None

    def clear(self) -> None:
        """Something was lost: what is kept may not be all there was."""
        self._kept.clear()
        self._last.clear()
        self._coming.clear()
        self._bytes = 0

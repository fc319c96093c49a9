"""Is the log still the one it was? It has an identity, and it never ends before a sequence that was seen in it.

A stream that is deleted and created anew looks healthy and has lost everything; so does one restored from an old copy.
Both show: in the time of creation, or in a sequence that runs backwards. The first contradiction is final: from then
on every operation raises it (`halted`), until someone has looked and a new process opens the log.
"""

from __future__ import annotations

from events.errors import LogHalted, LogRecreated, SequenceRanBackwards


class Continuity:
    """What was seen of one log. `identity` is the time at which its stream was created."""

    __slots__ = ("halted", "highest", "identity")

    def __init__(self, identity: str, highest: int) -> None:
        self.identity = identity
        self.highest = highest
        self.halted: LogHalted | None = None

    def saw(self, sequence: int) -> None:
        if sequence > self.highest:
            self.highest = sequence

    def acknowledged(self, sequence: int, floor: int) -> None:
        """A commit was stored at `sequence`; when it was sent, the log had already been seen up to `floor`."""
        if sequence <= floor:
            raise self.halt(SequenceRanBackwards(f"stored at {sequence}, but the log had reached {floor} before"))
        self.saw(sequence)

    def recreated(self, identity: str) -> LogHalted:
        return self.halt(LogRecreated(f"the log was created at {identity}; it was {self.identity}"))

    def ran_backwards(self, last: int, floor: int) -> LogHalted:
        return self.halt(SequenceRanBackwards(f"the log ends at {last}, but it had reached {floor} before"))

    def halt(self, error: LogHalted) -> LogHalted:
        """Keep the first contradiction, and give it back."""
        if self.halted is None:
            self.halted = error
        return self.halted

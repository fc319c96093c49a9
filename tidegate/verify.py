"""Verification: is the log whole, in order, and unaltered? Looks at nothing but the log (law 10).

It shares no code with the hosts that wrote it beyond how a commit is spelled and hashed (`events.commit`). It checks

- sequences: they begin at 1 and none is missing; the log reads to its end;
- commits: each can be read, and is the one of the actor under whose name it is stored;
- chains: each commit names the hash of its actor's commit before it;
- batches: each atomic batch is there from its first to its last commit, in one run;
- transactions: what one commit says was decided together stands together, in one batch, with the same members.

What it cannot see from inside: commits cut off at the very end, and a log replaced as a whole. For these there are the
log's identity (`run_file`) and a second copy.

A finding does not end the walk. A broken chain is reported once, at the commit that does not fit, and followed from
there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from events.commit import GENESIS, hash_of
from events.log import EventLog, Recorded

FINDINGS_MAX: Final = 1_000
"""Findings that are kept; beyond it they are counted only."""
TELL_EVERY: Final = 5_000
"""Commits between two reports of progress."""
LOOKS_FOR_END_MAX: Final = 20
LOOK_FOR_END_MS: Final = 100
"""A batch that is being written when the walk comes to it is decided in less than this many looks."""


class Finding(msgspec.Struct, frozen=True):
    """One contradiction. `code` is stable; `sequence` is where it shows."""

    code: str
    sequence: int
    actor: str
    detail: str


class Report(msgspec.Struct, frozen=True):
    """What a walk found. `contradictions` counts the findings that were not kept, too."""

    identity: str
    first: int
    last: int
    commits: int
    actors: int
    batches: int
    bytes: int
    contradictions: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return self.contradictions == 0


class _Commit(msgspec.Struct, frozen=True):
    """As much of a commit as is checked here."""

    actor: str
    previous: str
    together: tuple[str, ...] = ()


_read: Final = msgspec.json.Decoder(_Commit).decode


class Verifier:
    """Takes every commit of a log in order, from the first, then says what it found."""

    def __init__(self) -> None:
        self.findings: Final[list[Finding]] = []
        self.contradictions = 0
        self.commits = 0
        self.batches = 0
        self.bytes = 0
        self.last = 0
        self._heads: Final[dict[str, tuple[str, int]]] = {}
        """The hash and the sequence of each actor's last commit."""
        self._batch: list[tuple[Recorded, _Commit | None]] = []
        """The batch that is being read, as far as it has come."""

    @property
    def actors(self) -> int:
        return len(self._heads)

    def in_batch(self) -> bool:
        """Whether the last commit belongs to a batch whose end has not come."""
        return bool(self._batch)

    def take(self, recorded: Recorded) -> None:
        """The next commit."""
        self._check_sequence(recorded)
        self.commits += 1
        self.bytes += len(recorded.body)
        self.last = recorded.sequence
        try:
            commit = _read(recorded.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._found("unreadable", recorded, f"the commit cannot be read: {error}")
            commit = None
        if commit is not None:
            self._check_chain(recorded, commit)
        self._heads[recorded.actor] = (hash_of(recorded.body), recorded.sequence)
        self._check_batch(recorded, commit)

    def end(self, last: int) -> None:
        """There are no more, and the log says that it ends at `last`."""
        self._end_batch("the log ends")
        if self.last < last:
            detail = f"the log says that it ends at {last}, but {_run(self.last + 1, last)} cannot be read"
            self._add(Finding("cut_off", self.last, "", detail))

    def _check_sequence(self, recorded: Recorded) -> None:
        expected = self.last + 1
        if recorded.sequence < expected:
            self._found("sequence_ran_backwards", recorded, f"follows sequence {self.last}")
        elif recorded.sequence > expected:
            code = "sequence_missing" if self.last else "beginning_missing"
            self._found(code, recorded, f"{_run(expected, recorded.sequence - 1)} should stand before this")

    def _check_chain(self, recorded: Recorded, commit: _Commit) -> None:
        if commit.actor != recorded.actor:
            self._found("misplaced", recorded, f"the commit is one of {commit.actor}")
        head, at = self._heads.get(recorded.actor, (GENESIS, 0))
        if commit.previous == head:
            return
        before = f"the commit at {at} hashes to {head[:12]}…" if at else "there is no commit before it"
        stands_on = "the beginning" if commit.previous == GENESIS else f"{commit.previous[:12]}…"
        self._found("chain_broken", recorded, f"stands on {stands_on}, but {before}")

    def _check_batch(self, recorded: Recorded, commit: _Commit | None) -> None:
        mark = recorded.batch
        begun = self._batch[-1][0].batch if self._batch else None
        if begun is not None and (mark is None or mark.id != begun.id):
            self._end_batch(f"sequence {recorded.sequence} follows")
        if mark is None:
            self._check_together([(recorded, commit)])
            return
        expected = len(self._batch) + 1
        if mark.index != expected:
            self._found("batch_torn", recorded, f"part {mark.index} of batch {mark.id} stands where {expected} should")
        self._batch.append((recorded, commit))
        if mark.last:
            self.batches += 1
            self._check_together(self._batch)
            self._batch = []

    def _end_batch(self, how: str) -> None:
        """A batch that has no last part ends here."""
        if self._batch:
            recorded = self._batch[-1][0]
            mark = recorded.batch
            assert mark is not None
            self._found("batch_torn", recorded, f"batch {mark.id} has no end: {how} after part {mark.index}")
            self._batch = []

    def _check_together(self, step: list[tuple[Recorded, _Commit | None]]) -> None:
        """What became true at once holds whole transactions."""
        told = {recorded.actor: commit.together for recorded, commit in step if commit is not None}
        for recorded, commit in step:
            if commit is None or not commit.together:
                continue
            if recorded.actor not in commit.together:
                self._found("transaction_torn", recorded, f"is none of the {', '.join(commit.together)} that it names")
            for other in commit.together:
                if told.get(other) != commit.together:
                    self._found(
                        "transaction_torn", recorded, f"was decided together with {other}, which is not beside it"
                    )

    def _found(self, code: str, recorded: Recorded, detail: str) -> None:
        self._add(Finding(code, recorded.sequence, recorded.actor, detail))

    def _add(self, finding: Finding) -> None:
        self.contradictions += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)


async def verify(log: EventLog, progress: Callable[[int, int], None] | None = None) -> Report:
    """Walk the whole log, up to its end when the walk began. `progress` is called with how far it is, and that end."""
    head = await log.head()
    verifier = Verifier()
    async for recorded in log.read():
        if recorded.sequence > head.last:
            break
        verifier.take(recorded)
        if progress is not None and verifier.commits % TELL_EVERY == 0:
            progress(recorded.sequence, head.last)
    await _finish_batch(verifier, log)
    verifier.end(head.last)
    return Report(
        head.identity,
        head.first,
        verifier.last,
        verifier.commits,
        verifier.actors,
        verifier.batches,
        verifier.bytes,
        verifier.contradictions,
        tuple(verifier.findings),
    )


async def _finish_batch(verifier: Verifier, log: EventLog) -> None:
    """The log may have ended in the middle of a batch because it was just being written: read that to its end."""
    for _ in range(LOOKS_FOR_END_MAX):
        if not verifier.in_batch():
            return
        async for recorded in log.read(verifier.last):
            verifier.take(recorded)
            if not verifier.in_batch():
                return
        await asyncio.sleep(LOOK_FOR_END_MS / 1000)


def _run(first: int, last: int) -> str:
    return f"sequence {first}" if first == last else f"sequences {first} to {last}"

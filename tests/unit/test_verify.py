"""The verifier finds what was altered, dropped, reordered or torn, and says where; nothing in a log that is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec

from actors.catalog import PutResource
from actors.runtime.in_process import in_memory
from events.catalog import Resource, ResourcePut
from events.commit import GENESIS, Decided, encode, hash_of
from events.log import BatchMark, LogHead, Recorded
from tidegate.verify import FINDINGS_MAX, Finding, Report, verify


@dataclass
class Shown:
    """A log that shows what the test put into it. `hidden` commits turn up only when it is read again."""

    recorded: list[Recorded]
    last: int | None = None
    hidden: int = 0

    async def head(self) -> LogHead:
        last = self.last if self.last is not None else max((one.sequence for one in self.recorded), default=0)
        return LogHead("shown", 1, last, 0)

    async def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        shown = self.recorded[: len(self.recorded) - self.hidden] if after == 0 else self.recorded
        for one in shown:
            if one.sequence > after:
                yield one


async def walk(recorded: Sequence[Recorded], last: int | None = None, hidden: int = 0) -> Report:
    return await verify(Shown(list(recorded), last, hidden))  # type: ignore[arg-type]  # as much of a log as is read


def chain(actor: str, *sequences: int) -> list[Recorded]:
    """One actor's commits, standing on each other."""
    recorded: list[Recorded] = []
    head = GENESIS
    for number, sequence in enumerate(sequences):
        body = body_of(actor, head, f"r{number}")
        recorded.append(Recorded(sequence, actor, body, 0))
        head = hash_of(body)
    return recorded


def body_of(actor: str, previous: str, name: str, together: tuple[str, ...] = ()) -> bytes:
    fact = ResourcePut(Resource(name, name, "UTC"))
    return encode(actor, 0, previous, [Decided(name, "test", 0, (fact,), msgspec.Raw(b"null"))], together)


def renumbered(recorded: Sequence[Recorded]) -> list[Recorded]:
    return [msgspec.structs.replace(one, sequence=sequence) for sequence, one in enumerate(recorded, 1)]


def batch(id: str, recorded: Sequence[Recorded]) -> list[Recorded]:
    size = len(recorded)
    return [
        msgspec.structs.replace(one, batch=BatchMark(id, index, index == size)) for index, one in enumerate(recorded, 1)
    ]


def found(report: Report) -> list[tuple[str, int]]:
    assert report.contradictions == len(report.findings)
    return [(finding.code, finding.sequence) for finding in report.findings]


async def test_what_hosts_write_is_sound() -> None:
    """A log of plain commits, batches and transactions has no findings, and all of it is counted."""
    async with in_memory(hosts=2) as system:
        for number in range(5):
            await system.sender.send("a.catalog", PutResource(f"r{number}", "UTC"))
        parts = [(f"{name}.catalog", PutResource("x", "UTC")) for name in "abc"]
        await system.sender.transact(parts)
        report = await verify(system.log)
    assert report.sound
    assert (report.commits, report.actors, report.batches, report.last) == (8, 3, 1, 8)
    assert report.bytes > 0


async def test_an_empty_log_is_sound() -> None:
    """Nothing contradicts itself."""
    report = await walk([])
    assert report.sound
    assert report.commits == 0


async def test_an_altered_commit_is_found() -> None:
    """Whoever changes one byte breaks the next link, and the finding names both commits."""
    commits = renumbered(chain("a.catalog", 1, 2, 3))
    commits[1] = msgspec.structs.replace(commits[1], body=commits[1].body.replace(b'"r1"', b'"r9"'))
    report = await walk(commits)
    assert found(report) == [("chain_broken", 3)]
    assert "the commit at 2 hashes to" in report.findings[0].detail


async def test_a_dropped_commit_is_found_twice_over() -> None:
    """By its number, and by the chain of its actor; others' chains are not blamed."""
    commits = renumbered([*chain("a.catalog", 1, 2, 3), *chain("b.catalog", 4)])
    report = await walk([commits[0], *commits[2:]])
    assert found(report) == [("sequence_missing", 3), ("chain_broken", 3)]


async def test_a_dropped_commit_is_found_though_the_rest_was_renumbered() -> None:
    """The chain alone tells."""
    commits = chain("a.catalog", 1, 2, 3)
    assert found(await walk(renumbered([commits[0], commits[2]]))) == [("chain_broken", 2)]


async def test_a_missing_beginning_is_found() -> None:
    """A log begins at 1, and an actor's first commit stands on nothing."""
    commits = renumbered(chain("a.catalog", 1, 2, 3))
    report = await walk(commits[1:])
    assert found(report) == [("beginning_missing", 2), ("chain_broken", 2)]


async def test_reordered_commits_are_found() -> None:
    """Two commits that changed places stand on the wrong ones."""
    first, second, third, fourth = chain("a.catalog", 1, 2, 3, 4)
    report = await walk(renumbered([first, third, second, fourth]))
    assert found(report) == [("chain_broken", 2), ("chain_broken", 3), ("chain_broken", 4)]


async def test_numbers_that_run_backwards_are_found() -> None:
    """A reader that is shown an earlier number is shown another log."""
    first, second = chain("a.catalog", 1, 2)
    report = await walk([first, second, *chain("b.catalog", 2)], last=2)
    assert found(report) == [("sequence_ran_backwards", 2)]


async def test_a_second_beginning_is_found() -> None:
    """A commit that stands on nothing is only right as an actor's first."""
    again = msgspec.structs.replace(chain("a.catalog", 1)[0], sequence=2)
    report = await walk([*chain("a.catalog", 1), again])
    assert found(report) == [("chain_broken", 2)]
    assert "stands on the beginning" in report.findings[0].detail


async def test_a_commit_under_another_actors_name_is_found() -> None:
    """What a commit says of itself counts, not where it lies."""
    commit = msgspec.structs.replace(chain("a.catalog", 1)[0], actor="b.catalog")
    assert found(await walk([commit])) == [("misplaced", 1)]


async def test_an_unreadable_commit_is_found_and_the_rest_is_still_read() -> None:
    """One damaged commit does not end the walk."""
    first, second, third = renumbered([*chain("a.catalog", 1, 2), *chain("b.catalog", 3)])
    report = await walk([first, msgspec.structs.replace(second, body=b"\xff{"), third])
    assert found(report) == [("unreadable", 2)]
    assert report.commits == 3


async def test_a_log_that_stops_short_is_found() -> None:
    """What the log says of its end, it must be able to show."""
    assert found(await walk(renumbered(chain("a.catalog", 1, 2)), last=4)) == [("cut_off", 2)]


async def test_a_batch_without_its_end_is_found() -> None:
    """All of a batch or nothing of it; here its last part is missing and another commit follows."""
    parts = batch("one", [*chain("a.catalog", 1), *chain("b.catalog", 2), *chain("c.catalog", 3)])
    report = await walk(renumbered([*parts[:2], *chain("d.catalog", 3)]))
    assert found(report) == [("batch_torn", 2)]


async def test_a_batch_without_its_middle_is_found() -> None:
    """The parts of a batch are counted."""
    parts = batch("one", [*chain("a.catalog", 1), *chain("b.catalog", 2), *chain("c.catalog", 3)])
    report = await walk(renumbered([parts[0], parts[2]]))
    assert found(report) == [("batch_torn", 2)]


async def test_a_batch_that_is_just_being_written_is_waited_for() -> None:
    """The end of a living log may lie within a batch; that is no contradiction."""
    parts = renumbered(batch("one", [*chain("a.catalog", 1), *chain("b.catalog", 2), *chain("c.catalog", 3)]))
    report = await walk(parts, last=2, hidden=1)
    assert report.sound
    assert (report.batches, report.last) == (1, 3)


async def test_a_batch_at_the_end_that_is_never_finished_is_found() -> None:
    """It is waited for, but not for ever."""
    parts = batch("one", [*chain("a.catalog", 1), *chain("b.catalog", 2)])
    assert found(await walk(renumbered(parts[:1]))) == [("batch_torn", 1)]


async def test_a_transaction_that_is_not_whole_is_found() -> None:
    """A commit that says what it was decided with must stand beside it, in one batch (law 2)."""
    together = ("a.catalog", "b.catalog")
    alone = Recorded(1, "a.catalog", body_of("a.catalog", GENESIS, "x", together), 0)
    assert found(await walk([alone])) == [("transaction_torn", 1)]
    beside = [
        Recorded(1, "a.catalog", body_of("a.catalog", GENESIS, "x", together), 0),
        Recorded(2, "b.catalog", body_of("b.catalog", GENESIS, "x", ("b.catalog", "c.catalog")), 0),
    ]
    assert {code for code, _ in found(await walk(batch("one", beside)))} == {"transaction_torn"}


async def test_findings_are_bounded_and_counted() -> None:
    """A ruined log does not fill the memory with what is wrong with it."""
    commits = renumbered([chain("a.catalog", 1)[0]] * (FINDINGS_MAX + 100))
    report = await walk(commits)
    assert len(report.findings) == FINDINGS_MAX
    assert report.contradictions == FINDINGS_MAX + 99
    assert not report.sound
    assert isinstance(report.findings[0], Finding)

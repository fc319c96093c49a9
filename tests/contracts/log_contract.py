"""What every event log must do. An adapter passes by subclassing `EventLogContract` and giving it a `log`:

    class TestMyLog(EventLogContract):
        @pytest.fixture
        def log(self) -> EventLog: ...

The log must be empty. If two handles can share a log, `rival` gives a second one on the same.

It is whole in one module, so that an adapter imports one thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from itertools import count

import pytest

from events import limits
from events.errors import Conflict, LogFull, LogHalted
from events.log import EXPECT_NEW, Entry, EventLog, ExpectAt, Recorded, Step

ALICE, BOB, CAROL = "demo.day.alice.2026-12-07", "demo.day.bob.2026-12-07", "demo.day.carol.2026-12-07"

_numbers = count()


def entry(
    actor: str, body: bytes | str = b"", expect: ExpectAt = EXPECT_NEW, headers: Mapping[str, str] | None = None
) -> Entry:
    """An entry with a body of its own, and the hash of both as its id, as commits have it."""
    raw = body.encode() if isinstance(body, str) else body
    identity = sha256(raw + f"{actor} {next(_numbers)}".encode()).hexdigest()
    return Entry(actor, raw, expect, identity, headers or {})


async def append(log: EventLog, *entries: Entry) -> list[int]:
    """Store each, all of which must succeed."""
    outcomes = await log.append_each(entries)
    sequences = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(sequences) == len(entries), outcomes
    return sequences


async def collect(recorded: AsyncIterator[Recorded]) -> list[Recorded]:
    return [one async for one in recorded]


async def bodies(recorded: AsyncIterator[Recorded]) -> list[bytes]:
    return [one.body async for one in recorded]


async def take(steps: AsyncIterator[Step], commits: int) -> list[Step]:
    """Whole steps until they hold so many commits."""
    taken: list[Step] = []
    async for step in steps:
        taken.append(step)
        commits -= len(step)
        if commits <= 0:
            break
    return taken


class EventLogContract:
    @pytest.fixture
    def log(self) -> EventLog:
        raise NotImplementedError("a subclass says which log")

    @pytest.fixture
    def rival(self, log: EventLog) -> EventLog:
        return log

    # ------------------------------------------------------------------ expectations

    async def test_an_empty_log_has_nothing(self, log: EventLog) -> None:
        """A log that nobody wrote to ends at 0, and no way of reading finds anything."""
        head = await log.head()
        assert (head.first, head.last) == (0, 0)
        assert await log.last_of([ALICE]) == {}
        assert await log.at(1) is None
        assert await collect(log.read()) == []
        assert await collect(log.read_actor(ALICE)) == []

    async def test_an_actor_goes_on_from_where_it_stands(self, log: EventLog) -> None:
        """An append succeeds when the actor's last commit stands where it is expected, and tells its sequence."""
        [first] = await append(log, entry(ALICE, "one"))
        [other] = await append(log, entry(BOB, "between"))
        [second] = await append(log, entry(ALICE, "two", ExpectAt(first)))
        assert 0 < first < other < second
        assert await bodies(log.read_actor(ALICE)) == [b"one", b"two"]

    @pytest.mark.parametrize("expected", ["new", "older", "later"])
    async def test_a_wrong_expectation_stores_nothing(self, log: EventLog, expected: str) -> None:
        """An append whose actor stands elsewhere is a conflict that names the actor, and nothing is stored."""
        [first] = await append(log, entry(ALICE, "one"))
        [second] = await append(log, entry(ALICE, "two", ExpectAt(first)))
        expect = {"new": EXPECT_NEW, "older": ExpectAt(first), "later": ExpectAt(second + 1)}[expected]
        [outcome] = await log.append_each([entry(ALICE, "lost", expect)])
        assert isinstance(outcome, Conflict)
        assert outcome.actor == ALICE
        assert await bodies(log.read()) == [b"one", b"two"]

    async def test_an_actor_without_commits_is_expected_new(self, log: EventLog) -> None:
        """Expecting a commit of an actor that has none is a conflict."""
        await append(log, entry(BOB, "one"))
        [outcome] = await log.append_each([entry(ALICE, "lost", ExpectAt(1))])
        assert isinstance(outcome, Conflict)

    async def test_each_entry_has_its_own_outcome(self, log: EventLog) -> None:
        """Of entries that are appended each on its own, one that fails takes no other with it."""
        [first] = await append(log, entry(BOB, "bob"))
        outcomes = await log.append_each([entry(ALICE, "alice"), entry(BOB, "lost"), entry(CAROL, "carol")])
        assert isinstance(outcomes[0], int)
        assert isinstance(outcomes[1], Conflict)
        assert isinstance(outcomes[2], int)
        assert await bodies(log.read(first)) == [b"alice", b"carol"]

    async def test_one_call_has_one_entry_per_actor(self, log: EventLog) -> None:
        """Two entries of one actor in one call are the caller's bug."""
        twice = [entry(ALICE, "one"), entry(ALICE, "two")]
        with pytest.raises(ValueError, match="different actors"):
            await log.append_each(twice)
        with pytest.raises(ValueError, match="different actors"):
            await log.append_together(twice)
        assert await collect(log.read()) == []

    async def test_nothing_to_append_is_nothing(self, log: EventLog) -> None:
        """Appending no entries succeeds and stores nothing."""
        assert await log.append_each([]) == []
        assert await log.append_together([]) == []
        assert (await log.head()).last == 0

    async def test_an_entry_is_stored_once(self, log: EventLog) -> None:
        """Appending an entry again that the log already has, gives its sequence again and stores nothing."""
        one = entry(ALICE, "one")
        [first] = await append(log, one)
        assert await log.append_each([one]) == [first]
        assert await bodies(log.read()) == [b"one"]

    # ------------------------------------------------------------------ together

    async def test_a_batch_stands_together_in_order(self, log: EventLog) -> None:
        """Entries that are appended together have consecutive sequences in the order given, and say so."""
        [before] = await append(log, entry(ALICE, "a1"))
        batch = [entry(CAROL, "c1"), entry(ALICE, "a2", ExpectAt(before)), entry(BOB, "b1")]
        first, *rest = await log.append_together(batch)
        assert first > before
        assert rest == [first + 1, first + 2]
        recorded = await collect(log.read(before))
        assert [one.body for one in recorded] == [b"c1", b"a2", b"b1"]
        marks = [one.batch for one in recorded if one.batch is not None]
        assert [(mark.index, mark.last) for mark in marks] == [(1, False), (2, False), (3, True)]
        assert len({mark.id for mark in marks}) == 1

    @pytest.mark.parametrize("stale", [0, 1, 2])
    async def test_one_stale_entry_keeps_all_out(self, log: EventLog, stale: int) -> None:
        """A batch in which one actor stands elsewhere is a conflict that names it, and none of it is stored."""
        actors = [ALICE, BOB, CAROL]
        await append(log, entry(actors[stale], "before"))
        with pytest.raises(Conflict) as caught:
            await log.append_together([entry(actor, "lost") for actor in actors])
        assert caught.value.actor == actors[stale]
        assert await bodies(log.read()) == [b"before"]

    async def test_a_refused_batch_can_go_again(self, log: EventLog) -> None:
        """The actors of a refused batch stand where they stood: with the right expectation they go together."""
        [before] = await append(log, entry(BOB, "before"))
        with pytest.raises(Conflict):
            await log.append_together([entry(ALICE, "a"), entry(BOB, "b")])
        assert len(await log.append_together([entry(ALICE, "a"), entry(BOB, "b", ExpectAt(before))])) == 2

    async def test_a_batch_is_stored_once(self, log: EventLog) -> None:
        """Appending a batch again that the log already has, gives its sequences again and stores nothing."""
        batch = [entry(ALICE, "a"), entry(BOB, "b")]
        sequences = await log.append_together(batch)
        assert await log.append_together(batch) == sequences
        assert await bodies(log.read()) == [b"a", b"b"]

    async def test_a_batch_of_one(self, log: EventLog) -> None:
        """A batch may be a single entry, and is then its own beginning and end."""
        [sequence] = await log.append_together([entry(ALICE, "alone")])
        recorded = await log.at(sequence)
        assert recorded is not None
        assert recorded.batch is not None
        assert (recorded.batch.index, recorded.batch.last) == (1, True)

    async def test_a_single_commit_is_in_no_batch(self, log: EventLog) -> None:
        """Only what was appended together carries the mark of a batch."""
        [sequence] = await append(log, entry(ALICE, "one"))
        recorded = await log.at(sequence)
        assert recorded is not None
        assert recorded.batch is None

    async def test_the_largest_batch(self, log: EventLog) -> None:
        """As many entries as the limit allows go together, and are one step; one more is the caller's bug."""
        size = limits.BATCH_ENTRIES_MAX
        batch = [entry(f"demo.line.big.{number}", str(number)) for number in range(size)]
        sequences = await log.append_together(batch)
        assert sequences == list(range(sequences[0], sequences[0] + size))
        assert await bodies(log.read()) == [one.body for one in batch]
        [step] = await take(log.follow(), size)
        assert len(step) == size
        with pytest.raises(ValueError, match=str(size)):
            await log.append_together([entry(f"demo.line.big.{number}") for number in range(size + 1)])

    # ------------------------------------------------------------------ begun before all is known

    @pytest.mark.parametrize("waited", [True, False])
    async def test_a_batch_may_begin_before_all_of_it_is_known(self, log: EventLog, waited: bool) -> None:
        """It is one batch all the same, in order, and stands where it was stored and not where it began."""
        batch = log.begin(entry(CAROL, "c1"))
        if waited:
            await batch.prepared
        [before] = await append(log, entry(ALICE, "a1"))
        sequences = await batch.store([entry(ALICE, "a2", ExpectAt(before)), entry(BOB, "b1")])
        assert sequences == list(range(sequences[0], sequences[0] + 3))
        assert sequences[0] > before
        recorded = await collect(log.read(before))
        assert [(one.sequence, one.body) for one in recorded] == list(
            zip(sequences, [b"c1", b"a2", b"b1"], strict=True)
        )
        marks = [one.batch for one in recorded if one.batch is not None]
        assert [(mark.index, mark.last) for mark in marks] == [(1, False), (2, False), (3, True)]
        assert len({mark.id for mark in marks}) == 1

    async def test_a_batch_that_is_never_stored_is_nothing(self, log: EventLog) -> None:
        """What it began with is not stored, and can be, later, by itself or with others."""
        alice, bob = entry(ALICE, "a"), entry(BOB, "b")
        for first in (alice, bob):
            await log.begin(first).prepared
        assert (await log.head()).last == 0
        [stored] = await append(log, alice)
        assert len(await log.append_together([bob, entry(CAROL, "c")])) == 2
        assert await bodies(log.read()) == [b"a", b"b", b"c"]
        assert stored == 1

    @pytest.mark.parametrize("stale", [0, 1])
    async def test_what_a_batch_expects_is_looked_at_when_it_is_stored(
        self, log: EventLog, rival: EventLog, stale: int
    ) -> None:
        """Another commit that came after it began is a conflict that names the actor, and nothing of it is stored."""
        actors = [ALICE, BOB]
        batch = log.begin(entry(ALICE, "lost"))
        await batch.prepared
        await append(rival, entry(actors[stale], "first"))
        with pytest.raises(Conflict) as caught:
            await batch.store([entry(BOB, "lost")])
        assert caught.value.actor == actors[stale]
        assert await bodies(log.read()) == [b"first"]

    async def test_a_begun_batch_may_stay_alone(self, log: EventLog) -> None:
        """What it began with can be all that there is."""
        batch = log.begin(entry(ALICE, "alone"))
        await batch.prepared
        [sequence] = await batch.store([])
        recorded = await log.at(sequence)
        assert recorded is not None
        assert recorded.batch is not None
        assert (recorded.body, recorded.batch.index, recorded.batch.last) == (b"alone", 1, True)

    async def test_a_begun_batch_has_the_limits_of_any(self, log: EventLog) -> None:
        """As many entries, of different actors, none too large; what breaks that is told when it is stored."""
        size = limits.BATCH_ENTRIES_MAX
        entries = [entry(f"demo.line.big.{number}", str(number)) for number in range(size + 1)]
        with pytest.raises(ValueError, match=str(size)):
            await log.begin(entries[0]).store(entries[1:])
        with pytest.raises(ValueError, match="different actors"):
            await log.begin(entries[0]).store([entries[1], entries[0]])
        with pytest.raises(LogFull):
            await log.begin(entry(ALICE, b"x" * (limits.LOG_MESSAGE_BYTES_MAX + 1))).store(entries[:1])
        assert (await log.head()).last == 0
        assert len(await log.begin(entries[0]).store(entries[1:-1])) == size

    async def test_batches_may_be_open_beside_each_other(self, log: EventLog, rival: EventLog) -> None:
        """Each is stored when it is, whichever began first."""
        early, late = log.begin(entry(ALICE, "early")), rival.begin(entry(BOB, "late"))
        await asyncio.gather(early.prepared, late.prepared)
        await late.store([entry("demo.line.l")])
        await early.store([entry("demo.line.e")])
        assert await bodies(log.read()) == [b"late", b"", b"early", b""]

    # ------------------------------------------------------------------ races

    async def test_one_writer_wins_each_place(self, log: EventLog, rival: EventLog) -> None:
        """Of two writers that append to one actor at once, one wins every time, and the other is told."""
        expect = EXPECT_NEW
        for turn in range(50):
            mine, theirs = await asyncio.gather(
                log.append_each([entry(ALICE, f"mine {turn}", expect)]),
                rival.append_each([entry(ALICE, f"theirs {turn}", expect)]),
            )
            won = [outcome for outcome in (*mine, *theirs) if isinstance(outcome, int)]
            lost = [outcome for outcome in (*mine, *theirs) if isinstance(outcome, Conflict)]
            assert (len(won), len(lost)) == (1, 1)
            expect = ExpectAt(won[0])
        assert len(await collect(log.read_actor(ALICE))) == 50

    async def test_one_batch_wins_what_they_share(self, log: EventLog, rival: EventLog) -> None:
        """Of two batches that share an actor, one is stored whole and the other not at all."""
        at: dict[str, int] = {}
        for turn in range(20):
            mine = [entry(actor, f"mine {turn}", ExpectAt(at.get(actor, 0))) for actor in (ALICE, BOB)]
            theirs = [entry(actor, f"theirs {turn}", ExpectAt(at.get(actor, 0))) for actor in (BOB, CAROL)]
            ended = await asyncio.gather(
                log.append_together(mine), rival.append_together(theirs), return_exceptions=True
            )
            assert sorted(type(one).__name__ for one in ended) == ["Conflict", "list"]
            for batch, outcome in zip((mine, theirs), ended, strict=True):
                if isinstance(outcome, list):
                    at.update(zip((one.actor for one in batch), outcome, strict=True))
        assert len(await collect(log.read())) == 40

    async def test_many_at_once_lose_nothing(self, log: EventLog, rival: EventLog) -> None:
        """Singles and batches of many actors under way at once are all stored, each actor's in its own order."""

        async def write(handle: EventLog, writer: int) -> list[int]:
            mine = [f"demo.line.w{writer}.{index}" for index in range(3)]
            at = dict.fromkeys(mine, 0)
            stored: list[int] = []
            for turn in range(10):
                batch = [entry(actor, str(turn), ExpectAt(at[actor])) for actor in mine]
                sequences = await (append(handle, *batch) if turn % 2 else handle.append_together(batch))
                at.update(zip(mine, sequences, strict=True))
                stored += sequences
            return stored

        writers = [write(log if number % 2 else rival, number) for number in range(8)]
        stored = [sequence for some in await asyncio.gather(*writers) for sequence in some]
        assert len(set(stored)) == 8 * 3 * 10
        assert sorted(stored) == [one.sequence for one in await collect(log.read())]
        assert await bodies(log.read_actor("demo.line.w3.1")) == [str(turn).encode() for turn in range(10)]

    # ------------------------------------------------------------------ reading

    async def test_the_last_commit_of_each(self, log: EventLog, rival: EventLog) -> None:
        """The last commit of every actor asked for that has one, as soon as it is acknowledged, and of no other."""
        [first] = await append(log, entry(ALICE, "old"))
        await append(log, entry(BOB, "bob"), entry(CAROL, "carol"))
        [last] = await append(log, entry(ALICE, "new", ExpectAt(first)))
        found = await rival.last_of([ALICE, BOB, "demo.day.nobody.2026-12-07"])
        assert {actor: one.body for actor, one in found.items()} == {ALICE: b"new", BOB: b"bob"}
        assert found[ALICE].sequence == last
        assert found[ALICE].actor == ALICE

    async def test_the_last_commits_of_many(self, log: EventLog) -> None:
        """More actors than one request asks for are found all the same."""
        actors = [f"demo.line.many.{number}" for number in range(2 * limits.LOOKUP_ACTORS_MAX + 3)]
        sequences = await log.append_together([entry(actor, actor) for actor in actors])
        found = await log.last_of([*actors, *actors[:3], "demo.line.nobody"])
        assert {actor: one.sequence for actor, one in found.items()} == dict(zip(actors, sequences, strict=True))

    async def test_an_actor_is_read_from_where_one_was(self, log: EventLog) -> None:
        """Reading an actor behind a sequence gives its later commits in order, and nobody else's."""
        sequences: list[int] = []
        for turn in range(5):
            expect = ExpectAt(sequences[-1] if sequences else 0)
            sequences += await append(log, entry(ALICE, str(turn), expect))
            await append(log, entry(f"demo.line.noise.{turn}", "noise"))
        assert await bodies(log.read_actor(ALICE, after=sequences[1])) == [b"2", b"3", b"4"]
        assert await bodies(log.read_actor(ALICE, after=sequences[1] + 1)) == [b"2", b"3", b"4"]
        assert await bodies(log.read_actor(ALICE, after=sequences[-1])) == []

    async def test_names_that_begin_alike_are_different_actors(self, log: EventLog) -> None:
        """An actor is its whole name: one whose name continues another's is not read with it."""
        await append(log, entry("demo.line.a", "short"), entry("demo.line.a.b", "long"), entry("demo.line.ab", "other"))
        assert await bodies(log.read_actor("demo.line.a")) == [b"short"]
        assert set(await log.last_of(["demo.line.a"])) == {"demo.line.a"}

    async def test_everything_is_read_in_order(self, log: EventLog) -> None:
        """Reading from a sequence gives every later commit of every actor, over as many pages as it takes."""
        size = limits.BATCH_ENTRIES_MAX
        stored: list[int] = []
        for part in range(2):
            batch = [entry(f"demo.line.p{part}.{number}", f"{part}.{number}") for number in range(size)]
            stored += await log.append_together(batch)
        stored += await append(log, entry(ALICE, "last"))
        assert [one.sequence for one in await collect(log.read())] == stored
        assert [one.sequence for one in await collect(log.read(after=stored[size - 1]))] == stored[size:]
        assert await collect(log.read(after=stored[-1])) == []

    async def test_a_read_ends(self, log: EventLog) -> None:
        """A read ends at what was the end when it began, also when the log grows faster than it reads."""
        at = (await append(log, entry(ALICE, "0")))[0]
        await append(log, entry(BOB, "b"))
        seen = 0
        async for one in log.read():
            seen += 1
            at = (await append(log, entry(ALICE, f"{one.sequence}", ExpectAt(at))))[0]
        assert seen == 2

    async def test_one_commit_by_its_sequence(self, log: EventLog) -> None:
        """A sequence is one commit or none."""
        first, second = await log.append_together([entry(ALICE, "a"), entry(BOB, "b")])
        found = [await log.at(sequence) for sequence in (0, first, second, second + 1)]
        assert [one and (one.actor, one.body) for one in found] == [None, (ALICE, b"a"), (BOB, b"b"), None]

    async def test_several_commits_by_their_sequences(self, log: EventLog) -> None:
        """Asked for together, each sequence has its own answer, in the order of the question."""
        first, second = await log.append_together([entry(ALICE, "a"), entry(BOB, "b")])
        found = await log.at_each([second, 0, first, second + 1, second])
        assert [one and one.body for one in found] == [b"b", None, b"a", None, b"b"]
        assert await log.at_each([]) == []
        assert await log.at_each([0]) == [None]

    async def test_each_commit_names_the_one_before_it(self, log: EventLog) -> None:
        """A commit says where its actor's commit before it stands, however it was stored and however it is read."""
        [first] = await append(log, entry(ALICE))
        [second, _] = await log.append_together([entry(ALICE, "2", ExpectAt(first)), entry(BOB)])
        [third] = await append(log, entry(ALICE, "3", ExpectAt(second)))
        ways = [
            await collect(log.read_actor(ALICE)),
            [one for one in await collect(log.read()) if one.actor == ALICE],
            [one for step in await take(log.follow(), 4) for one in step if one.actor == ALICE],
            [one for one in await log.at_each([first, second, third]) if one is not None],
        ]
        for way in ways:
            assert [(one.previous, one.sequence) for one in way] == [(0, first), (first, second), (second, third)]
        assert (await log.last_of([ALICE]))[ALICE].previous == second

    async def test_what_is_stored_is_what_was_given(self, log: EventLog) -> None:
        """Body and headers come back byte for byte, however they are read, and nothing is added to them."""
        body = bytes(range(256)) + b"\r\n\r\nNATS/1.0\r\n"
        headers = {"traceparent": "00-4bf92f3577b34da6-00f067aa0ba902b7-01", "Tidegate-Wake": "1795247157715"}
        [sequence] = await append(log, entry(ALICE, body, headers=headers))
        [together] = await log.append_together([entry(BOB, body, headers=headers)])
        for at, actor in ((sequence, ALICE), (together, BOB)):
            [step] = await take(log.follow(at - 1), 1)
            ways = [
                *(await log.last_of([actor])).values(),
                *await collect(log.read_actor(actor)),
                *[one for one in await collect(log.read()) if one.actor == actor],
                *step,
                await log.at(at),
            ]
            assert len(ways) == 5
            for one in ways:
                assert one is not None
                assert (one.sequence, one.actor, one.body, dict(one.headers)) == (at, actor, body, headers)
            assert len({one.stored_at for one in ways if one is not None}) == 1

    async def test_a_commit_without_body_or_headers(self, log: EventLog) -> None:
        """An empty body is a body."""
        [sequence] = await append(log, entry(ALICE))
        recorded = await log.at(sequence)
        assert recorded is not None
        assert (recorded.body, dict(recorded.headers)) == (b"", {})
        assert [one.body for one in await collect(log.read())] == [b""]
        assert (await log.last_of([ALICE]))[ALICE].body == b""

    async def test_time_goes_on(self, log: EventLog) -> None:
        """The time at which commits were stored never runs backwards along the log."""
        for turn in range(5):
            await append(log, entry(f"demo.line.{turn}"))
        times = [one.stored_at for one in await collect(log.read())]
        assert times == sorted(times)

    async def test_large_commits(self, log: EventLog) -> None:
        """Commits of the largest size are stored and read however many of them there are."""
        large = b"x" * limits.LOG_MESSAGE_BYTES_MAX
        actors = [f"demo.line.large.{number}" for number in range(20)]
        stored = await append(log, *(entry(actor, large) for actor in actors[:10]))
        stored += await log.append_together([entry(actor, large) for actor in actors[10:]])
        assert [(one.sequence, one.body == large) for one in await collect(log.read())] == [(at, True) for at in stored]
        found = await log.last_of(actors)
        assert [found[actor].sequence for actor in actors] == stored
        assert sum(len(step) for step in await take(log.follow(), 20)) == 20

    async def test_more_than_fits_on_the_wire_at_once(self, log: EventLog) -> None:
        """A batch may be larger than whatever waits between us and the log's server: it is sent as it is taken."""
        large = b"x" * limits.LOG_MESSAGE_BYTES_MAX
        actors = [f"demo.line.large.{number}" for number in range(80)]
        assert len(await log.append_together([entry(actor, large) for actor in actors])) == len(actors)
        assert (await log.head()).bytes >= len(actors) * len(large)

    async def test_too_large_a_commit_is_refused(self, log: EventLog) -> None:
        """A commit above the limit is refused, takes no other entry with it, and nothing of it is stored."""
        too_large = entry(ALICE, b"x" * (limits.LOG_MESSAGE_BYTES_MAX + 1))
        outcomes = await log.append_each([too_large, entry(BOB, "small")])
        assert isinstance(outcomes[0], LogFull)
        assert isinstance(outcomes[1], int)
        with pytest.raises(LogFull):
            await log.append_together([too_large, entry(CAROL, "small")])
        assert await bodies(log.read()) == [b"small"]

    async def test_actors_are_found_by_how_their_names_begin(self, log: EventLog) -> None:
        """Whole parts of names count: a studio is not every name that begins with the same letters."""
        stored = [f"demo.day.studio.2026-12-{day:02}" for day in range(1, 32)]
        await append(log, *(entry(actor) for actor in (*stored, "demo.day.studio-b.2026-12-01", "demo.catalog")))
        await append(log, entry(stored[0], "again", ExpectAt((await log.last_of(stored[:1]))[stored[0]].sequence)))
        assert await log.actors_under("demo.day.studio") == stored
        assert len(await log.actors_under("demo.day")) == 32
        assert await log.actors_under("nobody") == []

    async def test_organisations_are_found_by_what_they_have(self, log: EventLog) -> None:
        """By an actor of their own, and not by one of its kind that has further parts."""
        actors = ("demo.catalog", "acme.catalog", "acme.day.studio.2026-12-01", "zoo.room.catalog")
        await append(log, *map(entry, actors))
        assert await log.orgs_with("catalog") == ["acme", "demo"]
        assert await log.orgs_with("day") == []

    async def test_the_head_is_where_the_log_ends(self, log: EventLog, rival: EventLog) -> None:
        """The head names the first and the last sequence, and one identity for all who read it."""
        stored = await append(log, entry(ALICE, "a"), entry(BOB, "b"))
        head = await rival.head()
        assert (head.first, head.last) == (min(stored), max(stored))
        assert head.bytes > 0
        assert head.identity == (await log.head()).identity

    # ------------------------------------------------------------------ following

    async def test_following_begins_where_one_was(self, log: EventLog) -> None:
        """A follower sees every step behind the sequence it names, in order."""
        stored = await append(log, *(entry(f"demo.line.{number}") for number in range(10)))
        assert [step[0].sequence for step in await take(log.follow(), 10)] == sorted(stored)
        assert [step[0].sequence for step in await take(log.follow(sorted(stored)[6]), 3)] == sorted(stored)[7:]

    async def test_following_goes_on_with_what_comes(self, log: EventLog, rival: EventLog) -> None:
        """A follower at the end of the log sees what is appended later, by whomever."""
        await append(log, entry(ALICE, "before"))
        steps = log.follow()
        assert [one.body for one in (await anext(aiter(steps)))] == [b"before"]
        following = asyncio.ensure_future(take(steps, 3))
        await append(rival, entry(BOB, "live"))
        await rival.append_together([entry(CAROL, "c"), entry("demo.day.dave.2026-12-07", "d")])
        assert [[one.body for one in step] for step in await following] == [[b"live"], [b"c", b"d"]]

    async def test_a_follower_sees_every_batch_whole(self, log: EventLog, rival: EventLog) -> None:
        """However appends interleave, each step is one commit or one whole batch, and the steps are the log."""
        following = asyncio.ensure_future(take(log.follow(), 20 * 5 + 20))

        async def batches() -> None:
            for turn in range(20):
                await log.append_together([entry(f"demo.line.b{turn}.{index}") for index in range(5)])

        async def singles() -> None:
            for turn in range(20):
                await append(rival, entry(f"demo.line.s{turn}"))

        await asyncio.gather(batches(), singles())
        steps = await following
        assert sorted({len(step) for step in steps}) == [1, 5]
        assert sum(len(step) == 5 for step in steps) == 20
        sequences = [one.sequence for step in steps for one in step]
        assert sequences == [one.sequence for one in await collect(log.read())]

    async def test_following_from_inside_a_batch(self, log: EventLog) -> None:
        """Who names a sequence inside a batch has seen it up to there: the rest comes as one step."""
        first, *_ = await log.append_together([entry(actor) for actor in (ALICE, BOB, CAROL)])
        [step] = await take(log.follow(first), 2)
        assert [one.actor for one in step] == [BOB, CAROL]

    async def test_followers_do_not_share(self, log: EventLog) -> None:
        """Each of several followers sees everything, at its own pace, and one that leaves disturbs no other."""
        followers = [log.follow() for _ in range(3)]
        await append(log, entry(ALICE, "one"))
        assert [len(await take(follower, 1)) for follower in followers] == [1, 1, 1]
        quitter = log.follow()
        assert len(await take(quitter, 1)) == 1
        later = log.follow()
        stays = asyncio.ensure_future(take(later, 2))
        await append(log, entry(BOB, "two"))
        assert [step[0].body for step in await stays] == [b"one", b"two"]

    async def test_following_what_never_was_halts(self, log: EventLog) -> None:
        """Who has seen more than the log holds, has seen another log: following halts instead of waiting."""
        [last] = await append(log, entry(ALICE, "one"))
        with pytest.raises(LogHalted):
            await take(log.follow(last + 10), 1)

    async def test_following_what_stands_under_a_name(self, log: EventLog, rival: EventLog) -> None:
        """Who follows a name sees the commits of those behind it, each by itself and in the order of the log, whether
        they were there before or come later, whatever batch they are part of; and nobody else's."""
        line = [f"demo.line.launch.{shard}" for shard in range(3)]
        await append(log, entry(line[0], "0"), entry(ALICE, "alice"), entry("demo.line.launching.0", "another"))
        await log.append_together([entry(BOB, "bob"), entry(line[1], "1")])
        following = asyncio.ensure_future(take(log.follow(under="demo.line.launch"), 4))
        last = max(await append(rival, entry("demo.room.launch", "room"), entry(CAROL, "carol")))
        await rival.append_together(
            [entry(line[2], "2"), entry("demo.line.lunch.2", "no"), entry("demo.line.launch.9")]
        )
        steps = await following
        assert [[one.actor for one in step] for step in steps] == [[name] for name in (*line, "demo.line.launch.9")]
        assert [step[0].sequence for step in steps] == sorted(step[0].sequence for step in steps)
        behind = await take(log.follow(last, under="demo.line.launch"), 2)
        assert [step[0].actor for step in behind] == [line[2], "demo.line.launch.9"]

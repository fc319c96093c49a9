"""From an actor's name to its memory, reading no more than it takes, and never guessing.

The whole of what `loading` does, on one scripted log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from actors.decider import AnyDecider
from actors.runtime.cell import Cell, Phase
from actors.runtime.limits import HostLimits
from actors.runtime.loading import Loading
from actors.runtime.memory import Memory, Snapshot
from actors.runtime.tasks import Tasks
from actors.simulation.clock import VirtualClock
from events import limits as ground
from events.codec import canonical
from events.commit import GENESIS, Decided, encode, hash_of
from events.errors import LogRecreated
from events.log import Entry, ExpectAt, Recorded
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from tests.support.held import Held
from tests.support.tally import TALLY, Added, Broke, Tally, TallyFact
from tests.support.waiting import until

ACTOR = "demo.tally.a"


class SlowShelf(MemoryShelf):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        await self.open.wait()
        return await super().get(names)


class Nursery:
    """A log with actors, and the loading of their cells."""

    def __init__(self, walk_back_max: int = 0) -> None:
        limits = HostLimits(loads_in_flight_max=2, walk_back_max=walk_back_max)
        self.log = Held(MemoryLog(VirtualClock()))
        self.shelf = SlowShelf()
        self.tasks = Tasks()
        self.loaded: list[Cell] = []
        self.halted: dict[str, Exception] = {}
        self.loading = Loading(self.log, self.shelf, limits, self.tasks, self.loaded.append, self._halt)

    def _halt(self, cell: Cell, error: Exception) -> None:
        cell.phase = Phase.HALTED
        self.halted[cell.actor] = error

    async def commit(self, *facts: TallyFact, actor: str = ACTOR, id: str = "") -> Recorded:
        last = (await self.log.log.last_of([actor])).get(actor)
        head, sequence = (hash_of(last.body), last.sequence) if last else (GENESIS, 0)
        one: Decided[TallyFact] = Decided(id or f"c-{sequence}", "ann", 5, facts, msgspec.Raw(b"null"))
        return await self.store(encode(actor, 1_000, head, [one]), sequence, actor)

    async def store(self, body: bytes, expect: int, actor: str = ACTOR) -> Recorded:
        (sequence,) = await self.log.log.append_each([Entry(actor, body, ExpectAt(expect), hash_of(body))])
        assert isinstance(sequence, int)
        recorded = await self.log.log.at(sequence)
        assert recorded is not None
        return recorded

    async def shelve(self, commits: int | None = None, *, actor: str = ACTOR) -> Memory:
        """Put a snapshot of the actor as it was after so many commits on the shelf."""
        memory = Memory(TALLY, actor, 100)
        history = [one async for one in self.log.log.read_actor(actor)]
        for recorded in history[:commits]:
            memory.follow(recorded)
        await self.shelf.put(actor, memory.snapshot())
        return memory

    async def truth(self, actor: str = ACTOR) -> bytes:
        """The memory that all of the log leads to."""
        memory = Memory(TALLY, actor, HostLimits().remembered_commands_max)
        async for recorded in self.log.log.read_actor(actor):
            memory.follow(recorded)
        return memory.snapshot()

    def want(self, *actors: str, decider: AnyDecider = TALLY) -> list[Cell]:
        cells = [Cell(actor, decider, 0, 100) for actor in actors]
        for cell in cells:
            self.loading.want(cell, 1)
        return cells

    async def load(self, actor: str = ACTOR, decider: AnyDecider = TALLY) -> Cell:
        (cell,) = self.want(actor, decider=decider)
        await until(lambda: cell.phase is not Phase.LOADING)
        return cell


def tally(cell: Cell) -> Tally:
    assert cell.phase is Phase.READY, cell.phase
    assert cell.memory is not None
    state: Tally = cell.memory.state
    return state


class TestWhatIsRead:
    async def test_a_new_actor_reads_nothing(self) -> None:
        """The look-up says that there is no commit, and that is all there is to know."""
        nursery = Nursery()
        cell = await nursery.load()
        assert tally(cell) == Tally()
        assert nursery.log.replayed == []

    async def test_an_actor_with_one_commit_reads_nothing_more(self) -> None:
        """The look-up brings it, and it stands on nothing."""
        nursery = Nursery()
        await nursery.commit(Added(5))
        cell = await nursery.load()
        assert tally(cell) == Tally(5)
        assert nursery.log.replayed == []

    async def test_a_snapshot_that_stands_on_the_last_commit_is_the_memory(self) -> None:
        """Nothing is read besides the look-up."""
        nursery = Nursery()
        for _ in range(5):
            await nursery.commit(Added(1))
        await nursery.shelve()
        cell = await nursery.load()
        assert tally(cell) == Tally(5)
        assert nursery.log.replayed == []
        assert cell.memory is not None
        assert cell.memory.snapshot() == await nursery.truth()

    async def test_a_snapshot_one_commit_behind_takes_that_one_in(self) -> None:
        """The look-up brings the last commit, so nothing else is read."""
        nursery = Nursery()
        for _ in range(5):
            await nursery.commit(Added(1))
        await nursery.shelve(4)
        cell = await nursery.load()
        assert tally(cell) == Tally(5)
        assert nursery.log.replayed == []

    async def test_a_snapshot_far_behind_reads_what_came_since(self) -> None:
        """And nothing of what it holds already."""
        nursery = Nursery()
        for _ in range(9):
            await nursery.commit(Added(1))
        memory = await nursery.shelve(4)
        cell = await nursery.load()
        assert tally(cell) == Tally(9)
        assert nursery.log.replayed == [(ACTOR, memory.sequence)]

    async def test_without_a_snapshot_everything_is_read(self) -> None:
        """The log alone is enough (law 8), and leads to the same memory byte for byte."""
        nursery = Nursery()
        for number in range(9):
            await nursery.commit(Added(number))
        cell = await nursery.load()
        assert nursery.log.replayed == [(ACTOR, 0)]
        assert cell.memory is not None
        assert cell.memory.snapshot() == await nursery.truth()

    async def test_a_remembered_actor_that_is_current_reads_nothing(self) -> None:
        """Making sure of it after a gap costs one look-up."""
        nursery = Nursery()
        for _ in range(3):
            await nursery.commit(Added(1))
        cell = await nursery.load()
        nursery.log.replayed.clear()
        nursery.loading.want(cell, 2)
        await until(lambda: cell.phase is Phase.READY)
        assert tally(cell) == Tally(3)
        assert cell.era == 2
        assert nursery.log.replayed == []

    async def test_a_remembered_actor_catches_up(self) -> None:
        """Others have committed since: only that is read."""
        nursery = Nursery()
        await nursery.commit(Added(1))
        cell = await nursery.load()
        for _ in range(3):
            await nursery.commit(Added(1))
        nursery.loading.want(cell, 2)
        await until(lambda: cell.phase is Phase.READY)
        assert tally(cell) == Tally(4)
        assert nursery.log.replayed == [(ACTOR, 1)]

    async def test_many_actors_share_a_look_up(self) -> None:
        """And no more look-ups are under way at a time than may."""
        nursery = Nursery()
        nursery.log.hold("read")
        count = 3 * ground.LOOKUP_ACTORS_MAX + 1
        cells = nursery.want(*(f"demo.tally.n{number}" for number in range(count)))
        await until(lambda: nursery.log.held["read"] == 2)
        await asyncio.sleep(1)
        assert [len(actors) for actors in nursery.log.looked_up] == [ground.LOOKUP_ACTORS_MAX] * 2
        nursery.log.release("read")
        await until(lambda: len(nursery.loaded) == count)
        assert [len(actors) for actors in nursery.log.looked_up] == [*[ground.LOOKUP_ACTORS_MAX] * 3, 1]
        assert all(cell.phase is Phase.READY for cell in cells)


class TestWalkingBack:
    async def test_a_few_commits_behind_are_fetched_one_by_one(self) -> None:
        """Each commit says where the one before it stands, so the log need not be searched for them."""
        nursery = Nursery(walk_back_max=3)
        for _ in range(4):
            await nursery.commit(Added(1))
        cell = await nursery.load()
        assert tally(cell) == Tally(4)
        assert nursery.log.replayed == []
        assert cell.memory is not None
        assert cell.memory.snapshot() == await nursery.truth()

    async def test_too_many_behind_are_read(self) -> None:
        """Beyond the limit the actor's subject is read, from where its memory stands."""
        nursery = Nursery(walk_back_max=3)
        for _ in range(5):
            await nursery.commit(Added(1))
        cell = await nursery.load()
        assert tally(cell) == Tally(5)
        assert nursery.log.replayed == [(ACTOR, 0)]

    async def test_a_snapshot_beside_the_trail_is_not_built_on(self) -> None:
        """A trail that doesn't lead to where the snapshot says it stands proves nothing, and everything is read."""
        nursery = Nursery(walk_back_max=8)
        for _ in range(3):
            await nursery.commit(Added(1))
        other = Nursery()
        for _ in range(2):
            await other.commit(Added(7))
        memory = await other.shelve()
        await nursery.shelf.put(ACTOR, memory.snapshot())
        cell = await nursery.load()
        assert tally(cell) == Tally(3)
        assert cell.memory is not None
        assert cell.memory.snapshot() == await nursery.truth()


class TestWrongSnapshots:
    @pytest.mark.parametrize("behind", [0, 1, 4])
    async def test_a_snapshot_of_another_chain_is_ignored(self, behind: int) -> None:
        """Wherever it says that it stands: the log is read from the beginning."""
        nursery = Nursery()
        for _ in range(6):
            await nursery.commit(Added(1))
        memory = await nursery.shelve(6 - behind)
        snapshot = msgspec.json.decode(memory.snapshot(), type=Snapshot)
        wrong = msgspec.structs.replace(snapshot, head="f" * 64, state=msgspec.Raw(b'{"total":99}'))
        await nursery.shelf.put(ACTOR, canonical(wrong))
        cell = await nursery.load()
        assert tally(cell) == Tally(6)
        assert cell.memory is not None
        assert cell.memory.snapshot() == await nursery.truth()

    @pytest.mark.parametrize("data", [b"", b"junk", b"{}"])
    async def test_a_damaged_snapshot_is_ignored(self, data: bytes) -> None:
        """As if there were none."""
        nursery = Nursery()
        for _ in range(3):
            await nursery.commit(Added(1))
        await nursery.shelf.put(ACTOR, data)
        assert tally(await nursery.load()) == Tally(3)

    async def test_a_snapshot_of_an_older_state_is_ignored(self) -> None:
        """The decider's state has another version now."""
        nursery = Nursery()
        for _ in range(3):
            await nursery.commit(Added(1))
        await nursery.shelve()
        cell = await nursery.load(decider=replace(TALLY, state_version=2))
        assert tally(cell) == Tally(3)
        assert nursery.log.replayed == [(ACTOR, 0)]

    async def test_a_snapshot_whose_state_does_not_take_the_next_fact_is_ignored(self) -> None:
        """It fits the chain, but not what came since: everything is read before the actor is given up."""

        def evolve(state: Tally, fact: TallyFact, at: int) -> Tally:
            if state.total > 50:
                raise KeyError("such a state never was")
            return TALLY.evolve(state, fact, at)

        for behind in (1, 3):
            nursery = Nursery()
            for _ in range(6):
                await nursery.commit(Added(1))
            memory = await nursery.shelve(6 - behind)
            await nursery.shelf.put(ACTOR, memory.snapshot().replace(b'"total":', b'"total":99'))
            assert tally(await nursery.load(decider=replace(TALLY, evolve=evolve))) == Tally(6)

    async def test_a_snapshot_ahead_of_the_log_halts(self) -> None:
        """It was made of acknowledged commits, so the log has lost some: whoever went on would guess."""
        nursery = Nursery()
        for _ in range(3):
            await nursery.commit(Added(1))
        memory = await nursery.shelve()
        for commits in (0, 2):
            other = Nursery()
            await other.shelf.put(ACTOR, memory.snapshot())
            for _ in range(commits):
                await other.commit(Added(1))
            await other.load()
            assert getattr(other.halted[ACTOR], "code", "") == "sequence_ran_backwards"

    async def test_a_snapshot_that_is_younger_than_the_look_up_is_not_ahead(self) -> None:
        """Its former host committed and put it there while the shelf was asked: nothing is lost."""
        nursery = Nursery()
        await nursery.commit(Added(1))
        nursery.shelf.open.clear()
        (cell,) = nursery.want(ACTOR)
        await asyncio.sleep(0.1)
        await nursery.commit(Added(1))
        await nursery.shelve()
        nursery.shelf.open.set()
        await until(lambda: cell.phase is not Phase.LOADING)
        assert tally(cell) == Tally(2)


class TestHalts:
    async def test_a_tampered_commit_halts(self) -> None:
        """The next one doesn't stand on it any more."""
        nursery = Nursery()
        first = await nursery.commit(Added(1))
        await nursery.commit(Added(1))
        await nursery.commit(Added(1))
        log = nursery.log.log
        assert isinstance(log, MemoryLog)
        tampered = msgspec.structs.replace(first, body=first.body.replace(b'"amount":1', b'"amount":9'))
        log._of_actor[ACTOR][0] = tampered
        await nursery.load()
        assert getattr(nursery.halted[ACTOR], "code", "") == "chain_broken"

    @pytest.mark.parametrize("body", [b"", b"junk", b"\xff", b"{}", b'{"previous":"x"}'])
    async def test_a_last_commit_that_cannot_be_read_halts(self, body: bytes) -> None:
        """With whatever is remembered or shelved before it."""
        nursery = Nursery()
        await nursery.commit(Added(1))
        await nursery.store(body, 1)
        await nursery.load()
        assert getattr(nursery.halted[ACTOR], "code", "") == "chain_broken"
        await nursery.shelve(1)
        nursery.halted.clear()
        await nursery.load()
        assert getattr(nursery.halted[ACTOR], "code", "") == "chain_broken"

    async def test_a_remembered_commit_that_was_replaced_halts(self) -> None:
        """The one at that sequence is not the one that was acknowledged."""
        nursery = Nursery()
        recorded = await nursery.commit(Added(1))
        cell = await nursery.load()
        log = nursery.log.log
        assert isinstance(log, MemoryLog)
        log._of_actor[ACTOR][0] = msgspec.structs.replace(recorded, body=recorded.body.replace(b"ann", b"bob"))
        nursery.loading.want(cell, 2)
        await until(lambda: cell.phase is not Phase.LOADING)
        assert getattr(nursery.halted[ACTOR], "code", "") == "chain_broken"

    async def test_what_nobody_can_evolve_halts_only_its_own_actor(self) -> None:
        """Its neighbours in the same look-up are loaded."""
        nursery = Nursery()
        names = [f"demo.tally.n{number}" for number in range(4)]
        for name in names:
            await nursery.commit(Broke("evolve") if name == names[1] else Added(1), actor=name)
        cells = nursery.want(*names)
        await until(lambda: all(cell.phase is not Phase.LOADING for cell in cells))
        assert list(nursery.halted) == [names[1]]
        assert [tally(cell).total for cell in cells if cell.actor != names[1]] == [1, 1, 1]

    async def test_a_log_that_contradicts_itself_halts_all_that_are_read(self) -> None:
        """The look-up itself says so."""

        class Recreated(Held):
            async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
                raise LogRecreated("another log")

        nursery = Nursery()
        nursery.loading._events = Recreated(nursery.log.log)
        await nursery.load()
        assert getattr(nursery.halted[ACTOR], "code", "") == "log_recreated"


class TestPatience:
    async def test_a_log_out_of_reach_is_asked_until_it_answers(self) -> None:
        """Nothing is decided without it, and nothing is given up."""
        nursery = Nursery()
        await nursery.commit(Added(1))
        nursery.log.down = True
        (cell,) = nursery.want(ACTOR)
        await asyncio.sleep(3)
        assert cell.phase is Phase.LOADING
        assert 20 < len(nursery.log.looked_up) < 100
        nursery.log.down = False
        await until(lambda: cell.phase is Phase.READY)
        assert tally(cell) == Tally(1)

    async def test_a_replay_that_is_cut_off_goes_on_where_it_was(self) -> None:
        """What was taken in is not taken in twice."""
        nursery = Nursery()
        for _ in range(5):
            await nursery.commit(Added(1))
        nursery.log.hold("read")
        (cell,) = nursery.want(ACTOR)
        await until(lambda: nursery.log.held["read"])
        nursery.log.release("read")
        nursery.log.fails_after = 3
        await until(lambda: cell.phase is Phase.READY)
        assert nursery.log.replayed == [(ACTOR, 0), (ACTOR, 3)]
        assert tally(cell) == Tally(5)

    async def test_others_are_loaded_while_one_waits(self) -> None:
        """A look-up that hangs keeps only its own actors waiting."""
        nursery = Nursery()
        nursery.log.hold("read")
        (slow,) = nursery.want("demo.tally.slow")
        await until(lambda: nursery.log.held["read"])
        nursery.log.let_by("read")
        quick = await nursery.load("demo.tally.quick")
        assert quick.phase is Phase.READY
        assert slow.phase is Phase.LOADING
        nursery.log.release("read")
        await until(lambda: slow.phase is Phase.READY)

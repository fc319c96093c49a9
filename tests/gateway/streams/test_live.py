"""Law 9 at the edge: whoever follows a topic sees every delta in order, or is told to begin anew.

It is whole in one module because every way in which a topic can lose its place is held against that one law, by one
watcher who notices whatever is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulation.loop import VirtualLoop
from events.bus import Message
from events.memory.bus import MemoryBus
from gateway.problems import Problem
from gateway.streams.hub import Hub
from gateway.streams.live import Live, Step
from gateway.streams.topics import Topic, topic_of
from projections.folding import position
from projections.publishing import subject_of

EPOCH = "0123456789ab"
ORG = "demo"
TOPIC = "holds/studio/2026-12-07"
TICKET = "ticket/launch.0.17"


class ReadModel:
    """A topic whose state is the list of all that was ever told of it, on a bus that may lose what it is told."""

    def __init__(self, bus: MemoryBus, topic: str) -> None:
        self.bus = bus
        self.topic = topic
        self.at = 5
        self.told: list[tuple[int, int, int]] = []
        self.kept = 0
        """From which of them on somebody could be told what they missed."""
        self.asked = {"shown": 0, "since": 0}
        self.down = False

    async def start(self) -> None:
        await self.bus.subscribe("questions.*", self._answer, "models")

    @property
    def state(self) -> list[int]:
        return [number for _, _, number in self.told]

    async def change(self, by: int = 1, *, lost: bool = False, twice: bool = False) -> None:
        before, self.at = self.at, self.at + by
        self.told.append((before, self.at, self.at))
        for _ in range(0 if lost else 2 if twice else 1):
            await self.tell()

    async def tell(self) -> None:
        """What was the last change."""
        await self.bus.publish(subject_of(ORG, self.topic), self._spelled(self.told[-1]))

    def _spelled(self, told: tuple[int, int, int]) -> bytes:
        before, after, number = told
        where = {"before": position(EPOCH, before), "after": position(EPOCH, after)}
        return msgspec.json.encode({"topic": self.topic, **where, "delta": {"delta": "added", "number": number}})

    def _answer(self, message: Message) -> None:
        asked, kind = msgspec.json.decode(message.data), message.subject.partition(".")[2]
        if self.down:
            return
        self.asked[kind] += 1
        answer: Any = {"topic": self.topic, "position": position(EPOCH, self.at), "state": self.state}
        if kind == "since":
            at = int(asked["position"].partition(":")[2])
            deltas = [msgspec.Raw(self._spelled(one)) for one in self.told[self.kept :] if one[1] > at]
            fits = (self.told[-len(deltas)][0] if deltas else self.at) == at
            answer = {"deltas": deltas, "position": position(EPOCH, self.at)} if fits else None
        reply = msgspec.json.encode({"sequence": self.at, "answer": answer})
        asyncio.get_running_loop().create_task(self.bus.publish(message.reply, reply))


class Watcher:
    """Follows, and keeps what it was told: never more or less than it was."""

    def __init__(self, state: Sequence[int] = (), at: int | None = None) -> None:
        self.state = list(state)
        self.at = at
        self.begun: list[str] = []
        self.problems: list[str] = []

    def begins(self, live: Live, kind: str, id: bytes, rest: bytes) -> None:
        said = msgspec.json.decode(b"{" + rest + b"}")
        where = int(said["position"].partition(":")[2])
        if kind == "resumed":
            if where != self.at:
                self.problems.append(f"resumed at {where}, and not at {self.at}")
        else:
            self.state = said["state"]
        self.at = where
        self.begun.append(kind if kind != "reset" else f"reset: {said['why']}")

    def hears(self, live: Live, frames: bytes, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.before != self.at:
                self.problems.append(f"a delta from {step.before} came to who stands at {self.at}")
            self.state.append(msgspec.json.decode(step.message)["delta"]["number"])
            self.at = step.after

    def fails(self, live: Live, id: bytes, problem: Problem) -> None:
        self.problems.append(problem.code)


@asynccontextmanager
async def followed(topic: str = TOPIC) -> AsyncIterator[tuple[ReadModel, Hub, Live]]:
    bus = MemoryBus()
    model, hub = ReadModel(bus, topic), Hub(bus, EPOCH)
    await model.start()
    await hub.start()
    running = asyncio.ensure_future(hub.run())
    try:
        yield model, hub, await hub.live(ORG, topic_of(topic))
        assert not running.done(), running
    finally:
        running.cancel()
        await hub.stop()


async def quiet() -> None:
    """Until whatever was under way has arrived; time is virtual here."""
    await asyncio.sleep(3)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


async def test_whoever_begins_is_shown_the_topic_and_then_told_what_changes() -> None:
    """One snapshot, then deltas that go on from it."""
    async with followed() as (model, _, live):
        await model.change()
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        await model.change(3)
        await model.change()
        await quiet()
        assert watcher.begun == ["snapshot"]
        assert watcher.state == model.state


async def test_a_thousand_who_begin_at_once_make_one_question() -> None:
    """What the read models are asked does not grow with how many follow."""
    async with followed() as (model, _, live):
        await model.change()
        watchers = [Watcher() for _ in range(1_000)]
        for watcher in watchers:
            live.follow(watcher, b"1", None)
        await quiet()
        assert all(watcher.begun == ["snapshot"] for watcher in watchers)
        assert model.asked["shown"] == 1


async def test_whoever_comes_back_goes_on_where_they_stood() -> None:
    """From what this gateway has heard."""
    async with followed() as (model, _, live):
        first = Watcher()
        live.follow(first, b"1", None)
        await quiet()
        live.leave(first)
        for _ in range(5):
            await model.change()
        await quiet()
        live.follow(first, b"2", first.at)
        await quiet()
        assert first.begun == ["snapshot", "resumed"]
        assert first.state == model.state


async def test_whoever_comes_from_another_gateway_goes_on_where_they_stood() -> None:
    """From what the read models have told, which this gateway has not heard."""
    async with followed() as (model, _, live):
        for _ in range(5):
            await model.change()
        came = Watcher(model.state[:2], model.told[1][1])
        live.follow(came, b"1", came.at)
        await quiet()
        assert came.begun == ["resumed"]
        assert came.state == model.state


async def test_who_was_away_too_long_begins_anew_and_is_told_why() -> None:
    """All or nothing."""
    async with followed() as (model, _, live):
        for _ in range(5):
            await model.change()
        model.kept = 4
        came = Watcher([], 5)
        live.follow(came, b"1", came.at)
        await quiet()
        assert came.begun == ["reset: too_old"]
        assert came.state == model.state


@pytest.mark.parametrize("lost", [False, True])
async def test_whoever_is_ahead_of_this_gateway_is_not_sent_back(lost: bool) -> None:
    """Another one has told them what is on its way here, or was lost on it."""
    async with followed() as (model, _, live):
        first = Watcher()
        live.follow(first, b"1", None)
        await quiet()
        await model.change(lost=True)
        came = Watcher(model.state, model.at)
        live.follow(came, b"2", came.at)
        await asyncio.sleep(0.1)
        assert came.begun == []
        if not lost:
            await model.tell()
        begun = asyncio.create_task(live.begun(came))
        await quiet()
        assert begun.done()
        await model.change()
        await quiet()
        assert came.begun == ["resumed"]
        assert first.begun == ["snapshot"]
        assert first.problems == came.problems == []
        assert first.state == came.state == model.state


async def test_whoever_makes_up_where_they_stand_begins_anew_and_nobody_waits_for_them() -> None:
    """However many such places they make up."""
    async with followed() as (model, _, live):
        await model.change()
        first, made_up = Watcher(), [Watcher([], 1_000 + place) for place in range(100)]
        for watcher in made_up:
            live.follow(watcher, b"1", watcher.at)
        live.follow(first, b"1", None)
        await asyncio.sleep(0.1)
        assert first.begun == ["snapshot"]
        await asyncio.sleep(10)
        for watcher in made_up:
            assert watcher.begun == ["reset: too_old"]
        await model.change()
        await quiet()
        assert all(watcher.state == model.state for watcher in (first, *made_up))


async def test_who_was_away_too_long_spoils_nothing_for_those_who_come_back_beside_them() -> None:
    """Each goes on if what they missed is known, whoever waits with them."""
    async with followed() as (model, _, live):
        for _ in range(10):
            await model.change()
        model.kept = 5
        stale = [Watcher([], at) for at in (2, 5, 6)]
        known = [Watcher(model.state[:place], model.told[place - 1][1]) for place in (6, 7, 9)]
        new = Watcher()
        for watcher in (*known, new, *stale):
            live.follow(watcher, b"1", watcher.at)
        await quiet()
        assert [watcher.begun for watcher in (*known, new)] == [["resumed"]] * 3 + [["snapshot"]]
        for watcher in stale:
            assert watcher.begun == ["reset: too_old"]
        assert all(watcher.state == model.state for watcher in (*known, new, *stale))


async def test_nobody_waits_long_for_what_many_have_made_up() -> None:
    """All of it is asked for within as long as one answer may take."""
    async with followed() as (model, _, live):
        for _ in range(10):
            await model.change(3)
        live.follow(Watcher(), b"1", None)
        await quiet()
        model.down = True
        made_up = [Watcher([], at) for at in range(6, 35) if at % 3]
        for watcher in made_up:
            live.follow(watcher, b"2", watcher.at)
        await asyncio.sleep(6)
        for watcher in made_up:
            assert watcher.begun == ["reset: too_old"]


async def test_whoever_begins_while_something_is_about_to_be_told_hears_it_once() -> None:
    """It is part of what they begin with."""
    async with followed() as (model, _, live):
        first, second = Watcher(), Watcher()
        live.follow(first, b"1", None)
        await quiet()
        for _ in range(2):  # the first is told at once, the second waits a moment for others
            await model.change()
            await asyncio.sleep(0.004)
        assert len(first.state) == 1
        live.follow(second, b"1", None)
        await quiet()
        assert first.problems == second.problems == []
        assert first.state == second.state == model.state


async def test_what_the_bus_has_lost_is_made_good() -> None:
    """With what was missed, where it can still be had; nobody begins anew."""
    async with followed() as (model, _, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        await model.change(lost=True)
        await model.change()
        await quiet()
        assert watcher.begun == ["snapshot"]
        assert watcher.state == model.state


async def test_what_the_bus_has_lost_for_good_makes_everybody_begin_anew() -> None:
    """And says so."""
    async with followed() as (model, _, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        await model.change(lost=True)
        model.kept = len(model.told)
        await model.change()
        await quiet()
        assert watcher.begun == ["snapshot", "reset: missed"]
        assert watcher.state == model.state


async def test_what_is_in_doubt_all_at_once_is_looked_at_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that was away makes no flood of questions, and none of what nobody follows: that is forgotten."""
    async with followed() as (model, hub, _):
        names = [f"holds/studio/2027-{1 + place // 28:02}-{1 + place % 28:02}" for place in range(200)]
        lives = [await hub.live(ORG, topic_of(name)) for name in names]
        watchers = [Watcher() for _ in lives]
        for live, watcher in zip(lives, watchers, strict=True):
            live.follow(watcher, b"1", None)
        await quiet()
        idle, busy = lives[:100], lives[100:]
        for live, watcher in zip(idle, watchers, strict=False):
            live.leave(watcher)
        asked: list[str] = []
        answered: list[str] = []
        at_once: list[int] = []

        async def since(org: str, topic: Topic, at: int) -> list[Step] | None:
            asked.append(topic.name)
            at_once.append(len(asked) - len(answered))
            await asyncio.sleep(0.01)
            answered.append(topic.name)
            return []

        monkeypatch.setattr(hub, "since", since)
        hub.doubt()
        await quiet()
        assert answered == [live.topic.name for live in busy]
        assert max(at_once) == 64
        assert all(live.position < 0 for live in idle)
        assert all(live.position == model.at for live in busy)
        assert all(watcher.problems == [] for watcher in watchers)


async def test_what_was_lost_while_it_was_looked_at_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that is on its way is of before."""
    async with followed() as (model, hub, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        await model.change(lost=True)
        shown = hub.shown

        async def shown_and_late(org: str, topic: Topic, at_least: int) -> tuple[int, bytes]:
            answer = await shown(org, topic, at_least)
            if len(model.told) == 1:
                await model.change(lost=True)
                hub.doubt()
            return answer

        monkeypatch.setattr(hub, "shown", shown_and_late)
        hub.doubt()
        await quiet()
        assert watcher.state == model.state
        assert watcher.problems == []


@pytest.mark.parametrize("missed_are_known", [True, False])
async def test_a_topic_that_is_told_of_all_the_time_comes_out_of_doubt(
    monkeypatch: pytest.MonkeyPatch, missed_are_known: bool
) -> None:
    """However long it takes to look at it: what comes meanwhile goes on from there."""
    async with followed() as (model, hub, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        asked: list[int] = []
        shown, since = hub.shown, hub.since

        async def slowly_shown(org: str, topic: Topic, at_least: int) -> tuple[int, bytes]:
            asked.append(at_least)
            await asyncio.sleep(0.02)
            answer = await shown(org, topic, at_least)
            await asyncio.sleep(0.02)
            return answer

        async def slowly_since(org: str, topic: Topic, at: int) -> list[Step] | None:
            answer = await since(org, topic, at)
            await asyncio.sleep(0.02)
            return answer if missed_are_known else None

        monkeypatch.setattr(hub, "shown", slowly_shown)
        monkeypatch.setattr(hub, "since", slowly_since)
        for number in range(200):
            await model.change(lost=number in (20, 21, 22))
            await asyncio.sleep(0.01)
        await quiet()
        assert len(asked) <= 3
        assert watcher.problems == []
        assert watcher.begun == (["snapshot"] if missed_are_known else ["snapshot", "reset: missed"])
        assert watcher.state == model.state


async def test_what_somebody_has_told_of_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read models that have not come there say nothing of it yet, and another that has told it already."""
    async with followed() as (model, hub, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        asked: list[int] = []
        shown = hub.shown

        async def noted(org: str, topic: Topic, at_least: int) -> tuple[int, bytes]:
            asked.append(at_least)
            return await shown(org, topic, at_least)

        async def nothing_yet(org: str, topic: Topic, since: int) -> list[Step] | None:
            return []

        monkeypatch.setattr(hub, "shown", noted)
        monkeypatch.setattr(hub, "since", nothing_yet)
        await model.change(lost=True)
        await model.change()
        await quiet()
        assert asked == [model.at]
        assert watcher.state == model.state


@pytest.mark.parametrize("comes_back", [False, True])
async def test_what_is_told_to_nobody_is_shown_to_whoever_begins(comes_back: bool) -> None:
    """A draw gives thousands of tickets a place, and tells none of them: who asks again sees it."""
    async with followed(TICKET) as (model, _, live):
        first = Watcher()
        live.follow(first, b"1", None)
        await quiet()
        await model.change(lost=True)
        model.kept = len(model.told)
        second = Watcher(first.state, first.at)
        live.follow(second, b"2", second.at if comes_back else None)
        await quiet()
        assert second.begun == ["reset: too_old" if comes_back else "snapshot"]
        assert first.state == second.state == model.state


async def test_a_delta_that_comes_twice_is_told_once() -> None:
    """The position says that it is known."""
    async with followed() as (model, _, live):
        watcher = Watcher()
        live.follow(watcher, b"1", None)
        await quiet()
        await model.change(twice=True)
        await quiet()
        assert watcher.state == model.state


async def test_what_was_kept_before_nothing_was_known_leads_nowhere_afterwards() -> None:
    """Whoever stood in it is told the rest as well, or begins anew."""
    async with followed() as (model, hub, live):
        first = Watcher()
        live.follow(first, b"1", None)
        await quiet()
        for _ in range(5):
            await model.change()
        await quiet()
        came = Watcher(first.state[:2], model.told[1][1])
        model.down = True
        hub.doubt()
        await asyncio.sleep(12)
        assert first.problems == ["not_answered"]
        for _ in range(4):
            await model.change(lost=True)
        model.down = False
        live.follow(Watcher(), b"2", None)
        await quiet()
        live.follow(came, b"3", came.at)
        await quiet()
        assert came.begun == ["resumed"]
        assert came.state == model.state


async def test_whoever_asks_for_a_topic_that_is_not_answered_is_told_so() -> None:
    """It does not wait for ever, and may ask again."""
    async with followed() as (model, hub, _):
        other = await hub.live(ORG, Topic("holds", "holds/other/2026-12-07", "slots.read", ("holds/other/2026-12-07",)))
        await hub._bus.subscribe("questions.nobody", lambda _: None)
        model.bus, watcher = MemoryBus(), Watcher()
        model.down = True
        other.follow(watcher, b"1", None)
        await asyncio.sleep(10)
        assert watcher.problems == ["not_answered"]


ACTION = st.sampled_from(
    (
        "change", "change", "lose", "twice", "begin", "return", "leave", "doubt", "forget", "wait", "moment", "down",
        "up", "long", "elsewhere",
    )
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(ACTION, max_size=40), st.integers(0, 1 << 30))
def test_whatever_happens_everybody_sees_the_same_in_the_end(actions: list[str], seed: int) -> None:
    """Lost, doubled, forgotten: whoever follows has what there is, and never took in what did not fit."""

    async def run() -> None:
        async with followed() as (model, hub, live):
            watchers: list[Watcher] = []
            away: list[Watcher] = []
            for place, action in enumerate(actions):
                failed = [watcher for watcher in watchers if watcher.problems == ["not_answered"]]
                for watcher in failed:
                    watcher.problems.clear()
                    watchers.remove(watcher)
                away += failed
                match action:
                    case "change":
                        await model.change(1 + (seed + place) % 3)
                    case "lose":
                        await model.change(lost=True)
                    case "twice":
                        await model.change(twice=True)
                    case "begin":
                        watchers.append(Watcher())
                        live.follow(watchers[-1], b"1", None)
                    case "leave" if watchers:
                        away.append(watchers.pop((seed + place) % len(watchers)))
                        live.leave(away[-1])
                    case "return" if away:
                        watchers.append(away.pop())
                        live.follow(watchers[-1], b"2", watchers[-1].at)
                    case "elsewhere" if away:  # at a gateway that has heard it all
                        came = away.pop()
                        came.state, came.at = list(model.state), model.at
                        watchers.append(came)
                        live.follow(came, b"4", came.at)
                    case "doubt":
                        hub.doubt()
                    case "forget":
                        model.kept = len(model.told)
                    case "wait":
                        await quiet()
                    case "moment":
                        await asyncio.sleep(0.004)
                    case "down" | "up":
                        model.down = action == "down"
                    case "long":  # longer than anybody waits for an answer
                        await asyncio.sleep(12)
            model.down = False
            await asyncio.sleep(12)
            for watcher in watchers:
                if watcher.problems == ["not_answered"]:
                    watcher.problems.clear()
                    live.follow(watcher, b"3", watcher.at)
            await quiet()
            hub.doubt()
            await quiet()
            for watcher in watchers:
                assert watcher.problems == []
                assert (watcher.at, watcher.state) == (model.at, model.state)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())


async def test_a_bug_in_what_the_hub_does_by_itself_is_what_it_ends_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run aside of the port: nobody goes on without it, and without a word."""
    hub = Hub(MemoryBus(), EPOCH)
    monkeypatch.setattr(hub, "_be", lambda _: 1 // 0)
    running = asyncio.ensure_future(hub.run())
    await asyncio.sleep(1)
    assert running.done()
    with pytest.raises(ExceptionGroup) as raised:
        running.result()
    assert raised.group_contains(ZeroDivisionError)


async def test_a_bug_in_a_task_of_the_hub_is_told_as_that_of_any_callback() -> None:
    """Whoever started it looks at nothing that comes of it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with followed() as (_, hub, _):

        async def fails() -> None:
            raise ZeroDivisionError

        task = hub.start_task(fails())
        await quiet()
        assert [told["task"] for _, told in loop.timeline.troubles] == [task]
        assert isinstance(loop.timeline.troubles[0][1]["exception"], ZeroDivisionError)


class Stubborn(MemoryBus):
    """Its next subscriptions take a while, and fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0

    async def subscribe(self, *about: Any) -> Any:
        if self.fails:
            self.fails -= 1
            await asyncio.sleep(1)
            raise ZeroDivisionError
        return await super().subscribe(*about)


async def test_what_could_not_be_listened_to_is_listened_to_by_who_comes_next() -> None:
    """Whatever it was that failed; and a hub that leaves meanwhile leaves in order."""
    bus = Stubborn()
    hub = Hub(bus, EPOCH)
    await hub.start()
    bus.fails = 1
    waiting = [asyncio.ensure_future(hub.live(ORG, topic_of(TOPIC))) for _ in range(2)]
    await quiet()
    assert [type(one.exception()) for one in waiting] == [ZeroDivisionError] * 2
    assert (await hub.live(ORG, topic_of(TOPIC))).topic.name == TOPIC
    bus.fails = 1
    late = asyncio.ensure_future(hub.live(ORG, topic_of(TICKET)))
    await asyncio.sleep(0.5)
    await hub.stop()
    assert isinstance(late.exception(), ZeroDivisionError)


async def test_whoever_waits_for_a_topic_is_told_of_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they begin, when they come from somewhere ahead, and when what they were told may not be all: nobody is
    left waiting, nor with less than there is."""
    async with followed() as (model, hub, live):
        began, ahead, late = Watcher(), Watcher(at=9), Watcher()
        live.follow(began, b"1", None)
        await quiet()
        shown = hub.shown

        async def buggy(*about: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(hub, "shown", buggy)
        live.follow(ahead, b"2", 9)
        await quiet()
        assert (ahead.begun, ahead.problems) == (["reset: too_old"], [])
        live.doubt()
        await quiet()
        assert began.problems == ahead.problems == ["internal"]
        live.follow(late, b"3", None)
        await quiet()
        assert late.problems == ["internal"]
        assert live.is_idle
        monkeypatch.setattr(hub, "shown", shown)
        live.follow(late, b"4", None)
        await quiet()
        assert (late.begun, late.state) == (["snapshot"], model.state)

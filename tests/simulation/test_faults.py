"""Each simulated fault is what it says: seen from the machine that it happens to, and from the world."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from random import Random
from typing import Any, TypeVar

import pytest

from actors.simulation.clock import VirtualClock
from actors.simulation.loop import Timeline, VirtualLoop
from actors.simulation.machine import Machine
from actors.simulation.network import MachineBus, Network
from actors.simulation.storage import MachineLog, MachineShelf, Storage
from actors.simulation.trace import Trace
from actors.simulation.weather import Weather
from events.bus import Message
from events.errors import BusTimeout, Conflict, LogFull, LogUnavailable, UnknownOutcome
from events.log import EXPECT_NEW, Entry, ExpectAt

T = TypeVar("T")


class Lab:
    """A bus, a log and a shelf in the middle, and machines around them, in weather of the test's choosing."""

    def __init__(self) -> None:
        self.timeline = timeline = Timeline()
        self.middle = VirtualLoop(timeline, "middle")
        self.trace = Trace(lambda: timeline.now, lambda: "test")
        self.weather = Weather()
        self.network = Network(self.middle, Random(1), self.weather, self.trace, lambda _: None)
        clock = VirtualClock(lambda: timeline.now)
        self.storage = Storage(self.middle, clock, Random(2), self.weather, self.trace)
        self.machines: list[Machine] = []

    def machine(self, name: str) -> tuple[Machine, MachineBus]:
        machine = Machine(name, self.timeline, Random(name), lambda *_: None)
        self.machines.append(machine)
        return machine, self.network.join(machine)

    def do(self, machine: Machine, work: Coroutine[Any, Any, T], within_s: float = 20.0) -> T:
        """What `work` comes to on the machine."""
        task = machine.loop.create_task(work)
        self.timeline.run_until(self.timeline.now + within_s, stop=task.done)
        assert task.done()
        return task.result()

    def stored(self) -> list[str]:
        return [one.body.decode() for one in self.storage.recorded()]

    def close(self) -> None:
        for machine in self.machines:
            machine.loop.kill()
            machine.loop.close()
        self.middle.close()
        self.timeline.end()


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


def heard_by(lab: Lab, machine: Machine, bus: MachineBus, subject: str = "news") -> list[str]:
    """What the machine hears from now on."""
    heard: list[str] = []
    lab.do(machine, bus.subscribe(subject, lambda message: heard.append(message.data.decode())))
    return heard


def entry(text: str, expect: ExpectAt = EXPECT_NEW, actor: str = "a.b") -> Entry:
    return Entry(actor, text.encode(), expect, text)


class TestMessages:
    def test_a_link_keeps_order(self, lab: Lab) -> None:
        """In calm weather nothing is lost, doubled, or overtaken."""
        (one, bus), (two, other) = lab.machine("one"), lab.machine("two")
        heard = heard_by(lab, two, other)

        async def talk() -> None:
            for number in range(100):
                await bus.publish("news", str(number).encode())

        lab.do(one, talk())
        lab.timeline.run_until(1)
        assert heard == [str(number) for number in range(100)]

    def test_messages_are_lost_doubled_and_overtaken(self, lab: Lab) -> None:
        """In bad weather all three happen."""
        (one, bus), (two, other) = lab.machine("one"), lab.machine("two")
        heard = heard_by(lab, two, other)
        lab.weather.message_lost = lab.weather.message_doubled = lab.weather.message_delayed = 0.2

        async def talk() -> None:
            for number in range(200):
                await bus.publish("news", str(number).encode())

        lab.do(one, talk())
        lab.timeline.run_until(10)
        numbers = [int(one) for one in heard]
        assert set(numbers) < set(range(200))
        assert len(numbers) > len(set(numbers))
        assert numbers != sorted(numbers)

    @pytest.mark.parametrize(("cut", "arrives_at_last"), [("loses", False), ("holds", True)])
    def test_a_machine_that_is_cut_off(self, lab: Lab, cut: Any, arrives_at_last: bool) -> None:
        """Neither says nor hears anything; when it is mended, what was held back arrives."""
        (one, bus), (two, other) = lab.machine("one"), lab.machine("two")
        heard = heard_by(lab, two, other)
        two.cut = cut
        lab.do(one, bus.publish("news", b"hello"))
        lab.timeline.run_until(1)
        assert heard == []
        lab.network.mend(two)
        lab.timeline.run_until(2)
        assert heard == (["hello"] if arrives_at_last else [])

    def test_a_frozen_machine_hears_everything_when_it_thaws(self, lab: Lab) -> None:
        """Its socket goes on taking what comes."""
        (one, bus), (two, other) = lab.machine("one"), lab.machine("two")
        heard = heard_by(lab, two, other)
        two.freeze()
        lab.do(one, bus.publish("news", b"hello"))
        lab.timeline.run_until(5)
        assert heard == []
        two.thaw()
        lab.timeline.run_until(5.1)
        assert heard == ["hello"]

    def test_two_sides_of_a_split_do_not_hear_each_other(self, lab: Lab) -> None:
        """Each hears itself, and who is on no side hears both."""
        (one, bus), (two, other), (three, third) = lab.machine("one"), lab.machine("two"), lab.machine("three")
        heard = [heard_by(lab, machine, its) for machine, its in ((one, bus), (two, other), (three, third))]
        lab.network.side_of = {"one": "a", "two": "b"}
        lab.do(one, bus.publish("news", b"from one"))
        lab.do(two, other.publish("news", b"from two"))
        lab.timeline.run_until(1)
        assert heard == [["from one"], ["from two"], ["from one", "from two"]]

    def test_requests_are_answered_or_time_out(self, lab: Lab) -> None:
        """The answer is a message like any other."""
        (one, bus), (two, other) = lab.machine("one"), lab.machine("two")

        def answer(message: Message) -> None:
            two.loop.create_task(other.publish(message.reply, message.data.upper()))

        lab.do(two, other.subscribe("ask", answer))
        assert lab.do(one, bus.request("ask", b"why", 1_000)).data == b"WHY"
        lab.weather.answer_lost = 1.0
        with pytest.raises(BusTimeout):
            lab.do(one, bus.request("ask", b"why", 1_000))


class TestAppends:
    def test_stored_but_not_acknowledged(self, lab: Lab) -> None:
        """The caller doesn't know, the log does."""
        one, _ = lab.machine("one")
        lab.weather.append_unanswered = 1.0
        (outcome,) = lab.do(one, MachineLog(lab.storage, one).append_each((entry("x"),)))
        assert isinstance(outcome, UnknownOutcome)
        assert lab.stored() == ["x"]

    def test_lost_on_the_way(self, lab: Lab) -> None:
        """The same to the caller, and nothing was stored."""
        one, _ = lab.machine("one")
        lab.weather.append_lost = 1.0
        (outcome,) = lab.do(one, MachineLog(lab.storage, one).append_each((entry("x"),)))
        assert isinstance(outcome, UnknownOutcome)
        lab.timeline.run_until(60)
        assert lab.stored() == []

    def test_stored_after_the_caller_gave_up(self, lab: Lab) -> None:
        """The same to the caller, and it is stored later: unless somebody else was first."""
        one, _ = lab.machine("one")
        log = MachineLog(lab.storage, one)
        lab.weather.append_late = 1.0
        with pytest.raises(UnknownOutcome):
            lab.do(one, log.append_together((entry("x"), entry("y", actor="c.d"))))
        assert lab.stored() == []
        lab.timeline.run_until(60)
        assert lab.stored() == ["x", "y"]
        with pytest.raises(UnknownOutcome):
            lab.do(one, log.append_together((entry("late", ExpectAt(1)), entry("too", ExpectAt(2), "c.d"))))
        lab.weather.append_late = 0.0
        assert lab.do(one, log.append_each((entry("first", ExpectAt(1)),))) == [3]
        lab.timeline.run_until(120)
        assert lab.stored() == ["x", "y", "first"]

    def test_a_log_that_is_down_or_full_refuses(self, lab: Lab) -> None:
        """And stores nothing."""
        one, _ = lab.machine("one")
        log = MachineLog(lab.storage, one)
        lab.storage.down = True
        assert isinstance(lab.do(one, log.append_each((entry("x"),)))[0], LogUnavailable)
        with pytest.raises(LogUnavailable):
            lab.do(one, log.last_of(["a.b"]))
        lab.storage.down, lab.storage.full = False, True
        assert isinstance(lab.do(one, log.append_each((entry("x"),)))[0], LogFull)
        lab.storage.full = False
        assert lab.do(one, log.append_each((entry("x"),))) == [1]
        assert isinstance(lab.do(one, log.append_each((entry("y"),)))[0], Conflict)

    def test_what_has_left_a_machine_goes_its_way_when_it_dies(self, lab: Lab) -> None:
        """A dead caller's append lands; its call never returns."""
        one, _ = lab.machine("one")
        task = one.loop.create_task(MachineLog(lab.storage, one).append_each((entry("x"),)))
        lab.timeline.run_until(0.00001)
        one.kill("test")
        lab.timeline.run_until(10)
        assert lab.stored() == ["x"]
        assert not task.done()

    @pytest.mark.parametrize(("doom", "stored"), [("before", []), ("after", ["x"])])
    def test_a_machine_dies_before_or_after_the_effect_of_a_call(self, lab: Lab, doom: Any, stored: list[str]) -> None:
        """Nothing behind that call is done."""
        one, bus = lab.machine("one")
        two, other = lab.machine("two")
        heard = heard_by(lab, two, other)
        one.doom_call(0, doom)

        async def append_and_tell() -> None:
            await MachineLog(lab.storage, one).append_each((entry("x"),))
            await bus.publish("news", b"stored")

        one.loop.create_task(append_and_tell())
        lab.timeline.run_until(10)
        assert one.dead
        assert (lab.stored(), heard) == (stored, [])


class TestTheShelf:
    def test_it_forgets_and_is_out_of_date(self, lab: Lab) -> None:
        """Something older, or nothing at all."""
        one, _ = lab.machine("one")
        shelf = MachineShelf(lab.storage, one)
        for version in (b"1", b"2", b"3"):
            lab.do(one, shelf.put("a.b", version))
        assert lab.do(one, shelf.get(["a.b", "c.d"])) == {"a.b": b"3"}
        lab.weather.shelf_stale = 1.0
        assert lab.do(one, shelf.get(["a.b"]))["a.b"] in (b"1", b"2")
        lab.weather.shelf_forgot = 1.0
        assert lab.do(one, shelf.get(["a.b"])) == {}
        lab.weather.shelf_forgot = lab.weather.shelf_stale = 0.0
        lab.storage.lose_shelf()
        assert lab.do(one, shelf.get(["a.b"])) == {}

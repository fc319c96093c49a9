"""The network: a bus in the middle, and machines around it, with everything that may happen on the way.

A message takes two hops, from its machine to the bus and from there to each receiver, and the weather is drawn anew
for every hop: it may be lost, doubled, or held back so that later ones overtake it. Otherwise a link keeps order, as
one connection does. A machine that is cut off has no links; a frozen one has, but hears nothing until it thaws.

The bus itself is `events.memory.bus`: who gets what is decided by the code that its contract suite tests.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any, Final, TypeVar

from actors.runtime.membership import BEATS
from actors.simulation.loop import VirtualLoop
from actors.simulation.machine import Machine
from actors.simulation.trace import Trace
from actors.simulation.weather import Weather
from events.bus import Handler, Message, ask
from events.bus import Subscription as BusSubscription
from events.memory.bus import MemoryBus

T = TypeVar("T")

HOP_MS_MIN: Final = 0.05
HOP_MS_MAX: Final = 0.6
_SIDE: Final = "Simulated-Side"


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Carry out what only ever yields to others, without letting them."""
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what the coroutine returned


def _kind_of(subject: str) -> str:
    """Which rate of the weather applies to these messages besides the general one."""
    if subject == BEATS:
        return "beat_lost"
    if subject.endswith(".parts"):
        return "part_lost"
    return "answer_lost" if subject.startswith("_INBOX.") else ""


class _Link:
    """One direction between a machine and the bus."""

    __slots__ = ("free_at", "held")

    def __init__(self) -> None:
        self.free_at = 0.0
        self.held: list[Callable[[], None]] = []


class _Subscription:
    """What a machine subscribed to, on the machine's side."""

    def __init__(self, handler: Handler) -> None:
        self.handler: Final = handler
        self.live = True
        self.at_bus: BusSubscription | None = None

    def hand_over(self, message: Message) -> None:
        if self.live:
            self.handler(message)

    async def stop(self) -> None:
        self.live = False
        if self.at_bus is not None:
            await self.at_bus.stop()


class Network:
    """The middle. `weather` is looked at for every hop, so it may change; `watch` sees what gets through."""

    def __init__(
        self, middle: VirtualLoop, dice: Random, weather: Weather, trace: Trace, watch: Callable[[Message], None]
    ) -> None:
        self.weather = weather
        self._watch: Final = watch
        self._middle: Final = middle
        self._dice: Final = dice
        self._trace: Final = trace
        self._bus: Final = MemoryBus()
        self._out: Final[dict[Machine, _Link]] = {}
        self._in: Final[dict[Machine, _Link]] = {}
        self._of: Final[dict[Machine, list[_Subscription]]] = {}
        self.side_of: dict[str, str] = {}
        """On which side of a split each machine is, by name. Whoever is on no side hears all, and is heard by all."""

    def join(self, machine: Machine) -> MachineBus:
        self._out[machine], self._in[machine], self._of[machine] = _Link(), _Link(), []
        return MachineBus(self, machine)

    def gone(self, machine: Machine, after_s: float) -> None:
        """The bus notices that the machine is gone; until then its subscriptions swallow what comes for it."""
        self._middle.call_later(after_s, self._forget, machine)

    def _forget(self, machine: Machine) -> None:
        for subscription in self._of.pop(machine, ()):
            if subscription.at_bus is not None:
                at_once(subscription.at_bus.stop())

    def mend(self, machine: Machine) -> None:
        """The machine is no longer cut off: what was held back goes on its way."""
        machine.cut = ""
        for link in (self._out[machine], self._in[machine]):
            held, link.held = link.held, []
            for go_on in held:
                go_on()

    # On its way

    def send(self, machine: Machine, subject: str, data: bytes, reply: str, headers: Mapping[str, str] | None) -> None:
        side = self.side_of.get(machine.name)
        if side is not None:
            headers = {**(headers or {}), _SIDE: side}

        def arrive() -> None:
            at_once(self._bus.publish(subject, data, reply, headers))

        self._trace.note("sends", subject, data, where=machine.name)
        self._hop(machine, self._out[machine], subject, lambda delay_s: self._middle.call_later(delay_s, arrive))

    def subscribe(self, machine: Machine, subject: str, handler: Handler, queue: str) -> _Subscription:
        subscription = _Subscription(handler)
        link = self._in[machine]

        def hand_over(message: Message) -> None:
            def land(delay_s: float) -> None:
                self._watch(message)
                machine.loop.call_later(delay_s, subscription.hand_over, message)

            if not machine.dead and self._is_heard(machine, message):
                self._hop(machine, link, message.subject, land)

        subscription.at_bus = at_once(self._bus.subscribe(subject, hand_over, queue))
        self._of[machine].append(subscription)
        return subscription

    def _is_heard(self, machine: Machine, message: Message) -> bool:
        if machine.ignores_beats and message.subject == BEATS:
            return False
        theirs, ours = message.headers.get(_SIDE), self.side_of.get(machine.name)
        if theirs is None or ours is None or theirs == ours:
            return True
        self._trace.fault("message_split_off", message.subject, where=machine.name)
        return False

    def _hop(self, machine: Machine, link: _Link, subject: str, go: Callable[[float], object]) -> None:
        """One hop, as the weather has it. `go` is called with a delay for each copy that gets through."""
        weather, dice = self.weather, self._dice
        if machine.cut == "loses":
            self._trace.fault("message_cut_off", subject, where=machine.name)
            return
        if machine.cut == "holds":
            link.held.append(lambda: self._hop(machine, link, subject, go))
            self._trace.fault("message_held", subject, where=machine.name)
            return
        if weather.message_lost and dice.random() < weather.message_lost:
            self._trace.fault("message_lost", subject, where=machine.name)
            return
        kind = _kind_of(subject)
        if kind:
            lost: float = getattr(weather, kind)
            if lost and dice.random() < lost:
                self._trace.fault(kind, subject, where=machine.name)
                return
        copies = 1
        if weather.message_doubled and dice.random() < weather.message_doubled:
            self._trace.fault("message_doubled", subject, where=machine.name)
            copies = 2
        for _ in range(copies):
            hop_s = (HOP_MS_MIN + dice.random() ** 2 * (HOP_MS_MAX - HOP_MS_MIN)) / 1000
            if weather.message_delayed and dice.random() < weather.message_delayed:
                self._trace.fault("message_delayed", subject, where=machine.name)
                go(hop_s + dice.random() ** 2 * weather.message_delay_ms_max / 1000)
                continue
            now = self._middle.time()
            link.free_at = max(link.free_at, now + hop_s)
            go(link.free_at - now)

    def new_inbox(self) -> str:
        return self._bus.new_inbox()


class MachineBus:
    """A `Bus`, as one machine sees it."""

    def __init__(self, network: Network, machine: Machine) -> None:
        self._network: Final = network
        self._machine: Final = machine

    async def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        machine = self._machine
        doom = await machine.call_begins(self._network.weather.call_stalls)
        self._network.send(machine, subject, data, reply, headers)
        if doom:
            machine.kill("after a message")
            await machine.never()

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> _Subscription:
        await self._machine.call_begins(self._network.weather.call_stalls)
        return self._network.subscribe(self._machine, subject, handler, queue)

    async def request(
        self, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
    ) -> Message:
        return await ask(self, subject, data, timeout_ms, headers)

    def new_inbox(self) -> str:
        return self._network.new_inbox()

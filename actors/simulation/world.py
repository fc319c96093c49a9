"""The world of one seed: hosts, clients, network, log and shelf; a storm; and then a calm in which all must come right.

    run = simulate(seed, traffic)
    run.record      # for the checkers
    run.trace       # for whoever looks for the bug

A run has five parts. The hosts and clients start. In the storm the clients ask, and faults strike. Then all is made
well: no fault remains, clocks are right, every host lives; whoever still waits is waited for. Then nobody asks
anything, long enough for every timer and every late append to have done what it does. At last every actor is asked
something that must be accepted.

It is whole in one module because these parts share every machine that they start, strike and mend.
"""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from asyncio.events import _get_running_loop
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from random import Random
from typing import Final, NamedTuple, TypeVar

import msgspec
import structlog

from actors.runtime.cell import Phase
from actors.runtime.host import Host
from actors.runtime.limits import SenderLimits
from actors.runtime.wire import ENVELOPES
from actors.simulation import sizes, storm, weather
from actors.simulation.clients import Book, Client, Traffic
from actors.simulation.clock import VirtualClock
from actors.simulation.loop import Livelock, Timeline, VirtualLoop
from actors.simulation.machine import Machine
from actors.simulation.network import Network, at_once
from actors.simulation.record import Record, Standing
from actors.simulation.storage import MachineLog, MachineShelf, Storage
from actors.simulation.storm import Blow
from actors.simulation.trace import Trace
from events import limits as ground
from events.bus import Message
from events.names import partition_of

ANSWERED_WITHIN_S: Final = 45.0
"""After all is well, every call must have ended within this: the longest that one may wait, a few times over."""
QUIET_S: Final = ground.APPEND_TIMEOUT_MS / 1000 + 3.0
"""Nobody asks anything for so long: late appends have landed, the log has been read again, and timers have fired."""
STOPPED_WITHIN_S: Final = 20.0
FAULTS: Final = frozenset(weather.RATES) | frozenset(storm.KINDS)

T = TypeVar("T")

_STANDINGS: Final = msgspec.json.Decoder(Standing)


class _HostLife:
    """One incarnation of a host."""

    def __init__(self, machine: Machine, host: Host) -> None:
        self.machine: Final = machine
        self.host: Final = host
        self.leaving = False


class Run(NamedTuple):
    record: Record
    trace: Trace


def simulate(seed: int, traffic: Traffic, focus: Collection[str] = ()) -> Run:
    """One run, from its seed alone. `focus` names the only kinds of faults (of `weather` and `storm`) that it may
    have."""
    unknown = set(focus) - FAULTS
    if unknown:
        raise ValueError(f"there are no faults called {sorted(unknown)}; there are {sorted(FAULTS)}")
    with _undisturbed():
        world = _World(seed, traffic, focus)
        run = world.run()
        del world
        _bury()
    return run


class _World:
    """Made for one run. Everything in it is drawn from the seed."""

    def __init__(self, seed: int, traffic: Traffic, focus: Collection[str]) -> None:
        self._seed: Final = seed
        self._focus: Final = focus
        self._traffic: Final = traffic
        self._timeline: Final = Timeline()
        timeline = self._timeline
        self._middle: Final = VirtualLoop(timeline, "middle")
        self.trace: Final = Trace(lambda: timeline.now, _running_machine)
        self._clock: Final = VirtualClock(lambda: timeline.now)
        self._dice: Final = self._dice_for("world")
        self._weather: Final = weather.draw(self._dice_for("weather"), focus)
        self._network: Final = Network(
            self._middle, self._dice_for("network"), self._weather, self.trace, self._count_copies
        )
        self._storage: Final = Storage(self._middle, self._clock, self._dice_for("storage"), self._weather, self.trace)
        self._limits: Final = sizes.host_limits(self._dice_for("sizes"))
        self._sender_limits: Final = sizes.sender_limits(self._dice_for("senders"))
        self._book: Final = Book(self._head, lambda: self._timeline.now, self.trace)
        self._machines: Final[list[Machine]] = []
        self._lives: Final[dict[str, _HostLife]] = {}
        """The newest life of each host."""
        self._clients: Final[dict[str, Client]] = {}
        self._storming = True
        self._names: list[str] = []
        self._copies: Final[Counter[str]] = Counter()
        """By command id: in how many messages it reached a host."""
        self._jumps_ms: Final = storm.jumps_ms(self._limits.remembered_commands_max)
        self._record: Final = Record(seed, remembered_commands_max=self._limits.remembered_commands_max)

    def _dice_for(self, what: str) -> Random:
        return Random(f"{self._seed}/{what}")

    def _head(self) -> int:
        return at_once(self._storage.log.head()).last

    def _count_copies(self, message: Message) -> None:
        if message.subject.startswith("cmd.") or message.subject.endswith(".commands"):
            self._copies.update(envelope.id for envelope in ENVELOPES.decode(message.data))

    # The run

    def run(self) -> Run:
        with _listening(self.trace):
            try:
                self._run()
            except Livelock as livelock:
                self.trace.complain("livelock", str(livelock))
            self._write_down()
            self._end()
        return Run(self._record, self.trace)

    def _run(self) -> None:
        dice, timeline = self._dice, self._timeline
        self._names = [f"host-{number}" for number in range(1, dice.choice((1, 2, 2, 3, 3, 4)) + 1)]
        for name in self._names:
            self._middle.call_later(dice.random() * 0.2, self._begin_host, name)
        for number in range(1, dice.choice((1, 2, 3)) + 1):
            self._middle.call_later(dice.random() * 0.3, self._begin_client, f"client-{number}")
        begin = dice.choice((0.3, 0.3, 7.0))  # while hosts still learn what was before them, or when they have settled
        end = begin + dice.choice((2.0, 4.0, 8.0, 12.0))
        for blow in storm.draw(self._dice_for("storm"), begin, end, self._focus):
            self._middle.call_at(blow.at, self._strike, blow)
        timeline.run_until(dice.choice((end, end, dice.uniform(begin, end))))
        self._book.asking = False  # at the latest when the storm ends, so that what goes wrong last goes unnoticed
        timeline.run_until(end)
        self._make_well()
        timeline.run_until(timeline.now + ANSWERED_WITHIN_S, stop=lambda: self._book.hands == 0)
        if self._book.hands:
            waiting = [call.id for call in self._book.calls if call.outcome == "waiting"]
            self._record.unfinished.append(f"{self._book.hands} hands still wait for {' '.join(waiting)}")
        timeline.run_until(timeline.now + QUIET_S)
        self._look_around()
        self._ask_everybody()
        self._stop_everybody()

    # Machines

    def _machine(self, name: str) -> Machine:
        machine = Machine(name, self._timeline, Random(f"{self._seed}/{name}/{len(self._machines)}"), self._killed)
        self._machines.append(machine)
        return machine

    def _killed(self, machine: Machine, why: str) -> None:
        self.trace.note("dies", why, where=machine.name)
        self._network.gone(machine, machine.dice.choice((0.0, 0.0, 2.0)))
        client = self._clients.get(machine.name)
        if client is not None and client.machine is machine:
            client.died()

    def _begin_host(self, name: str) -> None:
        machine = self._machine(name)
        bus = self._network.join(machine)
        incarnation = f"{len(self._machines):03d}"
        host = Host(
            name,
            events=MachineLog(self._storage, machine),
            bus=bus,
            shelf=MachineShelf(self._storage, machine),
            clock=machine.clock,
            kinds=self._traffic.kinds,
            incarnation=incarnation,
            limits=self._limits,
        )
        self._lives[name] = _HostLife(machine, host)
        self.trace.note("begins", incarnation, where=name)
        machine.loop.create_task(host.start())

    def _begin_client(self, name: str) -> None:
        dice = self._dice
        machine = self._machine(name)
        machine.ignores_beats = dice.random() < 0.4
        bus = self._network.join(machine)
        pace = dice.choice((0.7, 3.0, 20.0, 60.0))
        client = Client(machine, bus, self._book, self._traffic, self._sender_limits, pace)
        self._clients[name] = client
        client.begin(dice.choice((1, 2, 6)))

    # The storm

    def _strike(self, blow: Blow) -> None:
        name = blow.dice.choice(self._names)
        if name not in self._lives:
            return  # it has not begun yet
        match blow.kind:
            case "host_crashed":
                self._crash_host(name, blow)
            case "host_crashed_at_call":
                self._lives[name].machine.doom_call(blow.dice.randrange(200), blow.dice.choice(("before", "after")))
                self._watch_for_death(self._lives[name], blow)
            case "host_frozen":
                self._freeze(self._lives[name].machine, blow)
            case "host_replaced_while_frozen":
                if self._freeze(self._lives[name].machine, blow):
                    self._middle.call_later(blow.for_s * blow.dice.random() * 0.5, self._begin_host, name)
            case "host_cut_off":
                self._cut_off(self._lives[name].machine, blow)
            case "hosts_split":
                if len(self._names) > 1:
                    self._network.side_of = {name: blow.dice.choice("ab") for name in self._names}
                    self._struck(blow)
                    self._middle.call_later(blow.for_s, self._network.side_of.clear)
            case "host_left":
                self._leave(name, blow)
            case "host_joined":
                self._join(blow)
            case "client_crashed":
                for client in self._some(blow, [one for one in self._clients.values() if not one.machine.dead]):
                    client.machine.kill("crash")
                    self._struck(blow, client.machine.name)
                    if self._book.asking:
                        self._middle.call_later(blow.for_s, self._begin_client_anew, client.machine.name)
            case "client_frozen":
                for client in self._some(blow, list(self._clients.values())):
                    self._freeze(client.machine, blow)
            case "clock_jumped":
                for machine in self._some(blow, [one for one in self._machines if not one.dead]):
                    machine.clock.jump(blow.dice.choice(self._jumps_ms))
                    self._struck(blow, machine.name)
            case "log_down":
                self._storage.down = True
                self._struck(blow)
                self._middle.call_later(blow.for_s, self._log_is_back)
            case "log_full":
                self._storage.full = True
                self._struck(blow)
                self._middle.call_later(blow.for_s, self._log_is_back)
            case "shelf_lost":
                self._storage.lose_shelf()
                self._struck(blow)

    def _some(self, blow: Blow, candidates: list[T]) -> list[T]:
        """One of them, if there are any."""
        return [blow.dice.choice(candidates)] if candidates else []

    def _struck(self, blow: Blow, whom: str = "") -> None:
        self.trace.fault(blow.kind, f"{blow.for_s:.3f} s", where=whom)

    def _crash_host(self, name: str, blow: Blow) -> None:
        machine = self._lives[name].machine
        if not machine.dead:
            machine.kill("crash")
            self._struck(blow, name)
            self._middle.call_later(blow.for_s, self._begin_host_if_dead, name)

    def _watch_for_death(self, life: _HostLife, blow: Blow) -> None:
        """A doomed host has died by now, or its doom is lifted when all is made well."""
        if life.machine.dead:
            self._struck(blow, life.machine.name)
            self._middle.call_later(blow.for_s, self._begin_host_if_dead, life.machine.name)
        elif self._storming:
            self._middle.call_later(0.05, self._watch_for_death, life, blow)

    def _begin_host_if_dead(self, name: str) -> None:
        if self._lives[name].machine.dead:
            self._begin_host(name)

    def _begin_client_anew(self, name: str) -> None:
        if self._book.asking:
            self._begin_client(name + "b")

    def _freeze(self, machine: Machine, blow: Blow) -> bool:
        if machine.dead or machine.frozen:
            return False
        machine.freeze()
        self._struck(blow, machine.name)
        self._middle.call_later(blow.for_s, machine.thaw)
        return True

    def _cut_off(self, machine: Machine, blow: Blow) -> None:
        if not machine.dead and not machine.cut:
            machine.cut = blow.dice.choice(("loses", "holds"))
            self._struck(blow, machine.name)
            self._middle.call_later(blow.for_s, self._network.mend, machine)

    def _leave(self, name: str, blow: Blow) -> None:
        life = self._lives[name]
        if not life.machine.dead and not life.leaving:
            life.leaving = True
            self._struck(blow, name)
            life.machine.loop.create_task(self._stop(life, blow.for_s))

    async def _stop(self, life: _HostLife, begins_again_s: float) -> None:
        await life.host.stop()
        self._middle.call_later(begins_again_s, self._begin_host_if_dead, life.machine.name)
        life.machine.kill("left in order")

    def _join(self, blow: Blow) -> None:
        if len(self._names) < 5:
            self._names.append(f"host-{len(self._names) + 1}")
            self._begin_host(self._names[-1])
            self._struck(blow, self._names[-1])

    def _log_is_back(self) -> None:
        self._storage.down = self._storage.full = False

    # The calm

    def _make_well(self) -> None:
        """No fault from here on; every host that died lives again, and one that was replaced is gone."""
        self.trace.note("all is made well", where="world")
        self._book.asking = self._storming = False
        self._network.weather = self._storage.weather = weather.CALM
        self._log_is_back()
        self._network.side_of = {}
        for machine in self._machines:
            if not machine.dead:
                machine.doom_call(0, "")
                machine.clock.correct()
                machine.thaw()
                self._network.mend(machine)
        self._keep_hosts()

    def _keep_hosts(self) -> None:
        """What keeps hosts running does: one that is dead, or has been superseded, begins anew."""
        for name, life in list(self._lives.items()):
            if not life.machine.dead and life.host.superseded:
                self.trace.note("is put down: superseded", where=name)
                life.machine.kill("superseded")
            if life.machine.dead:
                self._begin_host(name)
        if not self._storming:
            self._middle.call_later(1.0, self._keep_hosts)

    def _look_around(self) -> None:
        """What is true when all is quiet: where the log stands, and what hosts and the shelf remember."""
        record = self._record
        record.quiet_at, record.quiet_sequence = self._clock(), self._head()
        for life in self._lives.values():
            host = life.host
            for cell in host.cells.values():
                if cell.phase is Phase.READY and cell.memory is not None and cell.era == host.era:
                    record.live.append((host.name, _STANDINGS.decode(cell.memory.snapshot())))
            owners = host.roll.owned_by(host.name)
            self.trace.note("owns", len(owners), host.counts(), where=host.name)
        for partition in sorted({partition_of(actor) for actor in self._traffic.actors}):
            owners_of = [life.host.name for life in self._lives.values() if life.host.owns(partition)]
            if len(owners_of) != 1:
                record.unfinished.append(f"partition {partition} is owned by {' and '.join(owners_of) or 'nobody'}")

    def _ask_everybody(self) -> None:
        machine = self._machine("prober")
        prober = Client(machine, self._network.join(machine), self._book, self._traffic, SenderLimits(), 1.0)
        prober.begin(0)
        asked = machine.loop.create_task(self._probe(prober))
        self._timeline.run_until(self._timeline.now + ANSWERED_WITHIN_S, stop=asked.done)
        if not asked.done():
            self._record.unfinished.append("the probes were not answered")

    async def _probe(self, prober: Client) -> None:
        await prober.machine.pause(0.5)
        await prober.probe(self._traffic.actors)

    def _stop_everybody(self) -> None:
        for life in self._lives.values():
            stopped = life.machine.loop.create_task(life.host.stop())
            self._timeline.run_until(self._timeline.now + STOPPED_WITHIN_S, stop=stopped.done)
            if not stopped.done():
                self._record.unfinished.append(f"{life.host.name} did not stop")

    def _write_down(self) -> None:
        record, trace = self._record, self.trace
        for loop, context in self._timeline.troubles:
            trace.complain("trouble", loop.name, context.get("message"), repr(context.get("exception")))
        record.calls = self._book.calls
        for call in record.calls:
            call.messages = self._copies[call.id]
        record.log = self._storage.recorded()
        for name, data in self._storage.shelved().items():
            if not name.startswith("timers."):
                record.shelf[name] = _STANDINGS.decode(data)
        record.complaints = trace.complaints
        record.occurred = trace.occurred
        record.steps, record.seconds = self._timeline.steps, self._timeline.now
        record.story = (
            f"{len(self._names)} hosts, {len(self._clients)} clients, {len(record.calls)} calls, "
            f"{len(record.log)} commits, {record.seconds:.1f} s in {record.steps} steps"
        )

    def _end(self) -> None:
        """Nothing runs any more; what was under way is dropped where it stands."""
        for machine in self._machines:
            machine.loop.kill()
            machine.loop.close()
        self._middle.kill()
        self._middle.close()
        self._timeline.end()


def _running_machine() -> str:
    loop = _get_running_loop()
    return loop.name if isinstance(loop, VirtualLoop) else "world"


@contextmanager
def _listening(trace: Trace) -> Iterator[None]:
    """What hosts log goes into the trace."""
    before = structlog.get_config()
    structlog.configure(
        processors=[trace.from_log],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage is collected during a run: when that happens is not of the seed's choosing."""
    was_on = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _bury() -> None:
    """Collect what the run left standing: coroutines of machines that are no more, which complain about their end.

    Their clean-up runs now, when nobody listens to it any more.
    """
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _unraisable: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = hook

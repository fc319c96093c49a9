"""A stage: simulated hosts and one client on a calm day, for a test that has one particular misfortune in mind."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from actors.decider import AnyDecider, Command
from actors.runtime.host import Host
from actors.runtime.limits import HostLimits, SenderLimits
from actors.simulation.clients import Book, Client
from actors.simulation.clock import VirtualClock
from actors.simulation.loop import Timeline, VirtualLoop
from actors.simulation.machine import Machine
from actors.simulation.network import Network
from actors.simulation.record import Call
from actors.simulation.storage import MachineLog, MachineShelf, Storage
from actors.simulation.trace import Trace
from actors.simulation.weather import Weather
from events.names import partition_of
from tests.simulation.bank import ACCOUNT, FACTS, AccountFact
from tests.simulation.traffic import BankTraffic

SETTLED_S: Final = 8.0
"""Long enough for hosts to have read everything again that may have been on its way when they began."""


class Stage:
    """Hosts of the bank. Everything that waits is waited for in virtual time."""

    kinds: Mapping[str, AnyDecider] = {"account": ACCOUNT}

    def __init__(self, limits: HostLimits | None = None, sender_limits: SenderLimits | None = None) -> None:
        self.timeline = timeline = Timeline()
        self.weather: Final = Weather()
        self._middle: Final = VirtualLoop(timeline, "middle")
        self.trace: Final = Trace(lambda: timeline.now, lambda: "stage")
        self.network: Final = Network(self._middle, Random(1), self.weather, self.trace, lambda _: None)
        clock = VirtualClock(lambda: timeline.now)
        self.storage: Final = Storage(self._middle, clock, Random(2), self.weather, self.trace)
        self.hosts: Final[dict[str, Host]] = {}
        self.machines: Final[dict[str, Machine]] = {}
        self._limits: Final = limits or HostLimits()
        self._book: Final = Book(lambda: len(self.storage.recorded()), lambda: timeline.now, self.trace)
        machine = self._machine("client")
        bus = self.network.join(machine)
        self.client: Final = Client(machine, bus, self._book, BankTraffic(0), sender_limits or SenderLimits(), 1.0)
        self.client.begin(0)

    def _machine(self, name: str) -> Machine:
        machine = Machine(name, self.timeline, Random(name), lambda machine, _: self.network.gone(machine, 0.0))
        self.machines[name] = machine
        return machine

    def host(self, name: str) -> Host:
        machine = self._machine(name)
        host = self.hosts[name] = Host(
            name,
            events=MachineLog(self.storage, machine),
            bus=self.network.join(machine),
            shelf=MachineShelf(self.storage, machine),
            clock=machine.clock,
            kinds=self.kinds,
            incarnation="1",
            limits=self._limits,
        )
        machine.loop.create_task(host.start())
        return host

    def pass_time(self, seconds: float) -> None:
        self.timeline.run_until(self.timeline.now + seconds)

    def accounts_of(self, name: str, count: int = 1) -> list[str]:
        """Accounts that this host owns now."""
        owned = self.hosts[name].owned
        numbered = (f"bank.account.{number}" for number in range(1_000))
        return [account for account in numbered if partition_of(account) in owned][:count]

    def begin(self, id: str, *parts: tuple[str, Command], within_ms: int = 8_000) -> list[Call]:
        """Ask, without waiting; the call is in the list when it has ended."""
        ended: list[Call] = []

        async def ask() -> None:
            ended.append(await self.client.ask(id, parts, self.client.machine.clock(), within_ms=within_ms))

        self.client.machine.loop.create_task(ask())
        return ended

    def ask(self, id: str, *parts: tuple[str, Command], within_ms: int = 8_000) -> Call:
        ended = self.begin(id, *parts, within_ms=within_ms)
        self.timeline.run_until(self.timeline.now + within_ms / 1000 + 1, stop=lambda: bool(ended))
        return ended[0]

    def facts_of(self, actor: str) -> list[AccountFact]:
        commits = [FACTS.read(one.body) for one in self.storage.recorded() if one.actor == actor]
        return [fact for commit in commits for one in commit.decided for fact in one.facts]

    def close(self) -> None:
        for machine in self.machines.values():
            machine.loop.kill()
            machine.loop.close()
        self._middle.close()
        self.timeline.end()

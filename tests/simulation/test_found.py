"""What the simulation has found in the runtime, each as small as it can be told. None of them comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from actors.runtime.limits import HostLimits, SenderLimits
from tests.laws.law_10_chained import faults_in
from tests.simulation.bank import Balance, Deposit, Open, Reserve, Returned, Withdraw
from tests.simulation.stage import SETTLED_S, Stage


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(
        limits: HostLimits | None = None,
        hosts: tuple[str, ...] = ("one", "two"),
        sender_limits: SenderLimits | None = None,
    ) -> Stage:
        stage = Stage(limits, sender_limits)
        stages.append(stage)
        for name in hosts:
            stage.host(name)
        stage.pass_time(SETTLED_S)
        return stage

    yield make
    for made in stages:
        made.close()


def test_a_host_that_stood_still_learns_the_timers_that_others_set(stage: Callable[..., Stage]) -> None:
    """Another host had taken over and set a timer for an actor; the first one comes back and fires it."""
    bank = stage()
    (account,) = bank.accounts_of("one")
    assert bank.ask("open", (account, Open(100))).outcome == "accepted"
    bank.machines["one"].freeze()
    bank.pass_time(1.5)
    assert bank.ask("reserve", (account, Reserve("r", 5, 6_000))).outcome == "accepted"
    bank.pass_time(1.0)
    bank.machines["one"].thaw()
    bank.pass_time(15)
    assert account in bank.accounts_of("one", 1_000)
    assert bank.facts_of(account)[-1] == Returned("r")


def test_a_commit_that_landed_late_is_known_all_the_same(stage: Callable[..., Stage]) -> None:
    """Nobody knew what became of it, and nobody asked again: its timer fires, and a question is answered with it."""
    bank = stage(hosts=("one",))
    accounts = bank.accounts_of("one", 8)
    for account in accounts:
        assert bank.ask(f"open-{account}", (account, Open(100))).outcome == "accepted"
    bank.storage.patience_ms = 400
    bank.weather.append_late = 1.0
    for account in accounts:
        assert bank.ask(f"r-{account}", (account, Reserve("r", 5, 15_000)), within_ms=300).outcome == "unknown"
    bank.weather.append_late = 0.0
    bank.pass_time(11)
    for account in accounts[:4]:
        balance = bank.ask(f"balance-{account}", (account, Balance()))
        assert (balance.reply["free"], balance.reply["held"]) == (95, 5)
    bank.pass_time(10)
    assert [bank.facts_of(account)[-1] for account in accounts] == [Returned("r")] * 8


def test_a_transaction_that_is_sent_twice_settles_each_promise_with_its_own_commit(
    stage: Callable[..., Stage],
) -> None:
    """Two tries at one transaction promise different bytes; what landed is the one, and the chain goes on from it."""
    limits = HostLimits(lease_ms=150, passivate_after_ms=100, sweep_every_ms=30)
    bank = stage(limits, sender_limits=SenderLimits(resend_after_ms=60))
    accounts = [*bank.accounts_of("one", 2), *bank.accounts_of("two", 2)]
    for account in accounts:
        assert bank.ask(f"open-{account}", (account, Open(1_000))).outcome == "accepted"
    bank.weather.shelf_slow = bank.weather.read_slow = 0.3
    for number in range(60):
        giver, taker = (accounts[(number + step) % 4] for step in (0, 2))
        bank.begin(f"t{number}", (giver, Withdraw(1, "t")), (taker, Deposit(1, "t")), within_ms=900)
        bank.pass_time(0.15)
    bank.weather.shelf_slow = bank.weather.read_slow = 0.0
    bank.pass_time(10)
    assert not list(faults_in(bank.storage.recorded(), {}))
    free = [bank.ask(f"balance-{account}", (account, Balance())).reply["free"] for account in accounts]
    assert sum(free) == 4_000


def test_a_transaction_that_was_done_is_asked_for_while_the_log_is_away(stage: Callable[..., Stage]) -> None:
    """Its first answer can't be read: whoever asks is told to ask again, and is not left without an answer."""
    bank = stage()
    (here,), (there,) = bank.accounts_of("one"), bank.accounts_of("two")
    parts = ((here, Open(10)), (there, Open(10)))
    first = bank.ask("both", *parts)
    assert first.outcome == "accepted"
    bank.weather.read_failed = 1.0
    assert bank.ask("both", *parts, within_ms=600).code in ("busy", "")
    bank.weather.read_failed = 0.0
    again = bank.ask("both", *parts)
    assert (again.reply, again.sequence) == (first.reply, first.sequence)
    assert not any(host.tasks.failed for host in bank.hosts.values())


def test_a_timer_fires_though_the_hosts_clock_is_behind_those_of_its_askers(stage: Callable[..., Stage]) -> None:
    """What is asked before the newest that was forgotten is too old to be told from a repetition; a Tick isn't."""
    bank = stage(HostLimits(remembered_commands_max=1), hosts=("one",))
    (account,) = bank.accounts_of("one")
    bank.client.machine.clock.jump(4_000)
    assert bank.ask("open", (account, Open(100))).outcome == "accepted"
    assert bank.ask("reserve", (account, Reserve("r", 5, 500))).outcome == "accepted"
    for number in range(3):
        bank.ask(f"deposit-{number}", (account, Deposit(1)))
    bank.pass_time(3)
    assert bank.facts_of(account)[-1] == Returned("r")

"""One seed, simulated and judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple, Protocol

from actors.simulation.clients import Traffic
from actors.simulation.record import Record
from actors.simulation.trace import Trace
from actors.simulation.world import simulate
from tests.laws.domain import Domain
from tests.laws.judge import Breach, breaches
from tests.simulation.booking_traffic import BookingTraffic
from tests.simulation.launch_traffic import LaunchTraffic
from tests.simulation.traffic import BankTraffic


class Judged(Traffic, Protocol):
    """`Traffic` that says which laws it is held to."""

    @property
    def domain(self) -> Domain: ...

    def surroundings(self) -> AbstractContextManager[None]:
        """What is otherwise than in production while its run lasts, and while it is judged."""
        ...


TRAFFICS: Final[Mapping[str, Callable[[int], Judged]]] = {
    "bank": BankTraffic,
    "booking": BookingTraffic,
    "launch": LaunchTraffic,
}

Damage = Callable[[], AbstractContextManager[None]]
"""What a mutant does to the code while its runs last."""

UNHARMED: Final[Damage] = nullcontext


class Verdict(NamedTuple):
    seed: int
    traffic: str
    breaches: list[Breach]
    record: Record
    trace: Trace


def judged(seed: int, damage: Damage = UNHARMED, focus: Collection[str] = (), traffic: str = "bank") -> Verdict:
    asking = TRAFFICS[traffic](seed)
    with asking.surroundings():
        with damage():
            record, trace = simulate(seed, asking, focus)
        found = breaches(record, asking.domain)
    return Verdict(seed, traffic, found, record, trace)


def broken(seeds: Iterable[int], damage: Damage, focus: Collection[str], traffic: str = "bank") -> Iterator[Verdict]:
    """The verdicts of those seeds that break a law."""
    return (verdict for verdict in (judged(seed, damage, focus, traffic) for seed in seeds) if verdict.breaches)


def told(verdict: Verdict, *, breaches_max: int = 8) -> str:
    """Which law a run broke, and how to see it again."""
    shown = [f"  {breach.law}: {breach.what}" for breach in verdict.breaches[:breaches_max]]
    left_out = len(verdict.breaches) - len(shown)
    if left_out:
        shown.append(f"  and {left_out} more")
    head = f"seed {verdict.seed} of the {verdict.traffic} breaks a law ({verdict.record.story})"
    again = f"make sim SEED={verdict.seed} ARGS='--traffic {verdict.traffic}'"
    return "\n".join((head, *shown, f"  to see it: {again}"))

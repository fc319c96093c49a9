"""What the customers of the bank do: a little of everything, mostly on few accounts, so that they meet. On many, an
account is alone for long, and what was forgotten about it stays forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from random import Random
from typing import Final

from actors.decider import AnyDecider, Command
from actors.simulation.record import Part
from tests.laws import law_02_transfers
from tests.laws.answers_are_true import answering
from tests.laws.domain import Domain
from tests.simulation.bank import ACCOUNT, Balance, Capture, Deposit, Open, Reserve, Touch, Withdraw, balance

BANK: Final = Domain(
    {"account": ACCOUNT},
    silent=(Balance,),
    laws={
        "law 2, nothing from nothing": law_02_transfers.breaches,
        "answers are true": answering({"account": {Balance: balance}}),
    },
)


class BankTraffic:
    """`Traffic` on a few accounts; how the kinds of commands are mixed is drawn from the seed."""

    domain: Final = BANK

    def __init__(self, seed: int) -> None:
        dice = Random(f"{seed}/traffic")
        self.kinds: Final[Mapping[str, AnyDecider]] = BANK.kinds
        self.actors: Final[Sequence[str]] = [f"bank.account.{number}" for number in range(dice.choice((2, 3, 5, 40)))]
        self._singles: Final = dice.choice((0.2, 0.6, 0.9))
        self._questions: Final = dice.choice((0.1, 0.5))
        self._reserves: Final = dice.choice((0.15, 0.5))
        self._hot: Final = dice.choice((0.0, 0.7))
        self._count = 0
        self._opened: Final[set[str]] = set()
        self._reserved: Final[list[tuple[str, str]]] = []

    def surroundings(self) -> AbstractContextManager[None]:
        return nullcontext()

    def next(self, dice: Random) -> tuple[Part, ...]:
        self._count += 1
        if dice.random() < self._singles:
            actor = self._account(dice)
            return self._open_first(dice, actor) or ((actor, self._single(dice, actor)),)
        actors = dice.sample(self.actors, min(len(self.actors), dice.choice((2, 2, 3, 4))))
        return self._open_first(dice, *actors) or self._transaction(dice, actors)

    def _open_first(self, dice: Random, *actors: str) -> tuple[Part, ...]:
        """Opening those of the accounts that nobody has asked to be opened yet."""
        unopened = [actor for actor in actors if actor not in self._opened]
        self._opened.update(unopened)
        return tuple((actor, Open(dice.randrange(50, 500))) for actor in unopened)

    def _account(self, dice: Random) -> str:
        return self.actors[0] if dice.random() < self._hot else dice.choice(self.actors)

    def _single(self, dice: Random, actor: str) -> Command:
        chance = dice.random()
        if chance < self._questions:
            return Balance()
        if chance < self._questions + self._reserves:
            return self._reserve(dice, actor)
        if self._reserved and chance < self._questions + self._reserves + 0.1:
            reserved_at, id = dice.choice(self._reserved)
            if reserved_at == actor:
                return Capture(id)
        if dice.random() < 0.02:
            return Open(1)
        return Withdraw(dice.randrange(1, 60)) if dice.random() < 0.4 else Deposit(dice.randrange(1, 40))

    def _reserve(self, dice: Random, actor: str) -> Reserve:
        id = f"r{self._count}-{actor.rsplit('.', 1)[-1]}"
        self._reserved.append((actor, id))
        return Reserve(id, dice.randrange(1, 20), dice.choice((50, 400, 1_500, 3_000, 5_000)))

    def _transaction(self, dice: Random, actors: list[str]) -> tuple[Part, ...]:
        if dice.random() < 0.2:
            return tuple((actor, self._reserve(dice, actor)) for actor in actors)
        name = f"t{self._count}"
        amount = dice.randrange(1, 30)
        giver, *takers = actors
        parts: list[Part] = [(giver, Withdraw(amount * len(takers), name))]
        parts += [(taker, Deposit(amount, name)) for taker in takers]
        if len(takers) > 1 and dice.random() < 0.2:
            parts[-1] = (takers[-1], Balance())
            parts[0] = (giver, Withdraw(amount * (len(takers) - 1), name))
        dice.shuffle(parts)
        return tuple(parts)

    def probes(self, actor: str) -> Sequence[Command]:
        return Balance(), Touch(), Balance()

"""Law 2 for the bank: what a transfer takes from one account it gives to the others, no more and no less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.laws.history import History
from tests.simulation.bank import Deposited, Withdrawn


def breaches(history: History) -> Iterator[str]:
    moved: Counter[str] = Counter()
    for _, commit in history.lines:
        for one in commit.decided:
            for fact in one.facts:
                if isinstance(fact, (Deposited, Withdrawn)) and fact.transfer:
                    moved[fact.transfer] += fact.amount if isinstance(fact, Deposited) else -fact.amount
    for transfer, amount in moved.items():
        if amount:
            yield f"transfer {transfer} made {amount} out of nothing"

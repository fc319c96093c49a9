"""All laws together: which does a run break?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from actors.simulation.record import Record
from tests.laws import (
    law_02_all_or_nothing,
    law_05_acknowledged_is_durable,
    law_06_one_writer,
    law_07_once,
    law_08_log_is_truth,
    law_10_chained,
    progress,
)
from tests.laws.domain import Domain
from tests.laws.history import History

LAWS: Final[Mapping[str, Callable[[History], Iterator[str]]]] = {
    "law 2, all or nothing": law_02_all_or_nothing.breaches,
    "law 5, acknowledged means durable": law_05_acknowledged_is_durable.breaches,
    "law 6, one writer wins": law_06_one_writer.breaches,
    "law 7, once": law_07_once.breaches,
    "law 8, the log is the truth": law_08_log_is_truth.breaches,
    "law 10, chained": law_10_chained.breaches,
    "progress": progress.breaches,
}
"""Those that hold for every domain. What a domain must keep besides, it says itself."""


class Breach(NamedTuple):
    law: str
    what: str


def breaches(record: Record, domain: Domain) -> list[Breach]:
    """Every breach of every law, those of the domain first: they say best what is wrong."""
    history = History(record, domain.kinds, domain.silent)
    laws = {**domain.laws, **LAWS}
    return [Breach(law, what) for law, find in laws.items() for what in _found(find, history)]


def _found(find: Callable[[History], Iterator[str]], history: History) -> Iterator[str]:
    """A log that is broken badly enough cannot even be folded: that is a breach too, of whichever law looks."""
    try:
        yield from find(history)
    except Exception as error:  # noqa: BLE001  # whatever the domain raises on facts that contradict each other
        yield f"the log cannot be followed: {error!r}"

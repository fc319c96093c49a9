"""What the laws have to know of a domain: its kinds, what it may do without writing, and what it owes besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from actors.decider import AnyDecider, Command
from tests.laws.history import History


@dataclass(frozen=True)
class Domain:
    kinds: Mapping[str, AnyDecider]
    silent: tuple[type[Command], ...]
    """Commands that may be accepted though nothing has to be written: questions, and what is true already."""
    laws: Mapping[str, Callable[[History], Iterator[str]]]
    """Beside those that hold for every domain."""

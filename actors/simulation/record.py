"""What a run leaves behind for those who judge it: the log, and what everybody asked and was told. Plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from actors.decider import Command
from events.clock import Instant
from events.log import Recorded

Part = tuple[str, Command]
"""An actor, and what is asked of it."""

Outcome = Literal["waiting", "accepted", "refused", "unknown"]
"""`waiting` for ever, when the client died; `unknown` when it was told that nobody can tell."""


@dataclass
class Call:
    """One call of one client, and what it was told. Times are seconds of virtual time; heads are the log's end then."""

    client: str
    id: str
    parts: tuple[Part, ...]
    asked_at: float
    asked_head: int
    is_probe: bool = False
    outcome: Outcome = "waiting"
    answered_at: float = float("inf")
    answered_head: int = 0
    reply: Any = None
    sequence: int = 0
    code: str = ""
    fault: str = ""
    messages: int = 0
    """How many messages carried it to a host: its client's own repetitions, and the copies that the network made."""

    @property
    def is_transaction(self) -> bool:
        return len(self.parts) > 1


class Standing(msgspec.Struct, frozen=True):
    """What a host remembers of an actor, or what the shelf does: the fields of a snapshot, without its wrapping."""

    actor: str
    sequence: int
    head: str
    at: Instant
    state: msgspec.Raw
    young: dict[str, int]
    old: dict[str, int]
    forgotten_through: Instant


@dataclass
class Record:
    """One run. `quiet_*` is when all had been well, and nobody had asked anything, for long enough."""

    seed: int
    calls: list[Call] = field(default_factory=list)
    log: list[Recorded] = field(default_factory=list)
    shelf: dict[str, Standing] = field(default_factory=dict)
    live: list[tuple[str, Standing]] = field(default_factory=list)
    """The actors that were live when it was quiet, each with its host."""
    quiet_at: Instant = 0
    quiet_sequence: int = 0
    remembered_commands_max: int = 0
    unfinished: list[str] = field(default_factory=list)
    """What should have ended after all was well again, and did not."""
    complaints: list[str] = field(default_factory=list)
    """Bugs that hosts or loops reported of themselves."""
    occurred: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault was really done to somebody."""
    story: str = ""
    """The run in one line: how many hosts, clients, commits."""
    steps: int = 0
    seconds: float = 0.0

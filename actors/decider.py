"""The decider: the whole of what a domain has to say, as pure functions.

    decide(state, command, at, policy) -> Decision(facts, reply) | Refusal
    evolve(state, fact, at)            -> state
    wake(state)                        -> the instant at which a Tick is wanted, or None

`decide` changes nothing: it answers. `evolve` owns the state that it is given; it may change it in place and
returns it, and nobody keeps the old one. Neither waits, reads a clock, draws at random or talks to anyone;
instants and random draws come in with the command and are recorded in the facts. So a replay decides the same.

A refusal is an answer, not an error: nothing is written, and it is decided anew when the command comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, Union

import msgspec

from events.clock import Instant
from events.facts import Fact, FactSet
from events.names import actor_name, org_of

Fault: TypeAlias = Literal["caller", "late", "busy", "ours"]
"""Whose turn it is: the caller must ask otherwise, asked too late, may ask again soon, or we must mend something."""


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


class Command(msgspec.Struct, frozen=True, gc=False, tag_field="command", tag=_snake, forbid_unknown_fields=True):
    """Base of all commands: imperative, frozen, typed. `PutResource` is written `{"command": "put_resource", …}`."""


class Tick(Command, frozen=True):
    """The instant that `wake` asked for has come: look at the time.

    The host sends it; every kind that has a `wake` takes it, without naming it among its commands. A client may send
    one too, which is harmless: it says nothing (the instant is the host's, as ever), and what is due is done once.
    """


TICK = Tick()


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The rule that stands against a command: a stable `code`, a sentence, and whose fault it is."""

    code: str
    detail: str
    fault: Fault = "caller"
    retry_after_ms: int | None = None


S = TypeVar("S")
C = TypeVar("C", bound=Command)
F = TypeVar("F", bound=Fact)
P = TypeVar("P")
L = TypeVar("L")


class Decision(msgspec.Struct, Generic[F], frozen=True, gc=False):
    """What becomes true, and what the asker is told. Without facts nothing is written: the command was a question.

    `leases` is news for what the host alone keeps in memory (see `Leases`); of a kind that keeps nothing, nothing.
    """

    facts: tuple[F, ...] = ()
    reply: Any = None
    leases: Any = None


class Leases:
    """How long heartbeats keep things alive, by id. It is not written anywhere: a heartbeat costs the log nothing.

    What is lost with a host are its last heartbeats. So whatever was alive when another takes over gets one fresh
    period, counted from `since`: when this host read the actor in.
    """

    __slots__ = ("_crowded", "since", "until")

    def __init__(self, since: Instant = 0, until: dict[str, Instant] | None = None) -> None:
        self.since = since
        self.until: dict[str, Instant] = until or {}
        self._crowded = 64

    def keep(self, until: dict[str, Instant], at: Instant) -> None:
        """Keep these alive for so long, and forget what has ended long ago, now and then."""
        self.until.update(until)
        if len(self.until) > self._crowded:
            self.until = {id: end for id, end in self.until.items() if end >= at}
            self._crowded = 2 * len(self.until) + 64

    def end_of(self, id: str, placed_until: Instant, period_ms: int) -> Instant:
        """When something ends that was placed with that end, and whose heartbeats are good for so long."""
        return max(placed_until, self.until.get(id, 0), self.since + period_ms)


CONSULTED_BY_ALL_AFTER_MS: Final = 20_000
"""So long after a commit nobody decides by what was before it, and nothing that was decided so can still be stored:
what the runtime promises to those who are consulted."""


@dataclass(frozen=True)
class Consulted(Generic[P, L]):
    """What a decision is made by beside its own actor's state: another actor's `state`, as of its commit at `sequence`
    (0 before its first), and the leases that the host knows of. The policy of kinds that `consult`."""

    state: P
    leases: L
    sequence: int = 0
    together: tuple[str, ...] = ()
    """The actors that are asked the very same in one transaction, in order; nobody when the command stands alone."""


class News(msgspec.Struct, frozen=True, gc=False):
    """A commit of an actor that is followed: where it stands, its hash, and what it says."""

    sequence: int
    actor: str
    head: str
    facts: tuple[Any, ...]


@dataclass(frozen=True)
class Followed:
    """What was heard of those whom an actor follows: their commits in the order of the log, none left out, from behind
    the last one that its state has taken in. The policy of kinds that `follow`."""

    news: tuple[News, ...] = ()
    caught_up: bool = True
    """Whether everything has come that stood in the log when this host began to listen."""


def never(_state: Any) -> Instant | None:
    """The `wake` of an actor that has no timers."""
    return None


@dataclass(frozen=True)
class Decider(Generic[S, C, F, P]):
    """One kind of actor. `kind` is the second token of its actors' names; `commands` are those that clients send.

    `state` must be a type that msgspec can write and read back, because snapshots hold it; `state_version`
    changes whenever old snapshots no longer fit it, and they are then ignored.
    """

    kind: str
    commands: tuple[type[C], ...]
    facts: FactSet[F]
    state: type[S]
    initial: Callable[[str], S]
    decide: Callable[[S, C, Instant, P], Decision[F] | Refusal]
    evolve: Callable[[S, F, Instant], S]
    policy: P
    wake: Callable[[S], Instant | None] = never
    consults: str = ""
    """The kind of the actor that this one decides by: a `Consulted` takes the place of `policy`."""
    consulted: Callable[[str], str] | None = None
    """From an actor's name to that of the one it consults; without it, the organisation's own."""
    leased: Callable[[S, Any], Instant | None] | None = None
    """As `wake`, for whoever knows the leases; without it there are none."""
    leasing: Callable[[], Any] = Leases
    """What keeps the leases: `since`, and `keep(news, at)`."""
    follows: Callable[[str], str] | None = None
    """From an actor's name to the one under which all stand that it follows. It hears what they commit through a
    `Followed` in place of `policy`, and records what it takes in, so that its own commits alone make its state.

    Whatever is due (a wake that has come, news) is done before a command is decided, and again behind it. While there
    is a wake it is kept live by whoever owns it, because it has to listen."""
    heard: Callable[[S], int] | None = None
    """The sequence of the last commit that the state has taken in from those that are followed."""
    parts: tuple[str, ...] = ()
    """What stands behind the kind in the names of its actors, in order; nothing for one actor per organisation."""
    state_version: int = 1
    accepted: tuple[type[Command], ...] = field(init=False, repr=False, compare=False)
    """All that `decide` may be asked: the `commands`, and `Tick` for a kind that has a `wake`."""
    _commands: msgspec.json.Decoder[C] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ticks = self.wake is not never and Tick not in self.commands
        object.__setattr__(self, "accepted", (*self.commands, Tick) if ticks else self.commands)
        object.__setattr__(self, "_commands", msgspec.json.Decoder(Union[self.accepted]))

    @property
    def spelling(self) -> str:
        """How its actors are named: `<org>.day.<resource>.<date>`."""
        return ".".join(("<org>", self.kind, *(f"<{part}>" for part in self.parts)))

    def consulted_by(self, actor: str) -> str:
        """The name of the actor that this one consults; empty when there is none."""
        if not self.consults:
            return ""
        return self.consulted(actor) if self.consulted else actor_name(org_of(actor), self.consults)

    def names(self, actor: str) -> bool:
        """Whether a well-formed name of this kind has as many parts as it should."""
        return actor.count(".") == 1 + len(self.parts)

    def read_command(self, body: bytes | msgspec.Raw) -> C:
        """The command that `body` spells; `msgspec.ValidationError`, which says where, if it spells none."""
        return self._commands.decode(body)


AnyDecider: TypeAlias = Decider[Any, Any, Any, Any]

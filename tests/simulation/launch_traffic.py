"""What people do before a launch: they join, once or again and again, come back and look, fall silent all together,
claim what they were called for or do not, stay and go; and what operators do meanwhile: they change everything that can
be changed, draw, pause, and send people away.

Nobody here sees an answer. Whoever touches, looks or leaves names the ticket that they would have, had everything that
was asked so far been done in the order in which it was asked, or one beside it: much of that is refused. Whoever is
called comes by `Come`, which finds out for them which ticket that is (`launch_rooms`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from random import Random
from typing import Any, Final, Literal
from unittest.mock import patch

import msgspec

from actors.decider import TICK, AnyDecider, Command, Tick
from actors.runtime import following
from actors.runtime import limits as runtime_limits
from actors.runtime.limits import HostLimits
from actors.simulation import sizes
from actors.simulation.clock import START
from actors.simulation.record import Part
from actors.waiting import admission, hearing, limits, queue, showing, turnout
from actors.waiting import line as line_module
from actors.waiting.commands import (
    Claim,
    CloseRoom,
    DrainRoom,
    Draw,
    Exit,
    Join,
    Leave,
    OpenRoom,
    PauseRoom,
    Present,
    Prolong,
    PutRoom,
    Remove,
    ResumeRoom,
    Revoke,
    ShowLine,
    ShowRoom,
    ShowTicket,
    StartPreQueue,
    Touch,
)
from events.codec import spelled
from events.room import Lane, RoomSettings
from events.waiting.draw import commitment_of
from events.waiting.sessions import hidden, line_actor, room_actor, session_of, shard_of
from events.waiting.work import done
from tests.laws import law_03_first_come, law_04_never_over_admitted, line_moves
from tests.laws.answers_are_true import answering
from tests.laws.domain import Domain
from tests.simulation.launch_rooms import KINDS, Come, SetUp

ORG: Final = "house"
SECRET: Final = "what the operator knows"
CODE: Final = "let me through"
WORK_BITS: Final = 3
_LANES: Final = (Lane("press", (hidden(CODE),)), Lane("friends", (hidden("another"), hidden(CODE))))
_host_limits: Final = sizes.host_limits


LAUNCH: Final = Domain(
    KINDS,
    silent=(
        Claim, Come, Join, Present, Prolong, PutRoom, Remove, SetUp, ShowLine, ShowRoom, ShowTicket, Tick, Touch,
    ),
    laws={
        "law 3, first come": law_03_first_come.breaches,
        "law 4, never over-admitted": law_04_never_over_admitted.breaches,
        "the line moves": line_moves.breaches,
        "answers are true": answering(
            {"line": {ShowLine: line_module.shown}, "room": {ShowRoom: showing.shown}}
        ),
    },
)  # fmt: skip


def _remembering(dice: Random) -> HostLimits:
    """A room commits whenever its lines do. One that remembers a handful of commands refuses nearly all that is asked
    of it as too old; so fewer runs are about that than of the bank's, where it is no matter."""
    found = _host_limits(dice)
    return replace(found, remembered_commands_max=dice.choice((found.remembered_commands_max, 50_000, 50_000)))


class _Launch:
    """One room: its settings as they were last asked for, and what was asked of its lines."""

    def __init__(self, name: str, dice: Random) -> None:
        self.name: Final = name
        self.draws: Final = dice.random() < 0.4
        self.begins: Final = dice.random() < 0.8
        """Whether the operator begins; else the clock does."""
        self.opens_after: Final = dice.choice((3, 15, 50)) if self.draws or not self.begins else 0
        self.ends: Final = dice.random() < 0.12
        """Whether the room is drained or closed in the end."""
        shards = dice.choice((1, 1, 2, 3, 8))
        self.settings = RoomSettings(
            shards=shards,
            draw=self.draws,
            queue_max=max(shards, dice.choice((6, 40, 5_000))),
            lanes=_LANES[: dice.choice((0, 0, 1, 2))],
            one_per_identity=dice.random() < 0.15,
            work_bits=WORK_BITS if dice.random() < 0.1 else 0,
            straight_through=dice.random() < 0.6,
            absent_after_s=dice.choice((1, 2, 30, 30)),
            absence_max_s=dice.choice((1, 3, 30)),
            **_bounds(dice),
            **_spans(dice),
        )
        if not self.begins:
            pre_queue_at = START + dice.choice((0, 500, 2_000)) if self.draws or dice.random() < 0.5 else None
            self.settings = msgspec.structs.replace(
                self.settings, pre_queue_at=pre_queue_at, opens_at=START + dice.choice((2_500, 4_000, 9_000))
            )
        if dice.random() < 0.07:
            self.settings = msgspec.structs.replace(self.settings, closes_at=START + dice.choice((10_000, 18_000)))
        self.set_up: Final = SetUp(self.settings, commitment_of(SECRET) if self.draws else "", self.begins)
        self.always: Final = msgspec.structs.replace(
            self.set_up,
            settings=msgspec.structs.replace(self.settings, pre_queue_at=None, opens_at=None, closes_at=None),
        )
        visitors = dice.choice((3, 8, 25))
        self.keys: Final = [f"{name}, visitor {number:03}" for number in range(visitors)]
        self.joined: Final[list[list[str]]] = [[] for _ in range(shards)]
        """By shard, whose key would have each number."""
        self.gone: Final[set[str]] = set()
        """Whose ticket may be over: the next time that they join it is for another one."""
        self.room: Final = room_actor(ORG, name)
        self.lines: Final = [line_actor(ORG, name, shard) for shard in range(shards)]

    def shard(self, key: str) -> int:
        identity = self.settings.one_per_identity
        return shard_of(hidden(_identity(key)) if identity else session_of(key), self.settings.shards)

    def guess(self, dice: Random) -> tuple[str, str]:
        """A ticket that may be somebody's, and their key: mostly one of those who may have been called last."""
        somebody = [shard for shard, joined in enumerate(self.joined) if joined]
        if not somebody:
            return f"{self.name}.0.0", self.keys[0]
        shard = dice.choice(somebody)
        joined = self.joined[shard]
        number = dice.randrange(len(joined)) if dice.random() < 0.3 else max(0, len(joined) - 1 - dice.randrange(8))
        beside = dice.choice((0, 0, 0, 0, 0, 0, -1, -1, -2, 1))
        return f"{self.name}.{shard}.{max(0, number + beside)}", joined[number]

    def over(self, dice: Random) -> tuple[str, str]:
        """A guess at a ticket that is over after what is asked now."""
        ticket, key = self.guess(dice)
        self.gone.add(key)
        return ticket, key


def _identity(key: str) -> str:
    """Now and then two visitors are one."""
    return key[:-1] + "0" if key[-1] in "01" else key


def _bounds(dice: Random) -> dict[str, Any]:
    capacity, per_minute = dice.choice((1, 2, 2, 3, 5, 0, 0)), dice.choice((0, 0, 1, 2, 5, 12))
    per_minute = per_minute or (0 if capacity else 12)
    return {"capacity": capacity, "per_minute": per_minute, "burst": dice.choice((0, min(per_minute, 2)))}


def _spans(dice: Random) -> dict[str, Any]:
    active_s = dice.choice((1, 2, 5))
    return {
        "active_s": active_s,
        "active_max_s": active_s * dice.choice((1, 2, 3)),
        "claim_s": dice.choice((1, 2, 4)),
        "missed": dice.choice(("again", "out")),
        "ordinary_share": dice.choice((0, 20, 50, 100)),
    }


class LaunchTraffic:
    """`Traffic` before one or two rooms; how they are set and the mixture are drawn from the seed."""

    domain: Final = LAUNCH

    def __init__(self, seed: int) -> None:
        dice = Random(f"{seed}/launch")
        self.kinds: Final[Mapping[str, AnyDecider]] = KINDS
        self._launches: Final = [_Launch(name, dice) for name in ("gala", "encore")[: dice.choice((1, 1, 2))]]
        self.actors: Final[Sequence[str]] = [
            actor for launch in self._launches for actor in (launch.room, *launch.lines)
        ]
        self._minute_ms: Final = dice.choice((1_200, 3_000, 60_000))
        self._small: Final = {
            (where, what): dice.choice((least, getattr(where, what))) for where, what, least in _BOUNDS
        }
        weights: dict[Callable[[Random, _Launch], tuple[Part, ...]], int] = {
            self._join: dice.choice((20, 40)),
            self._touch: 4,
            self._report: dice.choice((0, 5, 20)),
            self._leave: dice.choice((2, 8)),
            self._remove: 2,
            self._claim: 4,
            self._come: dice.choice((30, 80)),
            self._prolong: 2,
            self._exit: 3,
            self._revoke: 2,
            self._look: dice.choice((4, 15)),
            self._set: dice.choice((2, 10)),
            self._pause: dice.choice((0, 0, 3)),
            self._end: 1,
            self._both: 2,
        }
        self._kinds: Final = list(weights)
        self._weights: Final = list(weights.values())
        wants: tuple[Literal["claim", "prolong", "exit", "revoke"], ...] = (
            "claim",
            "claim",
            "claim",
            "prolong",
            "exit",
            "exit",
            "revoke",
        )
        self._wants: Final = wants[: dice.choice((3, 4, 6, 7))]
        self._moods: Final = dice.choice((15, 60, 1_000))
        self._count = 0

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """A run lasts seconds, and a few dozen people are many in it. So minutes are shorter here, for rooms and for
        those who judge them; and what is done in portions is done in small ones, in some of the runs."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(sizes, "host_limits", _remembering))
            for where in (admission, law_04_never_over_admitted, line_moves):
                stack.enter_context(patch.object(where, "MINUTE_MS", self._minute_ms))
            for (where, what), most in self._small.items():
                stack.enter_context(patch.object(where, what, most))
            yield

    def next(self, dice: Random) -> tuple[Part, ...]:
        self._count += 1
        launch = dice.choice(self._launches)
        if self._count <= 2 * len(self._launches):
            launch = self._launches[self._count % len(self._launches)]
            return ((launch.room, launch.set_up),)
        if dice.random() < 0.02:
            return ((launch.room, launch.always),)
        if launch.opens_after and self._count > launch.opens_after and dice.random() < 0.1:
            steps = (
                (Draw(SECRET, dice.choice(("", "a beacon"))), OpenRoom(), OpenRoom()) if launch.draws else (OpenRoom(),)
            )
            return ((launch.room, dice.choice((*steps, StartPreQueue()))),)
        (ask,) = dice.choices(self._kinds, self._weights)
        return ask(dice, launch)

    def probes(self, actor: str) -> Sequence[Command]:
        for launch in self._launches:
            if actor == launch.room:
                return launch.always, TICK, ShowRoom()
        return ShowLine(), ShowLine()

    # What visitors ask

    def _join(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        key = dice.choice(launch.keys)
        lane = dice.choice(launch.settings.lanes).id if launch.settings.lanes and dice.random() < 0.4 else ""
        shard = launch.shard(key)
        if dice.random() < 0.05:
            return ((dice.choice(launch.lines), Join(key, lane, "a guess")),)
        joined = launch.joined[shard]
        if key not in joined or key in launch.gone:
            joined.append(key)
            launch.gone.discard(key)
        work = done(launch.name, session_of(key), WORK_BITS, START) if launch.settings.work_bits else ""
        return ((launch.lines[shard], Join(key, lane, CODE if lane else "", _identity(key), work)),)

    def _touch(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        ticket, key = launch.guess(dice)
        return ((_line_of(launch, ticket), Touch(ticket, key)),)

    def _report(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        """Who is alive, by one who holds their connections: nearly everybody, but for the times when nobody is."""
        shard = dice.randrange(len(launch.lines))
        many = len(launch.joined[shard]) + 3
        if self._count // self._moods % 3 == 2:
            return self._look(dice, launch)
        present = [number for number in range(many) if dice.random() < 0.9]
        return ((launch.lines[shard], Present(spelled(present))),)

    def _leave(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        ticket, key = launch.over(dice)
        return ((_line_of(launch, ticket), Leave(ticket, key)),)

    def _remove(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        ticket, _ = launch.over(dice)
        return ((_line_of(launch, ticket), Remove(ticket)),)

    def _claim(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        return ((launch.room, Claim(*launch.guess(dice))),)

    def _come(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        key = dice.choice(launch.keys)
        if dice.random() < 0.3:
            launch.gone.add(key)  # by then they may have been in, and out again
        return ((launch.room, Come(key, dice.choice(self._wants))),)

    def _prolong(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        return ((launch.room, Prolong(*launch.guess(dice))),)

    def _exit(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        return ((launch.room, Exit(*launch.over(dice))),)

    def _both(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        """Out of one, and into the other: as one."""
        other = next((one for one in self._launches if one is not launch), None)
        if other is None:
            return ((launch.room, ShowRoom()), (dice.choice(launch.lines), ShowLine()))
        into = Claim(*other.guess(dice)) if dice.random() < 0.7 else ShowRoom()
        return ((launch.room, dice.choice((Exit(*launch.over(dice)), ShowRoom()))), (other.room, into))

    # What operators ask

    def _revoke(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        return ((launch.room, Revoke(launch.over(dice)[0])),)

    def _look(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        ticket, _ = launch.guess(dice)
        return dice.choice(
            (
                ((launch.room, ShowRoom()),),
                ((launch.room, ShowTicket(ticket)),),
                ((_line_of(launch, ticket), ShowLine()),),
            )
        )

    def _set(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        """A few of the settings, or again what they were at first; now and then what cannot be."""
        changes: dict[str, Any] = dice.choice(
            (_bounds(dice), _bounds(dice), _spans(dice), {"absent_after_s": dice.choice((1, 2, 30))})
        )
        if dice.random() < 0.2:
            changes = {"lanes": _LANES[: dice.choice((0, 1, 2))]}
        if dice.random() < 0.05:
            changes = dice.choice(({"shards": 4}, {"draw": not launch.draws}, {"capacity": -1}))
        settings = msgspec.structs.replace(launch.settings, **changes)
        if dice.random() < 0.7 and not {"shards", "draw"} & set(changes):
            launch.settings = settings
        return ((launch.room, PutRoom(settings)),)

    def _pause(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        return ((launch.room, dice.choice((PauseRoom(), ResumeRoom(), ResumeRoom()))),)

    def _end(self, dice: Random, launch: _Launch) -> tuple[Part, ...]:
        if not launch.ends or self._count < 60:
            return self._look(dice, launch)
        return ((launch.room, dice.choice((DrainRoom(), DrainRoom(), CloseRoom()))),)


_BOUNDS: Final[Sequence[tuple[Any, str, int]]] = (
    (turnout, "OUTCOMES_COUNTED_MIN", 4),
    (limits, "ENTERED_AT_ONCE_MAX", 1),
    (admission, "CALLED_AT_ONCE_MAX", 2),
    (hearing, "JOINS_HEARD_AT_ONCE_MAX", 1),
    (runtime_limits, "DUE_AGAIN_MAX", 0),
    (limits, "ENDED_AT_ONCE_MAX", 1),
    (following, "NEWS_FACTS_MAX", 3),
    (queue, "_TAKEN_MIN", 2),
    (line_module, "SLACK", 2),
    (line_module, "FORGOTTEN_AT_ONCE_MIN", 1),
    (line_module, "PERIOD_MS", 1_000),
)
"""What is done, kept or looked at in portions, and how small those may be here."""


def _line_of(launch: _Launch, ticket: str) -> str:
    return launch.lines[int(ticket.split(".")[1])]

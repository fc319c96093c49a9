"""A draw is recomputed from the log alone: one that was made as promised has no findings, and every deceit has one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from actors.decider import News
from actors.runtime.in_process import in_memory
from actors.waiting.commands import Draw, Join, OpenRoom, PutRoom, ShowRoom, StartPreQueue
from actors.waiting.hearing import hear
from events import line, room
from events.codec import spelled
from events.commit import GENESIS, Decided, encode, hash_of
from events.log import Recorded
from events.room import (
    Drawn,
    Lane,
    LinesHeard,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    SecretCommitted,
    TicketsCalled,
    TicketsMissed,
)
from events.waiting.draw import commitment_of, drawn_order, seed_of
from events.waiting.sessions import hidden, session_of, shard_of
from tidegate.refused import Refused
from tidegate.verify_draw import Report, verify_draw

SECRET = "a secret of an operator"
BEACON = "tonight's numbers"
OWN = "mine.room.sale"
SETTINGS = RoomSettings(capacity=2, shards=2, draw=True, lanes=(Lane("vip", (hidden("GOLD"),)),))


class Story:
    """A log that is written by hand, and read as if it were one."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self.numbers = [0, 0]
        self.heard = 0
        self.tickets: dict[str, list[str]] = {"": [], "vip": []}
        self.room(RoomPut(SETTINGS), SecretCommitted(commitment_of(SECRET)))
        self.room(PhaseEntered("pre_queue"))

    # What is said

    def add(self, actor: str, *facts: Any) -> int:
        sequence = len(self.recorded) + 1
        body = encode(actor, 0, self.head_of(actor), [Decided("c", "test", 0, facts, msgspec.Raw(b"null"))])
        self.recorded.append(Recorded(sequence, actor, body, 0))
        return sequence

    def head_of(self, actor: str) -> str:
        return next((hash_of(one.body) for one in reversed(self.recorded) if one.actor == actor), GENESIS)

    def room(self, *facts: Any) -> None:
        self.add(OWN, *facts)

    def line(self, shard: int, *facts: Any) -> None:
        self.add(f"mine.line.sale.{shard}", *facts)

    def join(self, shard: int, count: int, lane: str = "") -> None:
        first = self.numbers[shard]
        self.numbers[shard] += count
        sessions = [session_of(f"visitor {shard}.{number}") for number in range(first, first + count)]
        self.line(shard, *(line.Joined(first + n, session, 0, lane) for n, session in enumerate(sessions)))
        self.tickets[lane] += [f"{shard}.{number}" for number in range(first, first + count)]

    def hear(self) -> None:
        lines = [one for one in self.recorded if ".line." in one.actor and one.sequence > self.heard]
        news = [
            News(one.sequence, one.actor, hash_of(one.body),
                 tuple(fact for d in line.FACTS.read(one.body).decided for fact in d.facts))
            for one in lines
        ]  # fmt: skip
        heard = hear(news, self.heard, heads=False)
        self.heard = heard[-1].sequence
        self.room(LinesHeard(heard))

    def draw(self, **instead: Any) -> dict[str, list[str]]:
        """As the room does it; by lane, the tickets as they stand then."""
        heads = tuple(self.head_of(f"mine.line.sale.{shard}") for shard in range(SETTINGS.shards))
        heads = instead.get("heads", heads)
        seed = seed_of(SECRET, BEACON, heads)
        counts = {lane: len(tickets) for lane, tickets in self.tickets.items()}
        drawn = Drawn(SECRET, BEACON, seed, heads, self.heard, counts)
        self.room(msgspec.structs.replace(drawn, **instead))
        self.room(PhaseEntered("open"))
        return {
            lane: [tickets[place] for place in drawn_order(seed, lane, len(tickets))]
            for lane, tickets in self.tickets.items()
        }

    # What is read

    async def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        for one in self.recorded:
            if one.actor == actor and one.sequence > after:
                yield one

    async def actors_under(self, name: str) -> list[str]:
        return sorted({one.actor for one in self.recorded if one.actor.startswith(f"{name}.")})

    async def verified(self) -> Report:
        return await verify_draw(self, "mine", "sale")  # type: ignore[arg-type]  # as much of a log as is read

    def forge(self, change: Callable[[Any], Any], *, actor: str = OWN, mend: bool = True) -> None:
        """Write an actor's commits anew with other facts, and mend the chain, as whoever has the disk could."""
        facts = room.FACTS if actor == OWN else line.FACTS
        head = GENESIS
        for place, one in enumerate(self.recorded):
            if one.actor != actor:
                continue
            commit = facts.read(one.body)
            decided = [
                msgspec.structs.replace(d, facts=tuple(new for fact in d.facts if (new := change(fact)) is not None))
                for d in commit.decided
            ]
            body = encode(actor, commit.at, head if mend else commit.previous, decided)
            self.recorded[place] = msgspec.structs.replace(one, body=body)
            head = hash_of(body)


def unsound(report: Report) -> set[str]:
    return {check.name for check in report.checks if not check.sound}


def story() -> tuple[Story, dict[str, list[str]]]:
    """Two shards, two lanes, a draw, and two calls from the ordinary lane."""
    told = Story()
    told.join(0, 3)
    told.join(1, 4)
    told.join(0, 2, "vip")
    told.join(0, 4)
    told.hear()
    places = told.draw()
    told.room(TicketsCalled("", tuple(places[""][:2]), 9))
    return told, places


async def test_what_was_drawn_as_promised_is_sound() -> None:
    """Every place is the one that the room's own arithmetic gives, found without it."""
    told, places = story()
    report = await told.verified()
    assert (unsound(report), report.called, report.counts) == (set(), 2, {"": 11, "vip": 2})
    assert {lane: list(tickets) for lane, tickets in report.places.items()} == places
    assert sorted(report.places[""]) == sorted(told.tickets[""]) != list(report.places[""])


async def test_the_system_draws_as_it_promises() -> None:
    """What hosts write, a draw with two lanes and calls that follow it, is sound."""
    async with in_memory() as system:
        send, settings = system.sender.send, msgspec.structs.replace(SETTINGS, capacity=5)
        await send(OWN, PutRoom(settings, commitment_of(SECRET)))
        await send(OWN, StartPreQueue())
        for number in range(30):
            key = f"the key of visitor {number}"
            lane, code = ("vip", "GOLD") if number % 10 == 0 else ("", "")
            await send(f"mine.line.sale.{shard_of(session_of(key), 2)}", Join(key, lane, code))
        joined = 0
        while joined < 30:  # asking is what moves it on
            joined = (await send(OWN, ShowRoom())).reply["joined"]  # type: ignore[union-attr]  # it is not refused
        await send(OWN, Draw(SECRET, BEACON))
        await send(OWN, OpenRoom())
        report = await verify_draw(system.log, "mine", "sale")
        assert (unsound(report), report.called, sum(report.counts.values())) == (set(), 5, 30)


async def test_who_is_away_or_gone_is_passed_over_and_who_returns_stands_where_they_stood() -> None:
    """Also who missed a call, and nobody who was never drawn goes before them."""
    told, places = story()
    third, fourth, fifth, *_ = places[""][2:]
    for ticket, fact in ((third, line.WentAbsent), (fourth, line.Left)):
        shard, number = map(int, ticket.split("."))
        told.line(shard, fact(spelled([number]), 9) if fact is line.WentAbsent else line.Left(number))
    told.join(1, 1)
    told.hear()
    told.room(TicketsCalled("", (fifth,), 9))
    told.room(TicketsMissed((fifth, places[""][0]), ()))
    shard, number = map(int, third.split("."))
    told.line(shard, line.Returned(spelled([number])))
    told.hear()
    told.room(TicketsCalled("", (places[""][0], third, fifth, *places[""][5:], told.tickets[""][-1]), 9))
    report = await told.verified()
    assert (unsound(report), report.later) == (set(), {"": 1})
    told.room(TicketsMissed((third, fifth), ()))
    told.room(TicketsCalled("", (fifth,), 9))
    assert unsound(await told.verified()) == {"calls"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"secret": "another secret, as long"}, {"secret", "seed"}),
        ({"beacon": "other numbers"}, {"seed"}),
        ({"seed": "0" * 64}, {"seed"}),
        ({"counts": {"": 10, "vip": 2}}, {"counts"}),
    ],
)
async def test_a_draw_that_says_otherwise_is_found(change: dict[str, Any], found: set[str]) -> None:
    """Another secret, beacon, seed or number of tickets than the log has, with a chain that was mended."""
    told, _ = story()
    told.forge(lambda fact: msgspec.structs.replace(fact, **change) if isinstance(fact, Drawn) else fact)
    assert found <= unsound(await told.verified())
    assert "chains" not in unsound(await told.verified())


async def test_a_secret_that_was_bound_late_is_found() -> None:
    """An operator who chooses it when the line is known chooses the places."""
    told, _ = story()
    bound = SecretCommitted(commitment_of(SECRET))
    swapped: dict[Any, Any] = {bound: PhaseEntered("pre_queue"), PhaseEntered("pre_queue"): bound}
    told.forge(lambda fact: swapped.get(fact, fact) if isinstance(fact, SecretCommitted | PhaseEntered) else fact)
    assert unsound(await told.verified()) == {"commitment"}
    told, _ = story()
    told.forge(lambda fact: None if isinstance(fact, SecretCommitted) else fact)
    assert unsound(await told.verified()) == {"commitment", "secret"}


async def test_heads_that_the_line_has_not_are_found() -> None:
    """They are what an operator who knows the secret would try until the places suit them."""
    told = Story()
    told.join(0, 5)
    told.hear()
    told.draw(heads=("1" * 64, GENESIS))
    assert unsound(await told.verified()) >= {"heads"}


async def test_a_line_that_was_altered_since_is_found() -> None:
    """A join that is another's now, and one that is gone, chain mended or not."""
    told, _ = story()
    thief = session_of("somebody else's key")
    told.forge(lambda fact: _with(fact, session=thief) if _number(fact) == 1 else fact, actor="mine.line.sale.0")
    assert {"heads", "heard"} <= unsound(await told.verified())
    told, _ = story()
    told.forge(lambda fact: None if _number(fact) == 2 else fact, actor="mine.line.sale.0", mend=False)
    assert {"chains", "counts", "heard"} <= unsound(await told.verified())


def _number(fact: Any) -> int | None:
    return fact.number if isinstance(fact, line.Joined) else None


def _with(fact: Any, **change: Any) -> Any:
    return msgspec.structs.replace(fact, **change)


def _called_as(tickets: tuple[str, ...], fact: Any) -> Any:
    return _with(fact, tickets=tickets) if isinstance(fact, TicketsCalled) else fact


async def test_a_call_out_of_order_is_found() -> None:
    """The second before the first, one from the end, one before the draw."""
    for tickets in ((1, 0), (5, 0)):
        told, places = story()
        called = tuple(places[""][place] for place in tickets)
        told.forge(partial(_called_as, called))
        report = await told.verified()
        assert unsound(report) == {"calls"}
        assert called[0] in next(check.detail for check in report.checks if not check.sound)
    told = Story()
    told.join(0, 2)
    told.hear()
    told.room(TicketsCalled("", ("0.0",), 9))
    told.draw()
    assert "calls" in unsound(await told.verified())


async def test_a_room_that_did_not_listen_is_found() -> None:
    """Somebody joined, and the room took in what came behind them."""
    told, _ = story()
    told.forge(lambda fact: LinesHeard(fact.heard[1:]) if isinstance(fact, LinesHeard) else fact)
    assert "heard" in unsound(await told.verified())


async def test_without_a_draw_there_is_nothing_to_verify() -> None:
    """Which is said, with its code; so is a room that is not there."""
    with pytest.raises(Refused) as refused:
        await Story().verified()
    assert refused.value.code == "no_draw_yet"
    async with in_memory() as system:
        with pytest.raises(Refused) as refused:
            await verify_draw(system.log, "mine", "sale")
        assert refused.value.code == "unknown_room"

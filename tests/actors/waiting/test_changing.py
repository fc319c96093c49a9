"""Changes of settings while thousands wait keep every law."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from actors.decider import Decision
from actors.waiting.commands import Claim
from events.line import Joined
from events.room import Lane, RoomPut, RoomSettings, TicketClaimed, TicketExited, TicketsCalled
from events.room import PassesExpired as Expired
from events.waiting.sessions import hidden
from tests.support.launch import MINUTE_MS, Launch, key_of, recount

WAITING = 5_000
CHANGES = 50
PRESS = Lane("press", (hidden("p"),))
BEGIN = RoomSettings(capacity=20, shards=4, lanes=(PRESS,), active_s=30, claim_s=20, queue_max=10_000)


def changed(chance: Random) -> dict[str, Any]:
    bounds = (
        {"capacity": chance.choice([0, 1, 5, 50, 400]), "per_minute": chance.choice([30, 60, 600]), "burst": 0},
        {"capacity": chance.choice([1, 5, 50, 400]), "per_minute": 0, "burst": 0},
        {"capacity": 30, "per_minute": chance.choice([30, 300]), "burst": chance.choice([1, 30])},
    )
    rules = (
        {"missed": chance.choice(["again", "out"])},
        {"claim_s": chance.choice([5, 20, 60]), "active_s": chance.choice([10, 60])},
        {"ordinary_share": chance.choice([0, 20, 50, 100])},
        {"lanes": chance.choice([(PRESS,), (Lane("staff", (hidden("s"),)), PRESS), ()])},
        {"straight_through": chance.random() < 0.5},
        {"queue_max": chance.choice([4, 10_000]), "title": "Soon"},
    )
    return chance.choice(bounds if chance.random() < 0.5 else rules)


def in_the_order_of_the_log(launch: Launch) -> None:
    """Law 3, of all who were called for the first time: within their lanes."""
    places: dict[str, tuple[str, int]] = {}
    last: dict[str, int] = {}
    for one in launch.history:
        for fact in one.before + one.facts + one.behind:
            if isinstance(fact, Joined):
                places[f"{one.actor.rpartition('.')[2]}.{fact.number}"] = (fact.lane, len(places))
            if isinstance(fact, TicketsCalled):
                for ticket in fact.tickets:
                    if ticket in places:
                        lane, place = places.pop(ticket)
                        assert lane == fact.lane and place > last.get(lane, -1)
                        last[lane] = place


def never_over_admitted(launch: Launch) -> None:
    """Law 4: whoever came in found a seat, and room in the minute, by the settings of that instant."""
    active: set[str] = set()
    came: list[int] = []
    settings = BEGIN
    for one in launch.history:
        for fact in one.before + one.facts + one.behind:
            match fact:
                case RoomPut(put):
                    settings = put
                case TicketClaimed(ticket):
                    active.add(ticket)
                    came.append(one.at)
                    lately = sum(at > one.at - MINUTE_MS for at in came[-1_000:])
                    assert not settings.capacity or len(active) <= settings.capacity
                    assert not settings.per_minute or lately <= settings.per_minute
                case Expired(tickets):
                    active -= set(tickets)
                case TicketExited(ticket):
                    active.discard(ticket)
                case _:
                    pass


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fifty_changes_while_five_thousand_wait(seed: int) -> None:
    """In four shards and two lanes; visitors come, stay away and go meanwhile."""
    chance, launch = Random(seed), Launch(BEGIN)
    names = [f"visitor {number}" for number in range(WAITING)]
    launch.control("pause")
    launch.join_all(names[::10], "press", "p")
    launch.join_all([name for number, name in enumerate(names) if number % 10])
    by_ticket = {ticket.partition(".")[2]: name for name, ticket in launch.tickets.items()}
    launch.alive = set(names)
    launch.control("resume")
    refused = 0
    for _ in range(CHANGES):
        told = launch.put(**changed(chance))
        assert told in {"ok", "lane_in_use"}
        refused += told != "ok"
        for ticket in sorted(launch.room.called):
            if chance.random() < 0.8:
                name = by_ticket[ticket]
                answer = launch.ask(Claim(launch.tickets[name], key_of(name)))
                assert isinstance(answer, Decision)
        for ticket in sorted(launch.room.active):
            if chance.random() < 0.3:
                launch.exit(by_ticket[ticket])
        launch.later(chance.choice([1, 3, 10, 30]))
        recount(launch.room)
    assert refused < CHANGES // 2
    shards = launch.room.shards
    assert sum(shard.count for shard in shards) == WAITING
    assert sum(launch.room.waiting.values()) + sum(len(shard.served) for shard in shards) == WAITING
    assert sum(len(shard.served) for shard in shards) > 200
    in_the_order_of_the_log(launch)
    never_over_admitted(launch)
    assert launch.replayed() == launch.room

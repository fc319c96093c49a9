"""Transactions between two hosts, for tests: who they are between, what came of them, and news that get lost."""

from __future__ import annotations

from actors.runtime.cell import Phase
from actors.runtime.host import Host
from actors.runtime.transactions import parts_subject
from tests.support.house import House
from tests.support.tally import Added


async def totals(house: House, *actors: str) -> list[int]:
    """What the log says that each actor has."""
    found = []
    for actor in actors:
        found.append(sum(fact.amount for fact in await house.facts(actor) if isinstance(fact, Added)))
    return found


async def two_hosts(house: House) -> tuple[Host, Host, str, str]:
    """Two hosts, and an actor of each; the first one's name comes first."""
    one, two = await house.host("one"), await house.host("two")
    first, second = house.actor_of(one), house.actor_of(two)
    return (one, two, first, second) if first < second else (two, one, second, first)


def lose_news(house: House, coordinator: Host, participant: Host) -> None:
    """The coordinator's first message to the participant arrives, and none after it."""
    subject, sent = parts_subject(participant.name, "i1"), iter(range(1_000))
    house.line_of(coordinator).loses = lambda to: to == subject and next(sent) > 0


def closed(host: Host, actor: str) -> bool:
    return actor in host.cells and host.cells[actor].phase is Phase.CLOSED

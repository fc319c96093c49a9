"""The judge of the fault tests finds what it is there to find."""

from __future__ import annotations

from typing import Final

from actors.catalog import ListResources, PutResource
from actors.decider import Command
from actors.kinds import KINDS
from actors.runtime.in_process import in_memory
from actors.runtime.wire import Accepted
from actors.simulation.record import Call, Record
from tests.faults.judging import done_though_full, untrue_listings
from tests.laws.history import History

ACTOR: Final = "demo.catalog"


async def put_twice_and_listed_between() -> tuple[History, Call]:
    """A first resource at time 1, a listing at 2, a second resource at 3. The history, and the listing."""
    async with in_memory() as system:

        async def told(id: str, command: Command, asked_at: float) -> Call:
            answer = await system.sender.send(ACTOR, command, id=id)
            assert isinstance(answer, Accepted)
            parts = ((ACTOR, command),)
            return Call(
                "", id, parts, asked_at, 0, False, "accepted", asked_at, 0, answer.reply, answer.sequence, messages=1
            )

        first = await told("put-1", PutResource("studio-1", "UTC"), 1.0)
        listing = await told("listing", ListResources(), 2.0)
        second = await told("put-2", PutResource("studio-2", "UTC"), 3.0)
        record = Record(0, [first, second], [recorded async for recorded in system.log.read()])
    return History(record, KINDS), listing


async def test_a_true_listing_is_not_complained_of() -> None:
    """It shows what somebody had been told before, and nothing that came later."""
    history, listing = await put_twice_and_listed_between()
    assert list(untrue_listings(history, [listing])) == []


async def test_a_listing_that_is_older_than_what_was_told_is_found() -> None:
    """As a host would give it that does not know that another has taken over."""
    history, listing = await put_twice_and_listed_between()
    listing.asked_at = 4.0
    [found] = untrue_listings(history, [listing])
    assert "was told as of 1" in found


async def test_a_listing_of_what_never_was_is_found() -> None:
    """As a host would give it that answers before the log has stored what it answers."""
    history, listing = await put_twice_and_listed_between()
    listing.reply["resources"][0]["capacity"] = 7
    [found] = untrue_listings(history, [listing])
    assert "was never" in found


async def test_what_was_refused_for_want_of_room_and_done_is_found() -> None:
    """Whoever is told that the log is full believes that nothing has changed."""
    history, _ = await put_twice_and_listed_between()
    assert list(done_though_full(history)) == []
    history.record.calls[0].outcome, history.record.calls[0].code = "refused", "log_full"
    [found] = done_though_full(history)
    assert "put-1" in found

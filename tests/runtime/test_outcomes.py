"""What became of a commit, as far as the host can know, and what it makes of that; its deciders' bugs among them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.decider import Refusal
from actors.runtime.cell import Phase
from actors.runtime.wire import Accepted
from events.errors import Conflict, LogFull, LogRecreated, LogUnavailable, UnknownOutcome
from events.limits import APPEND_TIMEOUT_MS
from tests.support.house import House, accepted, open_house
from tests.support.tally import Add, Added, Break, Broke, Remind, Take, Total
from tests.support.waiting import later, until


class TestOutcomes:
    async def test_a_lost_fence_is_decided_again(self) -> None:
        """Another writer came first: reload, decide on what it left, commit behind it (law 6)."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            await sender.send(actor, Add(5))
            await house.commit(actor, Added(10))
            assert await sender.send(actor, Take(4)) == Accepted({"total": 11}, 3)
            assert host.conflicts == 1

    async def test_a_lost_fence_may_turn_a_yes_into_a_no(self) -> None:
        """What was decided on a state that isn't true is not answered."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            await sender.send(actor, Add(5))
            await house.commit(actor, Added(-5))
            assert await sender.send(actor, Take(3)) == Refusal("too_little", "there are 0")

    async def test_an_unknown_outcome_that_was_stored_is_found(self) -> None:
        """The log is asked, and the answer is the one that it holds."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            house.log_of(host).fail(UnknownOutcome(), stored=True)
            assert await sender.send(actor, Add(5), id="once") == Accepted({"total": 5}, 1)
            assert await house.ids(actor) == ["once"]

    async def test_an_unknown_outcome_that_was_not_stored_is_done(self) -> None:
        """The log is asked, and what isn't there is decided again."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            house.log_of(host).fail(UnknownOutcome())
            assert await sender.send(actor, Add(5), id="once") == Accepted({"total": 5}, 1)
            assert await house.ids(actor) == ["once"]

    async def test_what_may_have_been_stored_is_never_called_too_late(self) -> None:
        """Its time ran out with its append under way, and nobody knows what became of that: so the asker is told."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("append")
            house.log_of(host).fail(UnknownOutcome())
            await caller.post(host, [caller.envelope(1, actor, Add(5), within_ms=100)])
            await until(lambda: house.log_of(host).held["append"])
            await asyncio.sleep(0.2)
            house.log_of(host).release("append")
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "unknown_outcome")]

    async def test_what_may_yet_be_stored_is_not_refused(self) -> None:
        """Its commit is on its way, and nobody knows what became of it: a no would be a lie if it lands. When it cannot
        land any more, a no is a no."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("append")
            house.log_of(host).fail(UnknownOutcome())
            first, second = caller.envelope(1, actor, Add(5), within_ms=100), caller.envelope(2, actor, Take(5))
            await caller.post(host, [first, second])
            await until(lambda: house.log_of(host).held["append"])
            await asyncio.sleep(0.2)
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers == [(1, "unknown_outcome"), (2, "unknown_outcome")]
            await asyncio.sleep(APPEND_TIMEOUT_MS / 1000)
            await caller.post(host, [caller.envelope(3, actor, Take(5), "c-2")])
            await until(lambda: len(caller.answers) == 3)
            assert caller.answers[2] == (3, "too_little")

    async def test_what_may_yet_be_stored_is_not_refused_for_a_full_log(self) -> None:
        """The log had no room for the second try; of the first nobody knows."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            house.log_of(host).fail(UnknownOutcome())
            house.log_of(host).fail(LogFull("no room"))
            await caller.post(host, [caller.envelope(1, house.actor_of(host), Add(5))])
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "unknown_outcome")]

    async def test_a_log_that_takes_nothing_is_not_stormed(self) -> None:
        """It says so at once, and is asked again after a pause, however many want to be stored."""
        async with open_house(retry_log_ms=50) as house:
            host, sender = await house.host(), await house.sender()
            actor, log = house.actor_of(host), house.log_of(host)
            for _ in range(20):
                log.fail(LogUnavailable())
            calls = []
            for number in range(10):
                calls.append(later(sender.send(actor, Add(1), id=f"c-{number}")))
                await asyncio.sleep(0.04)
            assert len(log.appends) <= 10
            assert all(accepted(answer).sequence for answer in await asyncio.gather(*calls))
            assert sorted(await house.ids(actor)) == [f"c-{number}" for number in range(10)]

    async def test_those_who_ask_again_are_answered_from_one_reading(self) -> None:
        """However many of them had their answers in the same commit."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor, log = house.actor_of(host), house.log_of(host)
            asked = [caller.envelope(number, actor, Add(1), f"c-{number}") for number in range(100)]
            await caller.post(host, asked)
            await until(lambda: len(caller.answers) == 100)
            await caller.post(host, asked)
            await until(lambda: len(caller.answers) == 200)
            assert caller.answers[100:] == caller.answers[:100]
            assert log.read_at == [(1,)]

    async def test_a_log_out_of_reach_is_waited_for(self) -> None:
        """As long as the asker waits, so does the command."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            await sender.send(actor, Add(5))
            house.log_of(host).down = True
            call = later(sender.send(actor, Add(1)))
            await asyncio.sleep(2)
            assert not call.done()
            house.log_of(host).down = False
            assert await call == Accepted({"total": 6}, 2)

    async def test_a_full_log_is_told_to_the_asker(self) -> None:
        """Nothing was stored, and trying again at once would be in vain."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            house.log_of(host).fail(LogFull("no room"))
            answer = await sender.send(actor, Add(5))
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.fault) == ("log_full", "ours")
            assert await sender.send(actor, Add(5)) == Accepted({"total": 5}, 1)

    async def test_a_log_that_contradicts_itself_halts_the_actor(self) -> None:
        """It answers nothing but that from then on; the others go on."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor, other = house.actors_of(host, 2)
            house.log_of(host).fail(LogRecreated("another log"))
            for _ in range(2):
                answer = await sender.send(actor, Add(5))
                assert isinstance(answer, Refusal)
                assert (answer.code, answer.fault) == ("log_halted", "ours")
            assert await sender.send(other, Add(1)) == Accepted({"total": 1}, 1)
            assert host.halts == 1

    async def test_requests_in_a_halted_mailbox_are_answered(self) -> None:
        """Letters and transactions' parts alike: nobody waits for an actor that will never answer."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor, other = house.actors_of(host, 2)
            house.log_of(host).hold("append")
            house.log_of(host).fail(LogRecreated("another log"))
            calls = [later(sender.send(actor, Add(5)))]
            await until(lambda: house.log_of(host).held["append"])
            calls += [later(sender.send(actor, Total())), later(sender.transact([(other, Add(1)), (actor, Add(1))]))]
            await asyncio.sleep(0.1)
            house.log_of(host).release("append")
            for answer in await asyncio.gather(*calls):
                assert isinstance(answer, Refusal)
                assert answer.code == "log_halted"
            assert await sender.send(other, Add(1)) == Accepted({"total": 1}, 1)


class TestBugs:
    @pytest.mark.parametrize("where", ["decide", "reply", "fact", "outcome", "evolve", "wake"])
    async def test_a_deciders_bug_is_ours_and_not_fatal(self, where: Any) -> None:
        """The asker is told, the actor goes on, and its neighbours notice nothing."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor, other = house.actors_of(host, 2)
            await caller.post(
                host,
                [
                    caller.envelope(1, actor, Add(5)),
                    caller.envelope(2, other, Add(1)),
                    caller.envelope(3, actor, Break(where)),
                    caller.envelope(4, other, Add(1)),
                    caller.envelope(5, actor, Total()),
                ],
            )
            await until(lambda: len(caller.answers) == 5)
            assert dict(caller.answers) == {
                1: {"total": 5}, 2: {"total": 1}, 3: "internal", 4: {"total": 2}, 5: {"total": 5},
            }  # fmt: skip

    @pytest.mark.parametrize("where", ["evolve", "wake"])
    async def test_a_bug_in_what_is_stored_halts_only_its_own_actor(self, where: Any) -> None:
        """A commit that can't be taken in stops its actor; those that are read in together with it go on."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            broken, *others = house.actors_of(host, 6)
            for actor in (broken, *others):
                await house.commit(actor, Broke(where) if actor == broken else Added(5))
                await house.commit(actor, Added(1))
            await caller.post(host, [caller.envelope(n, actor, Total()) for n, actor in enumerate([broken, *others])])
            await until(lambda: len(caller.answers) == 6)
            assert dict(caller.answers) == {0: "log_halted"} | {number: {"total": 6} for number in range(1, 6)}
            assert host.cells[broken].phase is Phase.HALTED

    async def test_a_bug_of_the_log_leaves_nobody_waiting(self) -> None:
        """Whatever an append raises: the log is asked what became of it."""

        house = House()
        host, sender = await house.host(), await house.sender()
        house.log_of(host).breaks = True
        assert await sender.send(house.actor_of(host), Add(5)) == Accepted({"total": 5}, 1)
        assert host.tasks.failed == 1
        await house.stop()


async def test_unavailable_is_not_taken_for_a_conflict() -> None:
    """Each is counted as what it is."""
    async with open_house() as house:
        host, sender = await house.host(), await house.sender()
        actor = house.actor_of(host)
        house.log_of(host).fail(LogUnavailable())
        await sender.send(actor, Add(1))
        house.log_of(host).fail(Conflict(actor))
        await sender.send(actor, Add(1))
        assert (host.unknown, host.conflicts, host.commits) == (1, 1, 2)
        assert await sender.send(actor, Remind(None)) == Accepted(None, 3)
        assert (await house.recorded(actor))[0].headers == {}

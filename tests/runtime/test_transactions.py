"""Several actors together or not at all, whoever of them lives where, and whoever dies in between (law 2)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from actors.decider import Refusal
from actors.runtime.wire import Accepted
from events.errors import Conflict, LogFull, UnknownOutcome
from tests.support.house import accepted, open_house
from tests.support.pairs import closed, totals, two_hosts
from tests.support.tally import TALLY, Add, Added, Break, Puff, Take, Total
from tests.support.waiting import later, until


class TestTogether:
    async def test_all_parts_take_effect_in_one_batch(self) -> None:
        """Each actor has its own commit, all stored at once, each naming the others; each gives a reply."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b, c = house.actors_of(host, 3)
            answer = await sender.transact([(b, Add(2)), (a, Add(1)), (c, Add(3))], id="t-1")
            assert isinstance(answer, Accepted)
            assert answer.reply == {a: {"total": 1}, b: {"total": 2}, c: {"total": 3}}
            recorded = await house.recorded()
            assert [one.actor for one in recorded] == sorted([a, b, c])
            assert answer.sequence == next(one.sequence for one in recorded if one.actor == b)
            assert {one.batch.id for one in recorded if one.batch} == {
                recorded[0].batch.id if recorded[0].batch else ""
            }
            for one in recorded:
                assert TALLY.facts.read(one.body).together == tuple(sorted([a, b, c]))
            assert [await house.ids(actor) for actor in (a, b, c)] == [["t-1"]] * 3

    async def test_hosts_work_together(self) -> None:
        """Actors of several hosts are no different, whoever coordinates."""
        async with open_house() as house:
            _, _, a, b = await two_hosts(house)
            sender = await house.sender()
            for lead, other in ((a, b), (b, a)):
                answer = await sender.transact([(lead, Add(1)), (other, Add(1))])
                assert isinstance(answer, Accepted)
            assert await totals(house, a, b) == [2, 2]
            assert await sender.send(a, Total()) == Accepted({"total": 2}, 0)
            assert await sender.send(b, Total()) == Accepted({"total": 2}, 0)

    @pytest.mark.parametrize("hosts", [1, 2])
    async def test_a_refusal_by_one_releases_all(self, hosts: int) -> None:
        """Nothing is stored, the refusal says whose it is, and everybody goes on at once."""
        async with open_house() as house:
            for number in range(hosts):
                await house.host(f"h{number}")
            sender = await house.sender()
            actors = [name for host in house.hosts for name in house.actors_of(host, 3)]
            began = asyncio.get_running_loop().time()
            for poor in actors:
                parts = [(actor, Take(5) if actor == poor else Add(1)) for actor in actors]
                answer = await sender.transact(parts)
                assert isinstance(answer, Refusal)
                assert answer.code == "too_little"
                assert answer.detail.startswith(poor)
            assert await house.recorded() == []
            for actor in actors:
                assert isinstance(await sender.send(actor, Add(1)), Accepted)
            assert asyncio.get_running_loop().time() - began < 0.5

    async def test_the_mailbox_of_a_participant_is_bounded_too(self) -> None:
        """Whoever leads: what waits for it is no more than may, and the rest are told that it is busy."""
        async with open_house(mailbox_commands_max=4, turn_commands_max=4) as house:
            host, sender = await house.host(), await house.sender()
            first, *leads = sorted(house.actors_of(host, 13))
            house.log_of(host).hold("append")
            calls = [later(sender.send(first, Add(1)))]
            await asyncio.sleep(0.1)
            calls += [later(sender.transact([(lead, Add(1)), (first, Add(1))], within_ms=2_000)) for lead in leads]
            await asyncio.sleep(0.1)
            assert len(host.cells[first].mailbox) == 4
            house.log_of(host).release("append")
            told = Counter(type(answer).__name__ for answer in await asyncio.gather(*calls))
            assert told["Accepted"] > 4
            assert await totals(house, first) == [told["Accepted"]]

    async def test_commands_wait_while_a_part_is_promised(self) -> None:
        """They are decided on what comes of it."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b = house.actors_of(host, 2)
            house.log_of(host).hold("append")
            together = later(sender.transact([(a, Add(5)), (b, Add(5))]))
            await until(lambda: closed(host, a) and closed(host, b))
            waiting = [later(sender.send(a, Take(3))), later(sender.send(b, Total()))]
            await asyncio.sleep(0.2)
            assert not any(call.done() for call in waiting)
            house.log_of(host).release("append")
            await together
            assert [accepted(answer).reply for answer in await asyncio.gather(*waiting)] == [{"total": 2}, {"total": 5}]

    async def test_a_question_may_be_part(self) -> None:
        """What it was told held at the instant at which the others were stored."""
        async with open_house() as house:
            _, _, a, b = await two_hosts(house)
            sender = await house.sender()
            await sender.send(a, Add(5))
            answer = await sender.transact([(a, Total()), (b, Add(1))])
            assert isinstance(answer, Accepted)
            assert answer.reply == {a: {"total": 5}, b: {"total": 1}}

    async def test_one_part_alone_is_answered_like_several(self) -> None:
        """The reply names the actor."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            assert await sender.transact([(actor, Add(5))]) == Accepted({actor: {"total": 5}}, 1)
            assert isinstance(await sender.transact([(actor, Take(9))]), Refusal)

    async def test_an_actor_named_twice_is_refused(self) -> None:
        """A transaction asks one thing of each."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b = house.actors_of(host, 2)
            for parts in ([(a, Add(1)), (a, Add(1))], [(a, Add(1)), (b, Add(1)), (b, Add(1))]):
                answer = await sender.transact(parts)
                assert isinstance(answer, Refusal)
                assert answer.code == "actor_named_twice"
            assert await house.recorded() == []

    @pytest.mark.parametrize(("name", "code"), [("demo.nothing.x", "unknown_kind"), ("nobody", "bad_name")])
    async def test_what_is_no_actor_is_refused(self, name: str, code: str) -> None:
        """Before anybody is asked."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            answer = await sender.transact([(house.actor_of(host), Add(1)), (name, Add(1))])
            assert isinstance(answer, Refusal)
            assert answer.code == code
            assert await house.recorded() == []

    async def test_no_more_run_at_a_time_than_may(self) -> None:
        """Even when they come in one message; the rest is told to come again."""
        async with open_house(transactions_max=3) as house:
            host, caller = await house.host(), await house.caller()
            actors = house.actors_of(host, 10)
            house.log_of(host).hold("append")
            pairs = [(actors[2 * n], actors[2 * n + 1]) for n in range(5)]
            await caller.post(
                host, [caller.envelope(n, a, Add(1), also=[(b, Add(1))]) for n, (a, b) in enumerate(pairs)]
            )
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers == [(3, "busy"), (4, "busy")]
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 5)

    @pytest.mark.parametrize("where", ["decide", "reply", "fact", "outcome"])
    async def test_a_deciders_bug_refuses_all(self, where: Any) -> None:
        """As ours; nothing is stored and everybody goes on."""
        async with open_house() as house:
            _, _, a, b = await two_hosts(house)
            sender = await house.sender()
            answer = await sender.transact([(a, Add(1)), (b, Break(where))])
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.fault) == ("internal", "ours")
            assert await house.recorded() == []
            assert await sender.send(a, Total()) == Accepted({"total": 0}, 0)

    async def test_a_part_that_is_too_large_harms_no_neighbour(self) -> None:
        """It is refused before it reaches the batch that it would spoil."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            a, b, c = house.actors_of(host, 3)
            await caller.post(
                host, [caller.envelope(1, a, Puff(2_000_000), also=[(b, Add(1))]), caller.envelope(2, c, Add(1))]
            )
            await until(lambda: len(caller.answers) == 2)
            assert dict(caller.answers) == {1: "commit_too_large", 2: {"total": 1}}


class TestOnce:
    @pytest.mark.parametrize("hosts", [1, 2])
    async def test_a_repeated_transaction_gets_the_first_answer(self, hosts: int) -> None:
        """Whatever has happened since (law 7)."""
        async with open_house() as house:
            for number in range(hosts):
                await house.host(f"h{number}")
            sender = await house.sender()
            actors = [name for host in house.hosts for name in house.actors_of(host, 2)]
            parts = [(actor, Add(number)) for number, actor in enumerate(actors, 1)]
            first = await sender.transact(parts, id="once")
            for actor in actors:
                await sender.send(actor, Add(100))
            assert await sender.transact(parts, id="once") == first
            assert await totals(house, *actors) == [100 + number for number in range(1, len(actors) + 1)]

    async def test_the_same_transaction_twice_at_once_is_done_once(self) -> None:
        """Two copies of one message, or a sender that asked again too early."""
        async with open_house() as house:
            one, _, a, b = await two_hosts(house)
            caller = await house.caller()
            for number in range(4):
                await caller.post(one, [caller.envelope(number, a, Add(1), "once", also=[(b, Add(1))])])
            await until(lambda: len(caller.answers) == 4, within_s=20)
            assert await totals(house, a, b) == [1, 1]
            done = [body for _, body in caller.answers if body == {a: {"total": 1}, b: {"total": 1}}]
            assert len(done) == 4, caller.answers

    async def test_an_id_is_bound_to_what_was_asked_under_it(self) -> None:
        """Also where some of the actors have not heard of it: nothing is done, and nobody stays closed."""
        async with open_house() as house:
            _, _, a, b = await two_hosts(house)
            sender = await house.sender()
            assert isinstance(await sender.send(a, Add(1), id="once~1"), Accepted)
            for parts in ([(a, Add(2)), (b, Add(2))], [(b, Add(2)), (a, Add(2))]):
                refused = await sender.transact(parts, id="once~2")
                assert isinstance(refused, Refusal) and refused.code == "id_reused"
            assert await totals(house, a, b) == [1, 0]
            assert isinstance(await sender.transact([(a, Add(1)), (b, Add(1))], id="twice~2"), Accepted)

    async def test_a_repeat_is_never_told_that_somebody_is_busy(self) -> None:
        """It was done. While one of the actors can't be asked for its first answer, there is none to give."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender, caller = await house.sender(), await house.caller()
            first = await sender.transact([(a, Add(1)), (b, Add(1))], id="once")
            house.log_of(two).down = True
            await caller.post(one, [caller.envelope(1, a, Add(1), "once", also=[(b, Add(1))])])
            again = later(sender.transact([(a, Add(1)), (b, Add(1))], id="once"))
            await asyncio.sleep(4)
            assert all(body in ("moved", "unknown_outcome") for _, body in caller.answers)
            house.log_of(two).down = False
            assert await again == first

    async def test_an_unknown_outcome_is_looked_up(self) -> None:
        """Whether it was stored or not: it is done once and answered so."""
        async with open_house() as house:
            _, _, a, b = await two_hosts(house)
            sender = await house.sender()
            for stored in (True, False):
                before = await totals(house, a, b)
                house.log_of(house.owner(a)).fail(UnknownOutcome(), stored=stored)
                answer = await sender.transact([(a, Add(1)), (b, Add(1))], id=f"t-{stored}")
                assert isinstance(answer, Accepted)
                assert await totals(house, a, b) == [total + 1 for total in before]

    async def test_after_an_unknown_outcome_nobody_is_told_that_it_was_refused(self) -> None:
        """It was stored; that a participant can't be asked just now doesn't undo it."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            caller = await house.caller()
            house.log_of(one).fail(UnknownOutcome(), stored=True)
            house.log_of(one).hold("acknowledge")
            await caller.post(one, [caller.envelope(1, a, Add(1), "once", also=[(b, Add(1))])])
            await until(lambda: house.log_of(one).held["acknowledge"])
            house.line_of(two).loses = lambda subject: subject.startswith("_INBOX")
            house.log_of(one).release("acknowledge")
            await asyncio.sleep(6)
            assert await totals(house, a, b) == [1, 1]
            assert all(body in ("unknown_outcome", {a: {"total": 1}, b: {"total": 1}}) for _, body in caller.answers)
            house.line_of(two).loses = lambda _: False


class TestConflicts:
    async def test_a_lost_fence_is_tried_anew(self) -> None:
        """Another writer came first on one of them: all are decided again on what the log says."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b = house.actors_of(host, 2)
            await sender.send(a, Add(1))
            await sender.send(b, Add(1))
            await house.commit(b, Added(10))
            answer = await sender.transact([(a, Add(1)), (b, Add(1))])
            assert isinstance(answer, Accepted)
            assert answer.reply == {a: {"total": 2}, b: {"total": 12}}

    async def test_one_that_loses_each_time_is_busy(self) -> None:
        """After so many attempts; nothing of it is stored."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b = house.actors_of(host, 2)
            for _ in range(8):
                house.log_of(host).fail(Conflict(a))
            answer = await sender.transact([(a, Add(1)), (b, Add(1))])
            assert isinstance(answer, Refusal)
            assert answer.code == "busy"
            assert await house.recorded() == []

    async def test_a_full_log_is_told(self) -> None:
        """Nothing was stored."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            a, b = house.actors_of(host, 2)
            house.log_of(host).fail(LogFull("no room"))
            answer = await sender.transact([(a, Add(1)), (b, Add(1))])
            assert isinstance(answer, Refusal)
            assert answer.code == "log_full"
            assert isinstance(await sender.send(a, Add(1)), Accepted)

    @pytest.mark.parametrize("hosts", [1, 2])
    async def test_transactions_that_cross_do_not_wait_for_each_other_in_a_circle(self, hosts: int) -> None:
        """All close in the order of names: many at a time, in every order, are all done, in a moment."""
        async with open_house() as house:
            for number in range(hosts):
                await house.host(f"h{number}")
            sender = await house.sender()
            a, b, c = [name for host in house.hosts for name in house.actors_of(host, 3)][::hosts][:3]
            orders = [(a, b), (b, a), (b, c), (c, a), (a, c), (c, b, a), (a, b, c)]
            began = asyncio.get_running_loop().time()
            calls = [later(sender.transact([(actor, Add(1)) for actor in order])) for order in orders * 5]
            answers = await asyncio.gather(*calls)
            assert all(isinstance(answer, Accepted) for answer in answers), answers
            assert asyncio.get_running_loop().time() - began < 1
            counted = [5 * sum(actor in order for order in orders) for actor in (a, b, c)]
            assert await totals(house, a, b, c) == counted

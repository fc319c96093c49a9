"""Actors that follow others: they hear everything, once and in the order of the log, whether anybody asks them or not;
and whatever is due is done before a command is decided, and behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.decider import TICK, Refusal
from actors.runtime import following
from actors.runtime.limits import ATTEND_EVERY_MS
from events.log import ExpectAt, Recorded
from tests.support.gossip import KINDS, Counted, Noticed, OpenUp, Said, Say, ShutUp, WhatWasSaid
from tests.support.house import House, accepted, open_house
from tests.support.waiting import until


async def words(house: House, ear: str) -> list[str]:
    """All that the ear has recorded."""
    return [word for fact in await house.facts(ear) if isinstance(fact, Noticed) for word in fact.words]


async def heard(house: House, ear: str, count: int) -> list[str]:
    """What it has recorded, as soon as it is so much."""
    recorded: list[str] = []
    async with asyncio.timeout(60):
        async for _ in house.log.follow():
            recorded = await words(house, ear)
            if len(recorded) >= count:
                break
    return recorded


class TestHearing:
    async def test_everything_is_heard_in_the_order_of_the_log(self) -> None:
        """Of all who stand under the name, on whichever hosts; of nobody else."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            sender = await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            await asyncio.gather(
                *(sender.send(f"demo.voice.{ear}.{voice}", Say(f"{voice}-{number}"))
                  for number in range(20) for voice in ("x", "y", "z") for ear in ("a", "b"))
            )  # fmt: skip
            told = [
                fact.word
                for recorded in await house.recorded()
                if recorded.actor.startswith("demo.voice.a.")
                for one in KINDS["voice"].facts.read(recorded.body).decided
                for fact in one.facts
            ]
            assert await heard(house, "demo.ear.a", 60) == told

    async def test_what_was_said_before_is_heard_too(self) -> None:
        """An ear that opens late hears what it has missed, a few commits at a time."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            for number in range(11):
                await sender.send("demo.voice.a.x", Say(f"w{number}"))
            accepted(await sender.send("demo.ear.a", OpenUp()))
            assert await heard(house, "demo.ear.a", 11) == [f"w{number}" for number in range(11)]
            assert max(len(fact.words) for fact in await house.facts("demo.ear.a") if isinstance(fact, Noticed)) == 3

    async def test_what_one_commit_does_not_take_in_goes_into_the_next(self) -> None:
        """However much has been said before, and though nobody says anything any more or asks."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            for number in range(100):
                await house.commit("demo.voice.a.x", Said(f"w{number}"), command_id=f"c{number}")
            accepted(await sender.send("demo.ear.a", OpenUp()))
            assert await heard(house, "demo.ear.a", 100) == [f"w{number}" for number in range(100)]

    async def test_who_listens_is_live_on_another_host_without_being_asked(self) -> None:
        """Its host is gone, and somebody speaks: whoever has taken over listens, from where the log says."""
        async with open_house(KINDS) as house:
            hosts = [await house.host("one"), await house.host("two")]
            sender = await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            accepted(await sender.send("demo.voice.a.x", Say("before")))
            assert await heard(house, "demo.ear.a", 1) == ["before"]
            house.kill(house.owner("demo.ear.a"))
            await until(house.settled)
            assert len(house.living()) == len(hosts) - 1
            await house.commit("demo.voice.a.x", Said("after"))
            assert await heard(house, "demo.ear.a", 2) == ["before", "after"]

    async def test_who_listens_does_not_leave_the_memory(self) -> None:
        """However long nobody asks it anything; and when it does not listen any more, it does."""
        async with open_house(KINDS, passivate_after_ms=200) as house:
            host, sender = await house.host(), await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            await asyncio.sleep(10)
            assert "demo.ear.a" in host.cells
            accepted(await sender.send("demo.ear.a", ShutUp()))
            await until(lambda: "demo.ear.a" not in host.cells)
            await asyncio.sleep(4 * ATTEND_EVERY_MS / 1000)
            assert "demo.ear.a" not in host.cells

    async def test_what_a_refused_commit_had_taken_in_is_heard_again(self) -> None:
        """Somebody else has committed in the ear's name: it is decided again on what stands, and nothing is lost."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            for number in range(5):
                accepted(await sender.send("demo.voice.a.x", Say(f"w{number}")))
                first, *_ = [one for one in await house.recorded() if one.actor == "demo.voice.a.x"]
                if number == 2:
                    await house.commit("demo.ear.a", Noticed(first.sequence, ("w0",)))
            found = await heard(house, "demo.ear.a", 5)
            assert host.conflicts
            assert sorted(set(found)) == [f"w{number}" for number in range(5)]

    async def test_a_log_that_is_away_for_a_while_is_heard_from_where_it_was(self) -> None:
        """Nothing is skipped, and nothing is heard twice."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            accepted(await sender.send("demo.voice.a.x", Say("one")))
            await heard(house, "demo.ear.a", 1)
            house.log_of(host).down = True
            await asyncio.sleep(1)
            await house.commit("demo.voice.a.x", Said("two"))
            await asyncio.sleep(1)
            house.log_of(host).down = False
            accepted(await sender.send("demo.voice.a.x", Say("three")))
            assert await heard(house, "demo.ear.a", 3) == ["one", "two", "three"]

    async def test_what_cannot_be_read_halts_who_has_to_hear_it(self) -> None:
        """To go on without it would be to guess. Others hear as before."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            for ear in ("a", "b"):
                accepted(await sender.send(f"demo.ear.{ear}", OpenUp()))
            with capture_logs() as logs:
                await house.store("demo.voice.a.x", b"nonsense", ExpectAt(0))
                await asyncio.sleep(1)
            assert [line["actor"] for line in logs if line["event"] == "actor_halted"] == ["demo.ear.a"]
            refused = await sender.send("demo.ear.a", WhatWasSaid())
            assert isinstance(refused, Refusal) and refused.code == "log_halted"
            accepted(await sender.send("demo.voice.b.x", Say("well")))
            assert await heard(house, "demo.ear.b", 1) == ["well"]

    async def test_what_waits_to_be_heard_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While a feed is full nothing more is read; it goes on when the ear has taken some of it in."""
        monkeypatch.setattr(following, "NEWS_FACTS_MAX", 20)
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            for number in range(40):
                await house.commit("demo.voice.a.x", *(Said("w") for _ in range(6)), command_id=f"c{number}")
            waiting: list[int] = []
            take = following.Following._take

            async def noted(one: following.Following, feed: Any, recorded: Recorded) -> None:
                waiting.append(feed.facts)
                await take(one, feed, recorded)

            monkeypatch.setattr(following.Following, "_take", noted)
            accepted(await sender.send("demo.ear.a", OpenUp()))
            assert len(await heard(house, "demo.ear.a", 240)) == 240
            assert host.tasks.failed == 0
            assert max(waiting) < 20


class TestWhatIsDue:
    async def test_it_is_done_before_a_command_and_behind_it(self) -> None:
        """Who asks is answered by an ear that has nothing left to do, all of it in one commit."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            accepted(await sender.send("demo.voice.a.x", Say("Capital")))
            await heard(house, "demo.ear.a", 1)
            commits = await house.recorded("demo.ear.a")
            facts: list[Any] = [fact for one in KINDS["ear"].facts.read(commits[-1].body).decided for fact in one.facts]
            assert [type(fact) for fact in facts] == [Noticed, Counted]
            assert accepted(await sender.send("demo.ear.a", WhatWasSaid())).reply == {
                "words": ["Capital"],
                "counted": 1,
            }

    async def test_more_than_one_commit_holds_goes_on_in_the_next(self) -> None:
        """As many steps as are sure to fit, and then at once the others."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            for number in range(9):
                await sender.send("demo.voice.a.x", Say(f"W{number}"))
            accepted(await sender.send("demo.ear.a", OpenUp()))
            await heard(house, "demo.ear.a", 9)
            await asyncio.sleep(1)
            assert accepted(await sender.send("demo.ear.a", WhatWasSaid())).reply["counted"] == 9
            assert len([fact for fact in await house.facts("demo.ear.a") if isinstance(fact, Counted)]) == 9

    async def test_a_tick_from_outside_says_nothing(self) -> None:
        """What an ear hears comes from the log; nobody can whisper something to it."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            accepted(await sender.send("demo.ear.a", OpenUp()))
            before = len(await house.recorded("demo.ear.a"))
            accepted(await sender.send("demo.ear.a", TICK))
            assert len(await house.recorded("demo.ear.a")) == before

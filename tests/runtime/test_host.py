"""A host: commands in, answers out, and nothing is answered that isn't stored."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from actors.decider import Refusal
from actors.runtime import limits
from actors.runtime.cell import Draft
from actors.runtime.host import Host
from actors.runtime.membership import BEATS, HELLO
from actors.runtime.wire import TRACE_HEADER, Accepted, Envelope, commands_subject, encode_command
from tests.support.house import accepted, open_house
from tests.support.tally import Add, Puff, Recite, Take, Total
from tests.support.waiting import later, until


class TestCommands:
    async def test_a_command_is_answered_when_it_is_stored(self) -> None:
        """Not before; and the answer names the sequence under which the log holds its facts."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            assert await sender.send(actor, Add(5), id="c-1") == Accepted({"total": 5}, 1)
            house.log_of(host).hold("acknowledge")
            call = later(sender.send(actor, Add(1), id="c-2"))
            await asyncio.sleep(0.5)
            assert not call.done()
            house.log_of(host).release("acknowledge")
            assert await call == Accepted({"total": 6}, 2)
            assert await house.ids(actor) == ["c-1", "c-2"]

    async def test_refusals_and_questions_write_nothing(self) -> None:
        """They are answered from what is known, without a commit."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            assert await sender.send(actor, Take(9)) == Refusal("too_little", "there are 0")
            assert await sender.send(actor, Total()) == Accepted({"total": 0}, 0)
            assert await house.recorded() == []
            assert house.log_of(host).appends == []

    async def test_who_wants_no_answer_is_not_heard(self) -> None:
        """What has no reply is the host's own; whatever its id, it does nothing, and harms nobody."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            body = msgspec.Raw(encode_command(Add(1)))
            for id in ("c-1", "a/b"):
                message = msgspec.json.encode([Envelope(1, actor, id, "x", house.clock(), 5_000, body)])
                await house.bus.publish(commands_subject(host.name), message)
            assert await sender.send(actor, Add(5)) == Accepted({"total": 5}, 1)

    async def test_a_bug_with_one_outcome_leaves_the_others_theirs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a round in which many were stored together, all but that one are answered at once."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actors = house.actors_of(host, 4)
            landed, once = Host.landed, list[str]()

            def careless(host: Host, draft: Draft, sequence: int) -> None:
                if draft.cell.actor == actors[0] and not once:
                    once.append(draft.cell.actor)
                    raise ZeroDivisionError
                landed(host, draft, sequence)

            monkeypatch.setattr(Host, "landed", careless)
            first, *others = (later(sender.send(actor, Add(1))) for actor in actors)
            assert [answer.reply for answer in map(accepted, await asyncio.gather(*others))] == [{"total": 1}] * 3
            assert not first.done()
            assert await first == Accepted({"total": 1}, 1)
            assert host.tasks.failed == 1
            host.tasks.failed = 0  # it was meant

    async def test_a_trace_goes_from_the_command_into_the_log(self) -> None:
        """Whoever follows the log can go on with the trace of who asked, of a transaction in each of its commits."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            one, two = house.actors_of(host, 2)
            trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
            await sender.send(one, Add(5))
            await sender.send(one, Add(5), trace=trace)
            await sender.transact([(one, Add(1)), (two, Add(1))], trace=trace)
            traces = [recorded.headers.get(TRACE_HEADER) for recorded in await house.recorded()]
            assert traces == [None, trace, trace, trace]

    async def test_answers_come_in_parts(self) -> None:
        """A slow actor doesn't hold back the answers of its neighbours in the same message."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            slow, quick = house.actors_of(host, 2)
            house.log_of(host).hold("append")
            await caller.post(host, [caller.envelope(1, slow, Add(5)), caller.envelope(2, quick, Total())])
            await until(lambda: caller.answers)
            assert caller.answers == [(2, {"total": 0})]
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers[1] == (1, {"total": 5})

    async def test_many_answers_come_in_messages_that_the_bus_carries(self) -> None:
        """Together they may be larger than any message; each arrives once."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actors = house.actors_of(host, 5)
            await caller.post(host, [caller.envelope(n, actor, Recite(400_000)) for n, actor in enumerate(actors)])
            await until(lambda: len(caller.answers) == 5)
            assert sorted(number for number, _ in caller.answers) == [0, 1, 2, 3, 4]
            assert all(sum(len(answer.body) for answer in message) < 1 << 20 for message in caller.messages)

    async def test_commands_of_one_actor_are_decided_in_order(self) -> None:
        """Those that gather while a commit is in flight share the next one."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("append")
            await caller.post(host, [caller.envelope(1, actor, Add(1))])
            await until(lambda: house.log_of(host).held["append"])
            for number in range(2, 7):
                await caller.post(host, [caller.envelope(number, actor, Add(1))])
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 6)
            assert caller.answers == [(number, {"total": number}) for number in range(1, 7)]
            assert len(await house.recorded(actor)) == 2

    async def test_a_command_whose_time_runs_out_in_the_mailbox_is_told_so(self) -> None:
        """It is not decided for somebody who has gone."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("append")
            await caller.post(host, [caller.envelope(1, actor, Add(1))])
            await until(lambda: house.log_of(host).held["append"])
            await caller.post(host, [caller.envelope(2, actor, Add(1), within_ms=100)])
            await asyncio.sleep(0.2)
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers == [(1, {"total": 1}), (2, "deadline_passed")]
            assert await house.ids(actor) == ["c-1"]


class TestIds:
    async def test_a_repeated_command_gets_the_first_answer(self) -> None:
        """Whatever has happened since, and without a second effect (law 7)."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            first = await sender.send(actor, Add(5), id="once")
            await sender.send(actor, Add(1))
            assert await sender.send(actor, Add(5), id="once") == first == Accepted({"total": 5}, 1)
            assert await sender.send(actor, Total()) == Accepted({"total": 6}, 0)

    async def test_an_id_is_bound_to_what_was_asked_under_it(self) -> None:
        """By its seal: the same again is the first answer, another command under that id is refused, whoever hosts the
        actor by then."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor = house.actor_of(one)
            first = await sender.send(actor, Add(5), id="once~5")
            for moved in (False, True):
                if moved:
                    await house.host("two")
                    house.kill(one)
                    await until(house.settled)
                assert await sender.send(actor, Add(5), id="once~5") == first
                refused = await sender.send(actor, Add(6), id="once~6")
                assert isinstance(refused, Refusal) and refused.code == "id_reused"
                assert await sender.send(actor, Total()) == Accepted({"total": 5}, 0)

    async def test_a_duplicate_in_flight_gets_the_first_answer(self) -> None:
        """It comes while the commit of the first is under way, and waits for it."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("acknowledge")
            for number in (1, 2, 3):
                await caller.post(host, [caller.envelope(number, actor, Add(5), "once")])
                await until(lambda: house.log_of(host).held["acknowledge"])
            house.log_of(host).release("acknowledge")
            await until(lambda: len(caller.answers) == 3)
            assert sorted(caller.answers) == [(number, {"total": 5}) for number in (1, 2, 3)]
            assert await house.ids(actor) == ["once"]

    async def test_a_repeated_command_is_never_told_that_the_host_is_busy(self) -> None:
        """While the log doesn't answer, nobody can know the first answer; but a refusal would be a lie."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            await caller.post(host, [caller.envelope(1, actor, Add(5), "once")])
            await until(lambda: caller.answers)
            house.log_of(host).down = True
            await caller.post(host, [caller.envelope(2, actor, Add(5), "once")])
            await asyncio.sleep(1.0)
            assert caller.answers == [(1, {"total": 5})]
            house.log_of(host).down = False
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers[1] == (2, {"total": 5})

    async def test_ids_survive_the_host(self) -> None:
        """Whoever takes the actor over finds the first answer in the log."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor = house.actor_of(one)
            first = await sender.send(actor, Add(5), id="once")
            await house.host("two")
            house.kill(one)
            house.shelf.clear()
            await until(house.settled)
            assert await sender.send(actor, Add(5), id="once") == first
            assert await sender.send(actor, Total()) == Accepted({"total": 5}, 0)


class TestTurningAway:
    async def test_another_hosts_actor_has_moved(self) -> None:
        """The sender must ask elsewhere; nothing is decided here."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            caller = await house.caller()
            await caller.post(one, [caller.envelope(1, house.actor_of(two), Add(1))])
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "moved")]
            assert await house.recorded() == []

    async def test_a_full_mailbox_is_busy(self) -> None:
        """At once, and with the time to wait; the ones that are in it are served."""
        async with open_house(mailbox_commands_max=3, turn_commands_max=3) as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            house.log_of(host).hold("append")
            await caller.post(host, [caller.envelope(1, actor, Add(1))])
            await until(lambda: house.log_of(host).held["append"])
            await caller.post(host, [caller.envelope(number, actor, Add(1)) for number in range(2, 7)])
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers == [(5, "busy"), (6, "busy")]
            house.log_of(host).release("append")
            await until(lambda: len(caller.answers) == 6)
            assert caller.answers[2:] == [(number, {"total": number}) for number in range(1, 5)]

    async def test_a_full_host_is_busy(self) -> None:
        """Actors that are live go on; further ones must wait."""
        async with open_house(cells_max=2) as house:
            host, caller = await house.host(), await house.caller()
            actors = house.actors_of(host, 3)
            await caller.post(host, [caller.envelope(n, actor, Add(1)) for n, actor in enumerate(actors)])
            await until(lambda: len(caller.answers) == 3)
            assert sorted(caller.answers, key=str) == [(0, {"total": 1}), (1, {"total": 1}), (2, "busy")]
            await caller.post(host, [caller.envelope(9, actors[0], Total())])
            await until(lambda: len(caller.answers) == 4)

    @pytest.mark.parametrize(
        ("actor", "code"),
        [
            ("demo.nothing.x", "unknown_kind"),
            ("demo", "bad_name"),
            ("demo.tally.*", "bad_name"),
            ("", "bad_name"),
            ("demo.tally", "bad_name"),
            ("demo.tally.a.b", "bad_name"),
        ],
    )
    async def test_what_is_no_actor_is_refused(self, actor: str, code: str) -> None:
        """An unknown kind, or a name outside the grammar."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            await caller.post(host, [caller.envelope(1, actor, Add(1))])
            await until(lambda: caller.answers)
            assert caller.answers == [(1, code)]
            assert not host.cells

    @pytest.mark.parametrize("data", [b"", b"{}", b"[[1]]", b"\xff", b'[[1,"demo.tally.a","c",3,0,1,{}]]'])
    async def test_a_malformed_message_is_refused_whole(self, data: bytes) -> None:
        """With one answer for all of it, since nobody can tell what it held."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            await caller.post(host, data)
            await until(lambda: caller.answers)
            assert caller.answers == [(-1, "malformed_message")]

    async def test_a_malformed_command_is_refused_alone(self) -> None:
        """Its neighbours in the message are served."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor, other = house.actors_of(host, 2)
            huge = Puff(1)
            await caller.post(
                host,
                [
                    caller.envelope(1, actor, Add(1), "x" * (limits.COMMAND_ID_CHARACTERS_MAX + 1)),
                    caller.envelope(2, actor, Add(1), by="x" * (limits.PRINCIPAL_CHARACTERS_MAX + 1)),
                    caller.envelope(3, actor, Add(1), within_ms=0),
                    caller.envelope(4, actor, Add(1), within_ms=limits.COMMAND_WITHIN_MS_MAX + 1),
                    [*caller.envelope(5, actor, huge)[:6], "x" * limits.COMMAND_BYTES_MAX],
                    [*caller.envelope(6, actor, Add(1)), [(other, "x" * limits.COMMAND_BYTES_MAX)]],
                    caller.envelope(7, actor, Add(1), also=[(f"demo.tally.p{n}", Add(1)) for n in range(64)]),
                    caller.envelope(8, actor, Add(1)),
                ],
            )
            await until(lambda: len(caller.answers) == 8)
            assert dict(caller.answers) == dict.fromkeys(range(1, 8), "malformed_command") | {8: {"total": 1}}

    async def test_noise_on_the_bus_harms_nobody(self) -> None:
        """Whatever is published where a host listens, it goes on."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            name = f"host.{host.name}.i1"
            for subject in (BEATS, HELLO, f"{name}.commands", f"{name}.parts", "cmd.0", "cmd.1"):
                for noise in (b"", b"[]", b"{}", b"\xff\xfe", b'{"type":"Prepare"}', b"[[[]]]", b'[{"a":1}]'):
                    await house.bus.publish(subject, noise)
                    await house.bus.publish(subject, noise, house.bus.new_inbox())
            assert await sender.send(house.actor_of(host), Add(5)) == Accepted({"total": 5}, 1)


async def test_the_log_is_asked_no_more_than_needed() -> None:
    """A live actor's commands cost appends only."""
    async with open_house() as house:
        host, sender = await house.host(), await house.sender()
        actor = house.actor_of(host)
        for _ in range(5):
            await sender.send(actor, Add(1))
        assert house.log_of(host).looked_up == [(actor,)]
        assert house.log_of(host).replayed == []

"""The other end of the command path: it gathers, sends again, follows the hosts, and says when it doesn't know.

The whole of the sender against hosts that a test plays itself."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest

from actors.decider import Refusal
from actors.runtime.limits import COMMAND_BYTES_MAX, COMMAND_PARTS_MAX, COMMAND_WITHIN_MS_MAX
from actors.runtime.membership import BEATS, HELLO
from actors.runtime.sender import MOVED_PER_TRY
from actors.runtime.wire import TRACE_HEADER, Accepted, encode_refusal, partition_subject
from events.errors import BusError, UnknownOutcome
from events.names import partition_of
from tests.support.house import accepted, open_house
from tests.support.scripted import ACTOR, MOVED, Scene
from tests.support.tally import Add, Total
from tests.support.waiting import later, until

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


class TestSending:
    async def test_a_command_is_sent_at_once(self) -> None:
        """An idle system adds no wait; the envelope says all that was said."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        now = asyncio.get_running_loop().time()
        call = later(sender.send(ACTOR, Add(5), id="c-1", by="bob", within_ms=3_000, trace=TRACE))
        await until(lambda: host.got)
        assert asyncio.get_running_loop().time() - now < 0.002
        ((message, (envelope,)),) = host.got
        assert (envelope.actor, envelope.id, envelope.by, envelope.asked_at) == (ACTOR, "c-1", "bob", scene.clock())
        assert bytes(envelope.body) == b'{"amount":5,"command":"add"}'
        assert 2_990 <= envelope.within_ms <= 3_000
        assert message.headers[TRACE_HEADER] == TRACE
        await host.answer(0)
        assert await call == Accepted({"total": 1}, 7)

    async def test_calls_gather_while_messages_are_under_way(self) -> None:
        """Each keeps its own id and answer."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(messages_in_flight_max=1, message_calls_max=4)
        calls = [later(sender.send(ACTOR, Add(1), id="first"))]
        await until(lambda: host.got)
        calls += [later(sender.send(ACTOR, Add(1), id=f"c-{number}")) for number in range(6)]
        await asyncio.sleep(0.1)
        assert host.ids == [["first"]]
        host.answers_at_once = True
        await host.answer(0)
        assert [accepted(answer).sequence for answer in await asyncio.gather(*calls)] == [7] * 7
        assert host.ids == [["first"], ["c-0", "c-1", "c-2", "c-3"], ["c-4", "c-5"]]

    async def test_a_message_is_bounded_in_bytes_too(self) -> None:
        """No call joins others beyond the bound; one that is larger by itself travels alone."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(message_bytes_max=2_000)
        calls = list[asyncio.Future[Accepted | Refusal]]()
        for number, size in enumerate((700, 700, 700, 3_000)):
            calls.append(sender.post(ACTOR, b'"' + b"x" * size + b'"', id=f"c-{number}"))
        await until(lambda: len(host.got) == 3)
        assert host.ids == [["c-0", "c-1"], ["c-2"], ["c-3"]]
        for number in range(3):
            await host.answer(number)
        await asyncio.gather(*calls)

    async def test_what_no_host_would_take_is_not_sent(self) -> None:
        """It is told so at once, and keeps nobody's company."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        body, many = b'"' + b"x" * COMMAND_BYTES_MAX + b'"', [(ACTOR, b"{}")] * COMMAND_PARTS_MAX
        for call in (
            sender.post(ACTOR, body),
            sender.post(ACTOR, b"{}", also=[(ACTOR, body)]),
            sender.post(ACTOR, b"{}", also=many),
            sender.post(ACTOR, b"{}", id="x" * 65),
        ):
            told = await call
            assert isinstance(told, Refusal) and told.code == "malformed_command"
        assert not host.got

    async def test_a_first_answer_makes_room_for_the_next_message(self) -> None:
        """Whatever of it is still to come: a slow actor doesn't hold the lane."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(messages_in_flight_max=1)
        slow, quick = later(sender.send(ACTOR, Add(1), id="slow")), later(sender.send(ACTOR, Add(1), id="quick"))
        await until(lambda: host.got)
        third = later(sender.send(ACTOR, Add(1), id="third"))
        await host.answer(0, 1)
        assert await quick == Accepted({"total": 1}, 7)
        await until(lambda: len(host.got) == 2)
        await host.answer(1)
        assert await third == Accepted({"total": 1}, 7)
        assert not slow.done()
        await host.answer(0, 0)
        assert await slow == Accepted({"total": 1}, 7)

    async def test_each_call_goes_to_its_own_host(self) -> None:
        """As placement says, for the hosts that are heard."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            sender = await house.sender()
            for host in (one, two):
                before = host.commands
                assert isinstance(await sender.send(house.actor_of(host), Add(1)), Accepted)
                assert host.commands == before + 1

    async def test_a_refusal_is_an_answer(self) -> None:
        """It comes back as it was given."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await until(lambda: host.got)
        await host.answer(0, accepted=False, body=encode_refusal("too_little", "no", "caller"))
        assert await call == Refusal("too_little", "no", "caller")

    async def test_what_could_not_be_read_is_told_to_whom_it_concerns(self) -> None:
        """The calls that shared the message are sent apart, and the one that brought it is refused."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        calls = [later(sender.send(ACTOR, Add(1), id=f"c-{number}")) for number in range(3)]
        await until(lambda: host.got)
        refusal = encode_refusal("malformed_message", "what is this?")
        unread = msgspec.json.encode([(-1, False, 0, refusal)])
        await scene.bus.publish(host.got[0][0].reply, unread)
        await until(lambda: len(host.got) == 4)
        assert host.ids == [["c-0", "c-1", "c-2"], ["c-0"], ["c-1"], ["c-2"]]
        await host.answer(1)
        await scene.bus.publish(host.got[2][0].reply, unread)
        await host.answer(3)
        first, culprit, third = await asyncio.gather(*calls)
        assert isinstance(first, Accepted) and isinstance(third, Accepted)
        assert isinstance(culprit, Refusal) and culprit.code == "malformed_message"

    async def test_busy_is_no_answer_while_an_earlier_copy_is_about(self) -> None:
        """That copy may yet be done. Whoever is told *busy* can rely on it that nothing was."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(resend_after_ms=200)
        call = later(sender.send(ACTOR, Add(1), id="c-1", within_ms=1_500))
        await until(lambda: len(host.got) == 2)
        await host.answer(1, accepted=False, body=encode_refusal("busy", "full", "busy", 50))
        await until(lambda: len(host.got) == 3)
        await host.answer(0)
        assert await call == Accepted({"total": 1}, 7)
        assert {id for ids in host.ids for id in ids} == {"c-1"}

    async def test_busy_is_an_answer_to_what_was_sent_once(self) -> None:
        """Nothing of it is about: the caller decides whether to ask again."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await until(lambda: host.got)
        await host.answer(0, accepted=False, body=encode_refusal("busy", "full", "busy", 50))
        assert await call == Refusal("busy", "full", "busy", 50)

    async def test_ids_are_unlike_any_other(self) -> None:
        """Two senders never give the same one, nor one sender twice."""
        scene = Scene()
        host = await scene.host()
        senders = [await scene.sender(), await scene.sender()]
        for sender in senders:
            for _ in range(5):
                sender.post(ACTOR, b"null")
        await until(lambda: sum(len(ids) for ids in host.ids) == 10)
        ids = [id for ids in host.ids for id in ids]
        assert len(set(ids)) == 10


class TestTroubles:
    async def test_silence_is_met_by_sending_again(self) -> None:
        """With the same id and the same first instant, so that it can't be done twice, and with what time is left."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1), id="once", within_ms=5_000))
        await until(lambda: len(host.got) == 2)
        (first,), (second,) = host.got[0][1], host.got[1][1]
        assert (first.id, first.asked_at) == (second.id, second.asked_at)
        assert 3_500 < second.within_ms < 4_100
        await host.answer(1)
        assert await call == Accepted({"total": 1}, 7)
        assert sender.resent == 1

    async def test_only_what_is_missing_is_sent_again(self) -> None:
        """Calls of the same message that were answered are not."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        calls = [later(sender.send(ACTOR, Add(1), id=f"c-{number}")) for number in range(3)]
        await until(lambda: host.got)
        await host.answer(0, 0, 2)
        await until(lambda: len(host.got) == 2)
        assert host.ids[1] == ["c-1"]
        await host.answer(1)
        await asyncio.gather(*calls)

    async def test_a_late_answer_counts(self) -> None:
        """The call was sent again meanwhile; the second answer is nobody's."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await until(lambda: len(host.got) == 2)
        await host.answer(0)
        assert await call == Accepted({"total": 1}, 7)
        await host.answer(1)
        await asyncio.sleep(0.1)

    async def test_moved_is_asked_again(self) -> None:
        """Shortly after, of whom we take for the owner; if that goes on, where whoever owns the partition listens."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        await scene.bus.subscribe(partition_subject(partition_of(ACTOR)), host.receive)
        call = later(sender.send(ACTOR, Add(1)))
        again = 2 * MOVED_PER_TRY
        for nth in range(again):
            await until(partial(host.has_got, nth + 1))
            await host.answer(nth, accepted=False, body=MOVED)
        await until(lambda: len(host.got) == again + 1)
        subjects = [message.subject.split(".")[0] for message, _ in host.got]
        assert subjects == ["host"] * again + ["cmd"]
        await host.answer(again)
        assert await call == Accepted({"total": 1}, 7)

    async def test_each_third_try_without_an_answer_goes_to_the_partition(self) -> None:
        """Where whoever owns it listens: whom we take for its owner may be gone."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        await scene.bus.subscribe(partition_subject(partition_of(ACTOR)), host.receive)
        call = later(sender.send(ACTOR, Add(1), within_ms=20_000))
        await until(lambda: len(host.got) == 4)
        assert [message.subject.split(".")[0] for message, _ in host.got] == ["host", "host", "cmd", "host"]
        await host.answer(3)
        assert await call == Accepted({"total": 1}, 7)

    async def test_an_unknown_outcome_is_asked_again(self) -> None:
        """And from then on nobody's being busy is taken for an answer: it may have been done."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await until(partial(host.has_got, 1))
        await host.answer(0, accepted=False, body=encode_refusal("unknown_outcome", "", "late"))
        await until(partial(host.has_got, 2))
        await host.answer(1, accepted=False, body=encode_refusal("busy", "", "busy"))
        await until(partial(host.has_got, 3))
        await host.answer(2)
        assert await call == Accepted({"total": 1}, 7)

    async def test_nobody_there_is_asked_again(self) -> None:
        """A host that comes up within the call's time serves it."""
        scene = Scene()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1), within_ms=5_000))
        await asyncio.sleep(2)
        assert not call.done()
        host = await scene.host(answers_at_once=True)
        assert await call == Accepted({"total": 1}, 7)
        assert len(host.got) == 1

    async def test_a_host_that_leaves_sends_its_calls_on_at_once(self) -> None:
        """What waits, and what was under way to it, goes to the others."""
        scene = Scene()
        one = await scene.host("one")
        sender = await scene.sender(messages_in_flight_max=1)
        calls = [later(sender.send(ACTOR, Add(1), id="under way"))]
        await until(lambda: one.got)
        calls += [later(sender.send(ACTOR, Add(1), id="waits"))]
        two = await scene.host("two", answers_at_once=True)
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
        await one.leave()
        await asyncio.gather(*calls)
        assert asyncio.get_running_loop().time() - began < 0.1
        assert sorted(id for ids in two.ids for id in ids) == ["under way", "waits"]

    async def test_a_dead_hosts_calls_go_to_the_next_owner(self) -> None:
        """As soon as it is missed."""
        scene = Scene()
        one, two = await scene.host("one"), await scene.host("two", answers_at_once=True)
        sender = await scene.sender(resend_after_ms=4_000)
        owner = sender.roll.owner_of(partition_of(ACTOR))
        assert owner is not None
        dead, living = (one, two) if owner.host == "one" else (two, one)
        dead.beating = dead.answers_at_once = False
        living.answers_at_once = True
        began = asyncio.get_running_loop().time()
        assert await sender.send(ACTOR, Add(1)) == Accepted({"total": 1}, 7)
        assert asyncio.get_running_loop().time() - began < 2.5
        assert len(dead.got) == 1

    async def test_a_new_incarnation_gets_what_the_old_one_had(self) -> None:
        """The host died and is back under its name: nobody waits for the dead one's answers."""
        scene = Scene()
        old = await scene.host("one")
        sender = await scene.sender(resend_after_ms=60_000)
        call = later(sender.send(ACTOR, Add(1), within_ms=30_000))
        await until(lambda: old.got)
        old.beating = False
        await scene.host("one", incarnation="i2", since=200, answers_at_once=True)
        assert await call == Accepted({"total": 1}, 7)

    async def test_a_bus_that_refuses_is_tried_again(self) -> None:
        """Nothing is lost by it but time."""
        scene = Scene()
        host = await scene.host(answers_at_once=True)
        sender = await scene.sender()
        publish = scene.line.publish

        async def refuses(*_: Any, **__: Any) -> None:
            raise BusError("not now")

        scene.line.publish = refuses  # type: ignore[method-assign]
        call = later(sender.send(ACTOR, Add(1)))
        await asyncio.sleep(0.5)
        scene.line.publish = publish  # type: ignore[method-assign]
        assert await call == Accepted({"total": 1}, 7)
        assert len(host.got) == 1

    async def test_lost_and_doubled_messages_change_nothing(self) -> None:
        """The effects are those of each command done once, and the answers the first ones."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            numbers = iter(range(100_000))
            for party in (host, sender):
                line = house.line_of(party)
                line.doubles = lambda subject: next(numbers) % 2 == 0
                line.loses = lambda subject: subject != BEATS and next(numbers) % 3 == 0
            actor = house.actor_of(host)
            calls = [later(sender.send(actor, Add(1), id=f"c-{n}", within_ms=30_000)) for n in range(50)]
            totals = [accepted(answer).reply["total"] for answer in await asyncio.gather(*calls)]
            assert sorted(totals) == list(range(1, 51))
            assert sorted(await house.ids(actor)) == sorted(f"c-{n}" for n in range(50))
            for party in (host, sender):
                house.line_of(party).loses = lambda _subject: False

    async def test_noise_harms_nobody(self) -> None:
        """Whatever comes to where answers and beats are expected."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await until(lambda: host.got)
        reply = host.got[0][0].reply
        for noise in (b"", b"{}", b"\xff", b"[[1]]", b"[3]", b'[[1,true,"x",3]]'):
            for subject in (reply, BEATS, HELLO, reply.rsplit(".", 1)[0] + ".x", reply.rsplit(".", 1)[0] + ".999"):
                await scene.bus.publish(subject, noise)
        await asyncio.sleep(0.01)
        await host.answer(0)
        assert await call == Accepted({"total": 1}, 7)


class TestGivingUp:
    async def test_at_its_deadline_the_outcome_is_unknown(self) -> None:
        """Not before, and soon after; then, and only then."""
        scene = Scene()
        await scene.host()
        sender = await scene.sender()
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnknownOutcome):
            await sender.send(ACTOR, Add(1), within_ms=2_000)
        assert 2.0 <= asyncio.get_running_loop().time() - began <= 2.3

    async def test_an_unknown_outcome_is_learnt_by_asking_again(self) -> None:
        """With the same id: the first answer, if it was done, and done now if not."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            house.line_of(host).loses = lambda subject: subject.startswith("_INBOX")
            with pytest.raises(UnknownOutcome):
                await sender.send(actor, Add(5), id="once", within_ms=1_500)
            house.line_of(host).loses = lambda _: False
            assert await sender.send(actor, Add(5), id="once") == Accepted({"total": 5}, 1)
            assert await sender.send(actor, Total()) == Accepted({"total": 5}, 0)

    async def test_after_that_an_answer_is_nobodys(self) -> None:
        """It comes too late to matter."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender()
        with pytest.raises(UnknownOutcome):
            await sender.send(ACTOR, Add(1), within_ms=500)
        await host.answer(0)
        await asyncio.sleep(0.1)

    async def test_a_caller_that_gives_up_stops_the_sending(self) -> None:
        """What hasn't been sent is not, what has isn't sent again, and a late answer harms nobody."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(messages_in_flight_max=1)
        calls = [later(sender.send(ACTOR, Add(1), id="sent"))]
        await until(lambda: host.got)
        calls.append(later(sender.send(ACTOR, Add(1), id="waits")))
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.sleep(5)
        assert host.ids == [["sent"]]
        assert not sender._calls
        await host.answer(0)
        await asyncio.sleep(0.1)

    async def test_a_full_sender_is_busy(self) -> None:
        """Before anything is sent; and there is room again once calls are answered."""
        scene = Scene()
        host = await scene.host()
        sender = await scene.sender(calls_max=2)
        calls = [later(sender.send(ACTOR, Add(1))) for _ in range(3)]
        answer = await calls[2]
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.fault) == ("busy", "busy")
        await until(lambda: host.got)
        assert [len(ids) for ids in host.ids] == [2]
        await host.answer(0)
        await asyncio.gather(*calls[:2])
        host.answers_at_once = True
        assert await sender.send(ACTOR, Add(1)) == Accepted({"total": 1}, 7)

    async def test_a_sender_that_stops_leaves_nobody_waiting(self) -> None:
        """Their outcomes are unknown."""
        scene = Scene()
        await scene.host()
        sender = await scene.sender()
        call = later(sender.send(ACTOR, Add(1)))
        await asyncio.sleep(0.1)
        await sender.stop()
        with pytest.raises(UnknownOutcome):
            await call

    @pytest.mark.parametrize("within_ms", [0, -1, COMMAND_WITHIN_MS_MAX + 1])
    async def test_a_time_beyond_its_bounds_is_a_mistake(self, within_ms: int) -> None:
        """Of the caller's, told at once."""
        scene = Scene()
        sender = await scene.sender()
        with pytest.raises(ValueError, match="within_ms"):
            await sender.send(ACTOR, Add(1), within_ms=within_ms)

    @pytest.mark.parametrize(
        "text",
        [
            {"trace": f"00-{'0' * 32}-{'b' * 16}-01"},
            {"trace": f"00-{'a' * 32}-{'0' * 16}-01"},
            {"trace": f"ff{TRACE[2:]}"},
            {"id": "\ud800"},
            {"by": "\udfff"},
            {"trace": "\ud800"},
            {"trace": "a,b"},
            {"trace": "a\r\nb"},
        ],
    )
    async def test_text_that_cannot_be_written_is_a_mistake(self, text: dict[str, str]) -> None:
        """Of the caller's, told at once: it must not take those with it that share its message."""
        scene = Scene()
        host = await scene.host(answers_at_once=True)
        sender = await scene.sender()
        good = later(sender.send(ACTOR, Add(1), id="good"))
        with pytest.raises(ValueError, match=r"surrogates|trace"):
            await sender.send(ACTOR, Add(1), **text)  # type: ignore[arg-type]
        assert await good == Accepted({"total": 1}, 7)
        assert host.ids == [["good"]]

"""The courier over real sockets: what is delivered, in which order, how often, and by whom."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from actors.webhooks.commands import (
    DisableEndpoint,
    EnableEndpoint,
    ListEndpoints,
    RemoveEndpoint,
    ReplayDead,
    RotateSecret,
    SendTest,
)
from events.day import BookingCancelled, BookingConfirmed, ReminderDue
from events.room import PhaseEntered, TicketClaimed, TicketsCalled
from gateway.webhooks.limits import AT_ONCE_PER_ENDPOINT_MAX
from gateway.webhooks.sending import posting
from gateway.webhooks.signing import key_of, signature
from tests.gateway.webhooks.office import ROOM, SECRET, START, booked, hurried, id_of, office
from tests.gateway.webhooks.receiver import receiving
from tests.support.waiting import until

AT_ONCE = (20, 20)
"""Short enough to wait for, and again."""


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


class TestTelling:
    async def test_what_happens_is_told(self) -> None:
        """As a signed request that says what, of what, when and where."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            await there.courier()
            await there.attended()
            sequence = await there.happens(booked("b-1"))
            await until(lambda: receiver.got)
            (got,) = receiver.got
            assert got.line == "POST /hook HTTP/1.1"
            assert got.headers["content-type"] == "application/json"
            assert got.said["id"] == got.id == f"{sequence}-0"
            assert (got.said["type"], got.said["org"]) == ("booking.created", "demo")
            assert got.said["entity"] == f"booking/{id_of('b-1')}"
            timestamp = int(got.headers["webhook-timestamp"])
            keys = [key_of(SECRET, "demo", "shop", 1)]
            assert got.headers["webhook-signature"] == signature(keys, got.id, timestamp, got.body)
            shown = await there.shows(lambda shown: shown["delivered"] == 1)
            assert (shown["late_count"], shown["dead"]) == (0, [])

    async def test_it_begins_where_the_endpoint_was_put(self) -> None:
        """What happened before is not told; what happened since is, although no courier was there yet."""
        async with receiving() as receiver, office() as there:
            await there.happens(booked("before"))
            await there.put("shop", receiver.url)
            await there.happens(booked("since"))
            await there.put("other", receiver.url, active=False)
            await there.courier()
            await there.happens(booked("now"))
            await until(lambda: len(receiver.got) == 2)
            assert [got.said["data"]["booking"] for got in receiver.got] == [id_of("since"), id_of("now")]

    async def test_only_what_the_filter_names_is_told(self) -> None:
        """By name, or by group; of rooms as well as of bookings."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url, "booking.confirmed", "ticket.*")
            await there.courier()
            await there.attended()
            await there.happens(booked("b-1"), BookingConfirmed(id_of("b-1")))
            called = TicketsCalled("", ("0.1", "0.2"), START)
            await there.happens(PhaseEntered("open"), called, TicketClaimed("0.1", START, START), actor=ROOM)
            await until(lambda: len(receiver.got) == 3)
            assert sorted(receiver.events) == ["booking.confirmed", "ticket.called", "ticket.claimed"]

    async def test_an_endpoint_that_is_put_again_is_another(self) -> None:
        """It has a secret that nobody has seen, and is told nothing of before."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda got: 200 if "late" not in got.body.decode() else 500
            await there.put("shop", receiver.url)
            courier = await there.courier()
            await there.attended()
            await there.happens(booked("late"))
            await there.shows(lambda shown: shown["late_count"] == 1)
            await there.ask("demo.webhooks", RemoveEndpoint("shop"))
            await there.put("shop", receiver.url)
            await until(lambda: (seen := courier.sees("shop")) and seen.generation == 2)
            await there.happens(booked("b-1"))
            await until(lambda: receiver.got[-1].said["data"]["booking"] == id_of("b-1"))
            got = receiver.got[-1]
            keys = [key_of(SECRET, "demo", "shop", 2)]
            timestamp = int(got.headers["webhook-timestamp"])
            assert got.headers["webhook-signature"] == signature(keys, got.id, timestamp, got.body)
            await there.shows(lambda shown: shown["late_count"] == 0 and shown["delivered"] == 1)

    async def test_after_a_rotation_both_secrets_sign(self) -> None:
        """For the overlap that was asked for; the newer one first."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            courier = await there.courier()
            await there.attended()
            await there.ask("demo.webhooks", RotateSecret("shop"))
            await until(lambda: (seen := courier.sees("shop")) and seen.generation == 2)
            await there.happens(booked("b-1"))
            await until(lambda: receiver.got)
            got = receiver.got[-1]
            keys = [key_of(SECRET, "demo", "shop", number) for number in (2, 1)]
            timestamp = int(got.headers["webhook-timestamp"])
            assert got.headers["webhook-signature"] == signature(keys, got.id, timestamp, got.body)

    async def test_a_test_is_sent_whatever_the_filter_says(self) -> None:
        """Once: whoever tries it out sees what came of it."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda _got: 500
            await there.put("shop", receiver.url, "room.*")
            await there.courier()
            await there.attended()
            id = (await there.ask("demo.webhook.shop", SendTest()))["id"]
            shown = await there.shows(lambda shown: shown["attempts"] and not shown["late_count"])
            assert [(one["id"], one["status"]) for one in shown["attempts"]] == [(id, 500)]
            assert (receiver.events, shown["dead"]) == (["webhook.test"], [])

    async def test_a_test_of_a_new_endpoint_is_sent_as_soon_as_a_courier_comes(self) -> None:
        """Whoever has just put it tries it at once."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            id = (await there.ask("demo.webhook.shop", SendTest()))["id"]
            await there.courier()
            await until(lambda: receiver.ids == [id])


class TestTryingAgain:
    async def test_what_fails_is_tried_again_until_it_comes_through(self) -> None:
        """With the same id and body."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda got: 500 if got.attempt < 3 else 204
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE)
            await there.happens(booked("b-1"))
            shown = await there.shows(lambda shown: shown["delivered"] == 1)
            assert (len(set(receiver.ids)), len({got.body for got in receiver.got}), len(receiver.got)) == (1, 1, 3)
            assert [one["status"] for one in shown["attempts"]] == [500, 500, 204]

    async def test_an_entity_is_told_in_order_and_the_others_do_not_wait(self) -> None:
        """While something of a booking is late, what follows of it waits; other bookings go on."""
        async with receiving() as receiver, office() as there:
            stuck = f"booking/{id_of('stuck')}"
            mended = asyncio.Event()
            receiver.answers = lambda got: 503 if got.said["entity"] == stuck and not mended.is_set() else 200
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE)
            await there.happens(booked("stuck"))
            await there.happens(BookingConfirmed(id_of("stuck")), ReminderDue(id_of("stuck"), 60))
            for number in range(20):
                await there.happens(booked(f"b-{number}"), BookingConfirmed(id_of(f"b-{number}")))
            await until(lambda: len({got.id for got in receiver.got if got.said["entity"] != stuck}) == 40)
            await there.happens(BookingCancelled(id_of("stuck"), "rain"))
            assert {got.event for got in receiver.got if got.said["entity"] == stuck} == {"booking.created"}
            mended.set()
            await until(lambda: receiver.events[-1] == "booking.cancelled")
            told = list(dict.fromkeys(got.event for got in receiver.got if got.said["entity"] == stuck))
            assert told == ["booking.created", "booking.confirmed", "booking.reminder", "booking.cancelled"]
            for number in range(20):
                mine = [got.event for got in receiver.got if got.said["entity"] == f"booking/{id_of(f'b-{number}')}"]
                assert mine == ["booking.created", "booking.confirmed"]

    async def test_no_answer_in_time_is_no_answer(self) -> None:
        """The connection is given up, and it is tried again."""
        async with receiving() as receiver, posting(allow_http=True, allow_private=True, timeout_ms=2_000) as http:
            receiver.answers = lambda got: None if got.attempt == 1 else 200
            async with office(http) as there:
                await there.put("shop", receiver.url)
                await there.courier(backoff_ms=AT_ONCE)
                await there.happens(booked("b-1"))
                shown = await there.shows(lambda shown: shown["delivered"] == 1)
                assert [(one["status"], one["why"]) for one in shown["attempts"]] == [(0, "timeout"), (200, "")]

    async def test_a_redirect_is_not_followed(self) -> None:
        """It is an answer like any other that is not a success."""
        async with receiving() as receiver, receiving() as elsewhere, office() as there:
            away = f"HTTP/1.1 307 Away\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
            receiver.answers = lambda got: away if got.attempt == 1 else 200
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE)
            await there.happens(booked("b-1"))
            shown = await there.shows(lambda shown: shown["delivered"] == 1)
            assert [one["status"] for one in shown["attempts"]] == [307, 200]
            assert elsewhere.got == []

    async def test_who_is_gone_is_disabled(self) -> None:
        """By a 410; nothing is lost, and it goes on when somebody enables it again."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda _got: 410
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE)
            await there.happens(booked("b-1"))
            await there.shows(lambda shown: shown["courier"] == "" and shown["late_count"])
            assert len(receiver.got) == 1
            receiver.answers = lambda _got: 200
            await there.happens(booked("b-2"))
            await there.ask("demo.webhooks", EnableEndpoint("shop"))
            await there.shows(lambda shown: shown["delivered"] == 2)
            assert Counter(receiver.ids).most_common(1)[0][1] == 2 and len(receiver.got) == 3

    async def test_dead_letters_are_kept_and_can_be_replayed(self) -> None:
        """Under their old ids, and later ones of the same entity did not wait for ever."""
        async with receiving() as receiver, office() as there:
            first = f"booking/{id_of('b-1')}"
            receiver.answers = lambda got: 500 if (got.event, got.said["entity"]) == ("booking.created", first) else 200
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE, tried_for_ms=100)
            await there.happens(booked("b-1"))
            await there.happens(BookingConfirmed(id_of("b-1")))
            shown = await there.shows(lambda shown: shown["dead"] and shown["delivered"] == 1)
            (dead,) = shown["dead"]
            assert (dead["id"], dead["event"], dead["why"]) == (receiver.ids[0], "booking.created", "status_500")
            assert dead["attempts"] == receiver.ids.count(dead["id"]) >= 2
            receiver.answers = lambda _got: 200
            assert await there.ask("demo.webhook.shop", ReplayDead(all=True)) == {"replayed": 1, "left": 0}
            shown = await there.shows(lambda shown: shown["delivered"] == 2)
            assert (shown["dead"], shown["late_count"], receiver.ids[-1]) == ([], 0, dead["id"])

    async def test_who_answers_nobody_for_long_is_disabled(self) -> None:
        """Nothing is lost by it."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda _got: 500
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=AT_ONCE, failing_max_ms=200)
            await there.happens(booked("b-1"))
            shown = await there.shows(lambda shown: shown["courier"] == "" and shown["failed"])
            assert shown["late_count"] == 1
            listed = (await there.ask("demo.webhooks", ListEndpoints()))["endpoints"]
            assert not listed[0]["active"] and "nothing was delivered" in listed[0]["why"]

    async def test_a_hundred_given_up_in_a_row_disable_it(self) -> None:
        """Without one success between them."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda _got: 500
            await there.put("shop", receiver.url)
            await there.courier(backoff_ms=(1,), tried_for_ms=1)
            await there.happens(*(booked(f"b-{number}") for number in range(120)))
            shown = await there.shows(lambda shown: shown["courier"] == "" and shown["failed"])
            assert 100 <= len(shown["dead"]) <= 120
            listed = (await there.ask("demo.webhooks", ListEndpoints()))["endpoints"]
            assert not listed[0]["active"] and "in a row" in listed[0]["why"]


class TestEndpoints:
    async def test_what_happens_while_it_is_disabled_waits(self) -> None:
        """In the log; and it goes on from there. `afresh`, it does not."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            await there.courier()
            await there.attended()
            await there.ask("demo.webhooks", DisableEndpoint("shop"))
            await there.attended("")
            await there.happens(booked("b-1"))
            await there.ask("demo.webhooks", EnableEndpoint("shop"))
            await until(lambda: len(receiver.got) == 1)
            await there.ask("demo.webhooks", DisableEndpoint("shop"))
            await there.attended("")
            await there.happens(booked("skipped"))
            await there.ask("demo.webhooks", EnableEndpoint("shop", afresh=True))
            await there.attended()
            await there.happens(booked("b-2"))
            await until(lambda: len(receiver.got) == 2)
            assert [got.said["data"]["booking"] for got in receiver.got] == [id_of("b-1"), id_of("b-2")]

    async def test_a_new_address_gets_what_was_late(self) -> None:
        """The endpoint is the same."""
        async with receiving() as old, receiving() as new, office() as there:
            old.answers = lambda _got: 500
            await there.put("shop", old.url)
            await there.courier(backoff_ms=AT_ONCE)
            await there.happens(booked("b-1"))
            await until(lambda: old.got)
            await there.put("shop", new.url)
            await until(lambda: new.got)
            assert new.ids[0] == old.ids[0]

    async def test_one_endpoint_does_not_delay_another(self) -> None:
        """However slow it is; and it is asked no more than so much at once."""
        async with receiving() as slow, receiving() as quick, office() as there:
            slow.answers = lambda _got: None
            await there.put("slow", slow.url)
            await there.put("quick", quick.url)
            await there.courier()
            await there.happens(*(booked(f"b-{number}") for number in range(30)))
            await until(lambda: len(quick.got) == 30 and len(slow.got) == AT_ONCE_PER_ENDPOINT_MAX)
            slow.released.set()
            await until(lambda: len(slow.got) == 30)
            assert slow.most_open <= AT_ONCE_PER_ENDPOINT_MAX


class TestCouriers:
    async def test_of_two_one_delivers(self) -> None:
        """Nothing is delivered twice."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            await there.courier("one")
            await there.courier("two")
            for number in range(50):
                await there.happens(booked(f"b-{number}"))
            await there.shows(lambda shown: shown["delivered"] == 50)
            assert len(receiver.got) == len(set(receiver.ids)) == 50

    async def test_who_leaves_hands_over_at_once_and_nothing_is_repeated(self) -> None:
        """What is under way is let come to its end, and the report says so."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            one = await there.courier("one")
            await there.attended("one")
            await there.courier("two")
            for number in range(20):
                await there.happens(booked(f"b-{number}"))
            await one.stop()
            for number in range(20, 40):
                await there.happens(booked(f"b-{number}"))
            await there.shows(lambda shown: shown["delivered"] == 40 and shown["courier"] == "two")
            assert len(receiver.got) == len(set(receiver.ids)) == 40

    async def test_who_is_killed_loses_nothing(self) -> None:
        """What was under way or not reported yet is delivered again, under the same id; nothing else is."""
        async with receiving() as receiver, office() as there:
            hung = {f"booking/{id_of(f'b-{number}')}" for number in (7, 8, 9)}
            receiver.answers = lambda got: None if got.said["entity"] in hung and got.attempt == 1 else 200
            await there.put("shop", receiver.url)
            one = await there.courier("one")
            await there.attended("one")
            for number in range(20):
                await there.happens(booked(f"b-{number}"))
            await there.shows(lambda shown: shown["delivered"] == 17)
            await one.kill()
            for number in range(20, 30):
                await there.happens(booked(f"b-{number}"))
            await there.courier("two")
            await there.shows(lambda shown: shown["delivered"] == 30)
            assert len(set(receiver.ids)) == 30
            repeated = {got.said["entity"] for got in receiver.got if got.attempt > 1}
            assert repeated == hung

    async def test_who_is_not_answered_stops_sending(self) -> None:
        """Before anybody else can have taken the place: so two never deliver at a time."""
        async with receiving() as receiver, office() as there:
            await there.put("shop", receiver.url)
            one = await there.courier("one")
            await there.attended("one")
            await there.courier("two")
            there.house.line_of(one.sender).cut = True
            await there.attended("two")
            await there.happens(booked("b-1"))
            await there.shows(lambda shown: shown["delivered"] == 1)
            assert len(receiver.got) == 1

    async def test_what_was_late_stays_so_across_couriers(self) -> None:
        """With the number of its attempts and its next time."""
        async with receiving() as receiver, office() as there:
            receiver.answers = lambda _got: 500
            await there.put("shop", receiver.url)
            one = await there.courier("one", backoff_ms=(60_000,))
            await there.happens(booked("b-1"))
            before = (await there.shows(lambda shown: shown["late_count"] and shown["late"][0]["attempts"]))["late"]
            await one.stop()
            await there.courier("two")
            await there.attended("two")
            await there.happens(booked("b-2"))
            await until(lambda: len(receiver.got) == 2)
            assert (await there.shown())["late"][0] == before[0]

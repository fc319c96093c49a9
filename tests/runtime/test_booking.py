"""Bookings on hosts: through the whole runtime, over several days and hosts, and everybody at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import msgspec

from actors.booking.asking import for_book, for_booking, for_hold, for_move, for_series, id_for
from actors.booking.commands import (
    Book,
    BookSeries,
    Cancel,
    Confirm,
    JoinStandby,
    KeepHold,
    Move,
    PlaceHold,
    ShowBooking,
    ShowDay,
)
from actors.booking.recurrence import starts_of
from actors.catalog import Link, PutEventType, PutResource
from actors.decider import Refusal
from actors.kinds import KINDS
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.calendar.quantum import SLOTS, date_of, day_start
from events.catalog import EventType, Quota
from events.clock import Instant
from events.day import Booker, Booking, Item, Wish, owner_of
from tests.support.house import House, accepted, open_house

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
VISIT = EventType("visit", "A visit", durations=(60, 2_880), interval=15)


async def set_up(sender: Sender) -> None:
    for put in (
        PutResource("studio", "UTC"),
        PutResource("room", "UTC", capacity=5),
        PutResource("mics", "UTC", capacity=2, standalone=False),
        PutEventType("visit", "A visit", durations=(60, 2_880), interval=15),
        *(Link("visit", resource) for resource in ("studio", "room", "mics")),
    ):
        accepted(await sender.send("demo.catalog", put))


def tomorrow(house: House, hours: int = 12) -> Instant:
    return house.clock() // DAY_MS * DAY_MS + 2 * DAY_MS + hours * HOUR_MS


def wish(start: Instant, *items: Item, minutes: int = 60) -> Wish:
    return Wish("visit", start, minutes, items or (Item("studio"),))


async def book(sender: Sender, wanted: Wish, token: str) -> Accepted | Refusal:
    id = id_for(VISIT, wanted, token)
    parts = for_book("demo", VISIT, Book(id, wanted))
    assert not isinstance(parts, Refusal)
    return await sender.transact(parts, within_ms=20_000)


async def shown(sender: Sender, id: str) -> Booking:
    reply = accepted(await sender.send(owner_of("demo", id), ShowBooking(id))).reply
    return msgspec.convert(reply, Booking)


async def used(sender: Sender, resource: str, date: str) -> list[int]:
    reply: list[int] = accepted(await sender.send(f"demo.day.{resource}.{date}", ShowDay())).reply["used"]
    return reply


class TestOne:
    async def test_one_day_of_one_resource_is_a_plain_commit(self) -> None:
        """Held, kept alive, booked; each with the log's last word, the heartbeat without any."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            await set_up(sender)
            wanted = wish(tomorrow(house))
            hold, booking = id_for(VISIT, wanted, "h-1"), id_for(VISIT, wanted, "b-1")
            (part,) = for_hold("demo", VISIT, wanted, PlaceHold(hold, "ann", wanted))
            assert accepted(await sender.send(*part)).sequence
            for _ in range(4):
                await asyncio.sleep(8)
                assert accepted(await sender.send(part[0], KeepHold(hold, "ann"))).sequence == 0
            answer = accepted(await sender.send(part[0], Book(booking, wanted, "ann", hold)))
            assert answer.reply["status"] == "confirmed"
            assert host.transactions.landed == 0
            assert [type(fact).__name__ for fact in await house.facts(part[0])] == [
                "SlotsHeld", "SlotsTaken", "BookingMade"
            ]  # fmt: skip

    async def test_a_hold_without_heartbeats_ends_by_itself(self) -> None:
        """Ten seconds later the slots are anybody's."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            await set_up(sender)
            wanted = wish(tomorrow(house))
            ((actor, hold),) = for_hold(
                "demo", VISIT, wanted, PlaceHold(id_for(VISIT, wanted, "h-1"), "ann", wanted)
            )  # fmt: skip
            await sender.send(actor, hold)
            assert isinstance(await book(sender, wanted, "b-1"), Refusal)
            await asyncio.sleep(11)
            assert [type(fact).__name__ for fact in await house.facts(actor)] == ["SlotsHeld", "HoldExpired"]
            assert isinstance(await book(sender, wanted, "b-1"), Accepted)


class TestSpans:
    async def test_a_span_takes_all_of_its_days_or_none(self) -> None:
        """Over three days and two items, on two hosts; a day in the middle that is taken refuses all of it."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            start = tomorrow(house)
            dates = [date_of(start + n * DAY_MS) for n in range(3)]
            long = wish(start, Item("studio"), Item("mics", 2), minutes=2_880)
            assert isinstance(await book(sender, wish(start + DAY_MS, Item("studio")), "b-0"), Accepted)
            refused = await book(sender, long, "b-1")
            assert isinstance(refused, Refusal) and refused.code == "taken"
            assert [max(await used(sender, "mics", date)) for date in dates] == [0, 0, 0]
            assert isinstance(await book(sender, wish(start + DAY_MS, Item("room", 5)), "b-2"), Accepted)
            first = await shown(sender, id_for(VISIT, wish(start + DAY_MS), "b-0"))
            await sender.transact(for_booking("demo", first, Cancel(first.id)))
            assert isinstance(await book(sender, long, "b-3"), Accepted)
            assert [max(await used(sender, "mics", date)) for date in dates] == [2, 2, 2]
            long_one = await shown(sender, id_for(VISIT, long, "b-3"))
            answer = accepted(await sender.transact(for_booking("demo", long_one, Cancel(long_one.id))))
            assert answer.reply[owner_of("demo", long_one.id)]["status"] == "cancelled"
            for resource in ("studio", "mics"):
                assert [max(await used(sender, resource, date)) for date in dates] == [0, 0, 0]

    async def test_a_part_is_not_taken_by_whoever_is_asked_something_else(self) -> None:
        """To be there is not enough: all days of a booking are asked for the very same, or it is not made."""
        async with open_house(KINDS) as house:
            await house.host()
            sender = await house.sender()
            await set_up(sender)
            long = wish(tomorrow(house), minutes=2_880)
            parts = for_book("demo", VISIT, Book(id_for(VISIT, long, "b-1"), long))
            assert not isinstance(parts, Refusal)
            (owner, command), *others = parts
            sly = await sender.transact([(owner, command), *((actor, ShowDay()) for actor, _ in others)])
            assert isinstance(sly, Refusal) and sly.code == "changed_meanwhile"

    async def test_a_booking_moves_to_other_days_with_all_that_it_has(self) -> None:
        """Partly onto its own old time; what it had is free, what it has is taken, and its id still finds it."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            start = tomorrow(house)
            old = wish(start, Item("studio"), Item("mics"), minutes=2_880)
            id = id_for(VISIT, old, "b-1")
            await book(sender, old, "b-1")
            booking = await shown(sender, id)
            new = wish(start + DAY_MS, Item("studio"), Item("mics"), minutes=2_880)
            parts = for_move("demo", booking, VISIT, Move(id, new))
            assert len(parts) == 8
            accepted(await sender.transact(parts, within_ms=20_000))
            moved = await shown(sender, id)
            assert (moved.wish, moved.version, moved.status) == (new, 1, "confirmed")
            for resource in ("studio", "mics"):
                seen = [sum(await used(sender, resource, date_of(start + n * DAY_MS))) for n in range(4)]
                assert seen == [0, 48, 96, 48]
            stale = await sender.transact(for_booking("demo", booking, Cancel(id)))
            assert isinstance(stale, Refusal) and stale.code == "changed_meanwhile"
            accepted(await sender.transact(for_booking("demo", moved, Cancel(id)), within_ms=20_000))
            for n in range(4):
                assert sum(await used(sender, "studio", date_of(start + n * DAY_MS))) == 0


class TestSeries:
    async def test_a_series_is_booked_whole_or_not_at_all(self) -> None:
        """Four weeks; when one of the days is taken, the others stay free."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            start = tomorrow(house)
            starts = starts_of("FREQ=WEEKLY;COUNT=4", start, "UTC")
            assert not isinstance(starts, Refusal)
            twice = (starts[1] + 3 * HOUR_MS,)
            command = BookSeries("s-1", wish(start), tuple(sorted((*starts[1:], *twice))))
            parts = for_series("demo", VISIT, command)
            assert not isinstance(parts, Refusal) and len(parts) == 4
            other = wish(start + 14 * DAY_MS)
            assert isinstance(await book(sender, other, "b-1"), Accepted)
            told = await sender.transact(parts, within_ms=20_000)
            assert isinstance(told, Refusal) and told.code == "taken" and "visit 4:" in told.detail
            assert [sum(await used(sender, "studio", date_of(one))) for one in starts] == [0, 0, 4, 0]
            blocking = await shown(sender, id_for(VISIT, other, "b-1"))
            await sender.transact(for_booking("demo", blocking, Cancel(blocking.id)))
            reply = accepted(await sender.transact(parts, within_ms=20_000)).reply[parts[0][0]]
            assert [sum(await used(sender, "studio", date_of(one))) for one in starts] == [4, 8, 4, 4]
            for id in reply["bookings"]:
                one = await shown(sender, id)
                accepted(await sender.transact(for_booking("demo", one, Cancel(id))))
            assert [sum(await used(sender, "studio", date_of(one))) for one in starts] == [0, 0, 0, 0]


class TestStandby:
    async def test_a_freed_slot_goes_to_whoever_waits(self) -> None:
        """By itself, and though somebody else asks at the same moment; after a host's death too."""
        async with open_house(KINDS) as house:
            one = await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            wanted = wish(tomorrow(house))
            await book(sender, wanted, "b-1")
            standby = id_for(VISIT, wanted, "s-1")
            actor = owner_of("demo", standby)
            accepted(await sender.send(actor, JoinStandby(standby, "ann", wanted)))
            if actor in one.cells:
                house.kill(one)
            booking = await shown(sender, id_for(VISIT, wanted, "b-1"))
            accepted(await sender.transact(for_booking("demo", booking, Cancel(booking.id)), within_ms=20_000))
            late = await book(sender, wanted, "b-2")
            assert isinstance(late, Refusal) and late.code == "taken"
            hers = Book(id_for(VISIT, wanted, "b-3"), wanted, "ann", standby)
            assert accepted(await sender.send(actor, hers)).reply["status"] == "confirmed"


class TestQuotas:
    async def test_a_limit_holds_over_all_days_at_once(self) -> None:
        """One person wants ten days and may have two a month, whoever asks first."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            limited = PutEventType("visit", "A visit", durations=(60, 2_880), interval=15, per_booker=Quota(month=2))
            stands = accepted(await sender.send("demo.catalog", limited)).sequence
            event_type = EventType("visit", "A visit", durations=(60, 2_880), interval=15, per_booker=Quota(month=2))
            month = day_start(date_of(house.clock() + 40 * DAY_MS)[:8] + "01")

            async def ask(number: int) -> Accepted | Refusal:
                wanted = wish(month + number * DAY_MS + 12 * HOUR_MS)
                command = Book(
                    id_for(event_type, wanted, "b"), wanted, booker=Booker("Ann", "ann@example.org"), catalog=stands
                )  # fmt: skip
                parts = for_book("demo", event_type, command)
                assert not isinstance(parts, Refusal)
                return await sender.transact(parts, within_ms=20_000)

            answers = await asyncio.gather(*(ask(number) for number in range(10)))
            told = Counter(answer.code if isinstance(answer, Refusal) else "booked" for answer in answers)
            assert told == {"booked": 2, "over_limit": 8}


class TestRush:
    async def test_one_slot_has_one_winner(self) -> None:
        """Two hundred want it at once."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            senders = [await house.sender() for _ in range(4)]
            await set_up(senders[0])
            wanted = wish(tomorrow(house))
            answers = await asyncio.gather(*(book(senders[n % 4], wanted, f"b-{n}") for n in range(200)))
            told = Counter(answer.code if isinstance(answer, Refusal) else "won" for answer in answers)
            assert told == {"won": 1, "taken": 199}

    async def test_a_pool_ends_full_and_never_more(self) -> None:
        """A hundred ask for one to three of five."""
        async with open_house(KINDS) as house:
            await house.host("one")
            await house.host("two")
            senders = [await house.sender() for _ in range(4)]
            await set_up(senders[0])
            start, dice = tomorrow(house), Random(3)
            asks = [wish(start, Item("room", dice.randrange(1, 4))) for _ in range(100)]
            answers = await asyncio.gather(
                *(book(senders[n % 4], wanted, f"b-{n}") for n, wanted in enumerate(asks))
            )  # fmt: skip
            won = [isinstance(answer, Accepted) for answer in answers]
            assert sum(wanted.items[0].units for wanted, mine in zip(asks, won, strict=True) if mine) == 5
            counts = await used(senders[0], "room", date_of(start))
            assert counts[48:52] == [5] * 4 and sum(counts) == 20 and len(counts) == SLOTS

    async def test_a_dead_host_loses_no_booking(self) -> None:
        """What was told stands, and nobody else gets it."""
        async with open_house(KINDS) as house:
            one = await house.host("one")
            await house.host("two")
            sender = await house.sender()
            await set_up(sender)
            start = tomorrow(house, 0)
            told = [await book(sender, wish(start + n * HOUR_MS), f"b-{n}") for n in range(24)]
            assert all(isinstance(answer, Accepted) for answer in told)
            house.kill(one)
            again = [await book(sender, wish(start + n * HOUR_MS), f"c-{n}") for n in range(24)]
            assert {answer.code for answer in again if isinstance(answer, Refusal)} == {"taken"}
            assert len(again) == 24 and day_start(date_of(start)) == start
            assert isinstance(await sender.send(owner_of("demo", "studio.x.y"), Confirm("studio.x.y")), Refusal)

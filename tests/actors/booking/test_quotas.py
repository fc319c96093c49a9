"""Limits per day, week and month: of one resource, and by one booker; counted by somebody who sees all days."""

from __future__ import annotations

import msgspec
import pytest

from actors.booking.asking import for_book
from actors.booking.commands import Book, Cancel, Confirm, Move
from actors.booking.part import By
from actors.booking.quota import QUOTA, QuotaCommand, Tally
from actors.decider import Refusal
from actors.specification import Given, given
from events.catalog import Quota
from events.clock import Instant
from events.day import Booker, Status, Wish, owner_of
from events.quota import Advanced, Counted, QuotaFact, Recounted, Uncounted, booker_key, quota_actor, resource_key
from tests.support.studio import ACTOR, CATALOG, HOUR_MS, NOON, NOW, by, day, id_of, wish

DAY_MS = 24 * HOUR_MS
ANN = Booker("Ann", "ann@example.org")
KEY = booker_key(ANN, "")
HERS = quota_actor("demo", KEY)
TOGETHER = (ACTOR, HERS)


def limited(start: Instant = NOON) -> Wish:
    return wish("limited", start)


def book(token: str, start: Instant = NOON, booker: Booker = ANN) -> Book:
    return Book(id_of(token, limited(start)), limited(start), booker=booker)


def counted(token: str, start: Instant = NOON, until: Instant | None = None) -> Counted:
    status: Status = "confirmed" if until is None else "provisional"
    return Counted(id_of(token, limited(start)), "limited", start, status, until)


def hers(*facts: QuotaFact, at: Instant = NOW) -> Given[Tally, QuotaCommand, QuotaFact, By]:
    return given(QUOTA, *facts, at=at, actor=HERS)


def within(quota: Quota, asked: Book) -> By:
    """What it decides by, with these limits on what one person books, and the booking's owner beside it."""
    event_type = msgspec.structs.replace(CATALOG.event_types["limited"], per_booker=quota)
    catalog = msgspec.structs.replace(CATALOG, event_types=CATALOG.event_types | {"limited": event_type})
    return by(owner_of("demo", asked.booking), HERS, catalog=catalog)


class TestCounting:
    def test_what_is_within_the_limit_is_counted(self) -> None:
        """By the time at which it begins."""
        hers().when(book("b-1"), policy=by(*TOGETHER)).then(counted("b-1"))

    @pytest.mark.parametrize(
        ("quota", "days", "refused"),
        [
            (Quota(day=1), 0, True),
            (Quota(day=1), 1, False),
            (Quota(day=2), 0, False),
            (Quota(week=1), 6, True),  # from Monday, 7 December, to the Sunday behind it
            (Quota(week=1), 7, False),
            (Quota(month=1), 24, True),
            (Quota(month=1), 25, False),
        ],
    )
    def test_a_period_has_its_limit(self, quota: Quota, days: int, refused: bool) -> None:
        """Days, weeks from Monday, and months, by the clocks of the resource."""
        asked = book("b-2", NOON + days * DAY_MS)
        outcome = hers(counted("b-1")).when(asked, policy=within(quota, asked))
        if refused:
            outcome.then_refused("over_limit")
        else:
            outcome.then(counted("b-2", NOON + days * DAY_MS))

    def test_the_day_is_the_resources_own(self) -> None:
        """At a quarter to midnight in Berlin it is still today, whatever UTC says of the hour before."""
        late, next_day = book("b-2", NOON + 10 * HOUR_MS + 2_700_000), book("b-3", NOON + 11 * HOUR_MS)
        assert hers(counted("b-1")).when(next_day, policy=within(Quota(day=1), next_day)).facts
        hers(counted("b-1")).when(late, policy=within(Quota(day=1), late)).then_refused("over_limit")

    def test_what_is_over_does_not_count(self) -> None:
        """Cancelled, or lapsed, whether anybody has noticed or not."""
        asked = book("b-2")
        cancelled = (counted("b-1"), Uncounted(id_of("b-1", limited())))
        hers(*cancelled).when(asked, policy=by(*TOGETHER)).then(counted("b-2"))
        lapses = counted("b-1", until=NOW + 1_000)
        hers(lapses).when(asked, at=NOW + 1_000, policy=by(*TOGETHER)).then_refused("over_limit")
        hers(lapses).when(asked, at=NOW + 1_001, policy=by(*TOGETHER)).then(counted("b-2"))

    def test_it_goes_the_bookings_way(self) -> None:
        """Confirmed, moved, cancelled."""
        id = id_of("b-1", limited())
        provisional = counted("b-1", until=NOW + 1_000)
        hers(provisional).when(Confirm(id, "token"), policy=by(*TOGETHER)).then(Advanced(id, "confirmed", None))
        late = hers(provisional).when(Confirm(id, "token"), at=NOW + 1_001, policy=by(*TOGETHER))
        late.then_refused("lapsed")
        there = NOON + DAY_MS
        hers(counted("b-1")).when(Move(id, limited(there)), policy=by(*TOGETHER)).then(Recounted(id, there))
        hers(counted("b-1")).when(Move(id, limited(NOON + HOUR_MS)), policy=by(*TOGETHER)).then(
            Recounted(id, NOON + HOUR_MS)
        )
        full = (counted("b-1"), counted("b-2", there))
        hers(*full).when(Move(id, limited(there)), policy=by(*TOGETHER)).then_refused("over_limit")
        hers(counted("b-1")).when(Cancel(id), policy=by(*TOGETHER)).then(Uncounted(id))
        hers().when(Cancel(id), policy=by(*TOGETHER)).then_nothing()

    def test_what_is_long_past_is_forgotten(self) -> None:
        """It counts for no period that can still be booked."""
        later = NOON + 70 * DAY_MS
        first = counted("b-1")
        forgotten = given(QUOTA, first, at=NOW, actor=HERS).given(counted("b-2", later), at=later - DAY_MS)
        assert list(forgotten.state().entries) == [id_of("b-2", limited(later))]

    def test_nobody_counts_behind_the_owners_back(self) -> None:
        """Or somebody's limit could be used up by others."""
        hers().when(book("b-1"), policy=by()).then_refused("owner_missing")
        hers(counted("b-1")).when(Cancel(id_of("b-1")), policy=by(HERS)).then_refused("owner_missing")

    def test_it_counts_its_own_only(self) -> None:
        """Another booker's bookings are another quota's."""
        bob = book("b-1", booker=Booker("Bob", "bob@example.org"))
        hers().when(bob, policy=by(*TOGETHER)).then_refused("not_here")


class TestTakingPart:
    def test_a_limited_booking_is_counted_or_not_made(self) -> None:
        """The day sees that the quota takes part, and remembers which."""
        day().when(book("b-1"), policy=by()).then_refused("changed_meanwhile")
        made = day().when(book("b-1"), policy=by(*TOGETHER)).facts[1]
        assert made.booking.counted == (HERS,)  # type: ignore[union-attr]
        day().when(book("b-1", booker=Booker("Nameless")), policy=by(*TOGETHER)).then_refused("booker_needed")

    def test_whoever_asks_finds_out_whom_to_ask(self) -> None:
        """The days first, then who counts."""
        parts = for_book("demo", CATALOG.event_types["limited"], book("b-1"))
        assert not isinstance(parts, Refusal)
        assert tuple(actor for actor, _ in parts) == TOGETHER

    def test_one_booker_is_one_address(self) -> None:
        """However it is written; and its name is in no actor's."""
        assert booker_key(Booker("A", " ANN@Example.org "), "s") == KEY
        assert "ann" not in HERS
        assert booker_key(Booker("A"), "s-1") == booker_key(Booker("B"), "s-1") != KEY
        assert resource_key("studio") != resource_key("other")

"""Holds are enforced: what is held is nobody else's, for as long as the hold stands, and not a moment longer."""

from __future__ import annotations

import pytest

from actors.booking.commands import Book, KeepHold, PlaceHold, ReleaseHold
from actors.decider import Leases, Tick
from events.day import HoldExpired, HoldReleased, Item, Slots, SlotsHeld
from tests.support.studio import HOUR_MS, NOON, NOW, by, day, id_of, wish

HOLD = id_of("h-1")
LIFE_MS = 10_000
HELD = SlotsHeld(HOLD, "ann", wish(), Slots(48, 52), NOW + LIFE_MS, NOW + 900_000, LIFE_MS, 7)


def hold_of(token: str, session: str, start: int, minutes: int = 60) -> PlaceHold:
    wanted = wish(start=start, minutes=minutes)
    return PlaceHold(id_of(token, wanted), session, wanted)


class TestPlacing:
    def test_free_slots_are_held(self) -> None:
        """The answer says until when, and how long heartbeats can keep it at most."""
        day().when(PlaceHold(HOLD, "ann", wish()), policy=by()).then(HELD).replies(
            {"hold": HOLD, "expires_at": NOW + LIFE_MS, "expires_at_latest": NOW + 900_000}
        )

    @pytest.mark.parametrize("start", [NOON - HOUR_MS + 900_000, NOON, NOON + 900_000, NOON + HOUR_MS - 900_000])
    def test_held_slots_are_nobody_elses(self, start: int) -> None:
        """Wherever the two meet."""
        day(HELD).when(hold_of("h-2", "bob", start), policy=by()).then_refused("taken")
        wanted = wish(start=start)
        day(HELD).when(Book(id_of("b-1", wanted), wanted, "bob"), policy=by()).then_refused("taken")

    @pytest.mark.parametrize("start", [NOON - HOUR_MS, NOON + HOUR_MS])
    def test_touching_ends_do_not_meet(self, start: int) -> None:
        """One begins when the other ends."""
        day(HELD).when(hold_of("h-2", "bob", start), policy=by()).replies(
            {"hold": id_of("h-2"), "expires_at": NOW + LIFE_MS, "expires_at_latest": NOW + 900_000}
        )

    def test_a_longer_visit_that_would_run_into_it_is_refused(self) -> None:
        """It begins well before, and would still be there."""
        day(HELD).when(hold_of("h-2", "bob", NOON - HOUR_MS, 120), policy=by()).then_refused("taken")

    def test_the_sessions_own_hold_gives_way(self) -> None:
        """Whoever looks at another time has not lost the slots to themselves."""
        other = hold_of("h-2", "ann", NOON + 900_000)
        held = SlotsHeld(
            other.hold, "ann", other.wish, Slots(49, 53), NOW + LIFE_MS, NOW + 900_000, LIFE_MS, 7
        )  # fmt: skip
        day(HELD).when(other, policy=by()).then(HoldReleased(HOLD), held)

    def test_a_pool_holds_as_many_as_it_has(self) -> None:
        """Units are counted, not only whether there are any."""
        wanted = wish(items=(Item("room", 3),))
        actor = "demo.day.room.2026-12-07"
        first = SlotsHeld(id_of("h-1", wanted), "ann", wanted, Slots(48, 52, 3), NOW + 1, NOW + 9, 1, 7)
        for units, code in ((3, "taken"), (2, "")):
            more = wish(items=(Item("room", units),))
            outcome = day(first, actor=actor).when(PlaceHold(id_of("h-2", more), "bob", more), policy=by())
            if code:
                outcome.then_refused(code)

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (PlaceHold(HOLD, "no session", wish()), "bad_session"),
            (PlaceHold("studio.2026-12-08.h-1", "ann", wish()), "bad_id"),
            (PlaceHold("studio.2026-12-07.", "ann", wish()), "bad_id"),
            (PlaceHold("nonsense", "ann", wish()), "bad_id"),
            (PlaceHold(HOLD, "ann", wish("nothing")), "unknown_event_type"),
            (PlaceHold(HOLD, "ann", wish(items=())), "bad_items"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("studio"), Item("studio")))), "item_twice"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("nowhere"),))), "unknown_resource"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("apart"),))), "not_linked"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("studio", 0),))), "bad_units"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("studio", 2),))), "over_capacity"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("mics"),))), "only_with_another"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("other"),))), "not_here"),
            (PlaceHold(HOLD, "ann", wish(start=NOON + 1)), "off_grid"),
            (PlaceHold(HOLD, "ann", wish(minutes=45)), "wrong_duration"),
            (PlaceHold(HOLD, "ann", wish(start=NOW - HOUR_MS)), "in_the_past"),
            (PlaceHold(HOLD, "ann", wish(start=NOON + 4_000 * 24 * HOUR_MS)), "beyond_horizon"),
            (PlaceHold(HOLD, "ann", wish(), catalog=8), "catalog_behind"),
            (PlaceHold(HOLD, "ann", wish(items=(Item("studio"), Item("mics")))), "changed_meanwhile"),
        ],
    )
    def test_what_cannot_be_held_is_refused(self, command: PlaceHold, code: str) -> None:
        """With the rule that stands against it."""
        day().when(command, policy=by()).then_refused(code)

    def test_what_was_possible_a_moment_ago_may_not_be_now(self) -> None:
        """Notice ends to the millisecond, and the horizon moves on at midnight, however often the same was asked."""
        noticed = PlaceHold(HOLD, "ann", wish("noticed"))
        for at, possible in ((NOON - HOUR_MS, True), (NOON - HOUR_MS + 1, False), (NOON - HOUR_MS, True)):
            outcome = day(at=NOW).when(noticed, at=at, policy=by())
            assert outcome.facts if possible else outcome.then_refused("too_soon")
        far = wish("noticed", NOON + 24 * HOUR_MS)
        hold = PlaceHold(id_of("h-1", far), "ann", far)
        actor = "demo.day.studio.2026-12-08"
        day(at=0, actor=actor).when(hold, at=NOW - HOUR_MS - 1, policy=by()).then_refused("beyond_horizon")
        assert day(at=0, actor=actor).when(hold, at=NOW - HOUR_MS, policy=by()).facts

    def test_an_id_is_used_once(self) -> None:
        """Another one must not get the first one's slots."""
        day(HELD).when(PlaceHold(HOLD, "ann", wish(start=NOON + HOUR_MS)), policy=by()).then_refused("hold_exists")

    def test_a_session_holds_so_much(self) -> None:
        """At other times of the day, too."""
        facts = [
            SlotsHeld(f"{HOLD}{n}", "ann", wish(), Slots(n, n + 1), NOW + 9_999, NOW + 9_999, 9_999, 7)
            for n in range(8)
        ]  # fmt: skip
        day(*facts).when(PlaceHold(HOLD, "ann", wish()), policy=by()).then_refused("too_many_holds")


class TestEnding:
    def test_at_exactly_its_life_it_stands(self) -> None:
        """A moment later it is gone, and whoever comes first has the slots, whether anybody has noticed or not."""
        mine = hold_of("h-2", "bob", NOON)
        day(HELD).when(mine, at=NOW + LIFE_MS, policy=by()).then_refused("taken")
        late = NOW + LIFE_MS + 1
        held = SlotsHeld(mine.hold, "bob", wish(), Slots(48, 52), late + LIFE_MS, late + 900_000, LIFE_MS, 7)
        day(HELD).when(mine, at=late, policy=by()).then(HoldExpired(HOLD), held)

    def test_a_heartbeat_keeps_it(self) -> None:
        """For another life from now on, in memory alone."""
        outcome = day(HELD).when(KeepHold(HOLD, "ann"), at=NOW + 5_000, policy=by())
        outcome.then_nothing(reply={"hold": HOLD, "expires_at": NOW + 15_000}).keeps(HOLD, NOW + 15_000)
        kept = by(leases=Leases(until={HOLD: NOW + 15_000}))
        mine = hold_of("h-2", "bob", NOON)
        day(HELD).when(mine, at=NOW + 15_000, policy=kept).then_refused("taken")
        day(HELD).when(Tick(), at=NOW + 15_000, policy=kept).then_nothing()
        day(HELD).when(Tick(), at=NOW + 15_001, policy=kept).then(HoldExpired(HOLD))

    def test_no_heartbeat_keeps_it_for_ever(self) -> None:
        """There is a longest life."""
        kept = by(leases=Leases(until={HOLD: NOW + 5_000_000}))
        day(HELD).when(KeepHold(HOLD, "ann"), at=NOW + 899_000, policy=kept).keeps(HOLD, NOW + 900_000)
        day(HELD).when(KeepHold(HOLD, "ann"), at=NOW + 900_001, policy=kept).then_refused("hold_gone")

    def test_who_takes_over_gives_a_fresh_period(self) -> None:
        """Its last heartbeats went with the host that heard them."""
        fresh = by(leases=Leases(since=NOW + 60_000))
        day(HELD).when(Tick(), at=NOW + 70_000, policy=fresh).then_nothing()
        day(HELD).when(Tick(), at=NOW + 70_001, policy=fresh).then(HoldExpired(HOLD))

    def test_the_actor_asks_to_be_woken_just_after(self) -> None:
        """When the hold has ended, not when it still stands."""
        day().when(PlaceHold(HOLD, "ann", wish()), policy=by()).wakes_at(NOW + LIFE_MS + 1)
        day(HELD).when(ReleaseHold(HOLD, "ann"), policy=by()).wakes_at(None)

    def test_a_release_frees_at_once(self) -> None:
        """By its own session; what is gone already is as released."""
        day(HELD).when(ReleaseHold(HOLD, "ann"), policy=by()).then(HoldReleased(HOLD))
        day(HELD).when(ReleaseHold(HOLD, "bob"), policy=by()).then_refused("not_your_hold")
        day().when(ReleaseHold(HOLD, "ann"), policy=by()).then_nothing()
        day(HELD).when(KeepHold(HOLD, "bob"), policy=by()).then_refused("not_your_hold")
        day().when(KeepHold(HOLD, "ann"), policy=by()).then_refused("hold_gone")

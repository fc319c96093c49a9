"""Conformance: what users of such systems rely on, case by case, each a defect or a promise of one that they know."""

from __future__ import annotations

import msgspec
import pytest

from actors.booking.asking import for_book, for_booking
from actors.booking.commands import Book, Cancel, PlaceHold
from actors.booking.day import DAY
from actors.booking.part import By
from actors.decider import Command, Decision, Refusal
from events.clock import Instant
from events.day import Item, Wish
from tests.support.studio import CATALOG, DATE, HOUR_MS, NOON, NOW, by, id_of

VISITS = msgspec.structs.replace(
    CATALOG.event_types["visit"], durations=(60, 300), hold_seconds=10, hold_seconds_max=10
)  # fmt: skip
KNOWN = msgspec.structs.replace(CATALOG, event_types=CATALOG.event_types | {"visit": VISITS})


class Town:
    """Days of several resources, each its own actor; what is asked of several takes effect in all or none."""

    def __init__(self) -> None:
        self.days = {name: DAY.initial(name) for name in (f"demo.day.{one}.{DATE}" for one in CATALOG.active)}

    def ask(self, parts: tuple[tuple[str, Command], ...], at: Instant = NOW) -> str:
        together = tuple(sorted(actor for actor, _ in parts)) if len(parts) > 1 else ()
        policy: By = by(*together, catalog=KNOWN)
        answers = {actor: DAY.decide(self.days[actor], command, at, policy) for actor, command in parts}  # type: ignore[arg-type]
        for answer in answers.values():
            if isinstance(answer, Refusal):
                return answer.code
        for actor, answer in answers.items():
            assert isinstance(answer, Decision)
            for fact in answer.facts:
                self.days[actor] = DAY.evolve(self.days[actor], fact, at)
        return "ok"

    def book(self, wish: Wish, token: str, session: str = "", at: Instant = NOW) -> str:
        parts = for_book("demo", VISITS, Book(id_of(token, wish), wish, session))
        assert not isinstance(parts, Refusal)
        return self.ask(parts, at)

    def hold(self, wish: Wish, token: str, session: str, at: Instant = NOW) -> str:
        actor = f"demo.day.{wish.items[0].resource}.{DATE}"
        return self.ask(((actor, PlaceHold(id_of(token, wish), session, wish)),), at)


def visit(first_hour: int, end_hour: int, *items: Item) -> Wish:
    start = NOON + (first_hour - 12) * HOUR_MS
    return Wish("visit", start, (end_hour - first_hour) * 60, items or (Item("studio"),))


class TestHolds:
    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            (visit(10, 15), "taken"),  # it would run into the other's hold
            (visit(14, 15), "ok"),  # touching ends do not meet
            (visit(13, 14, Item("other")), "ok"),  # the same time elsewhere is free
        ],
    )
    def test_what_somebody_else_holds_from_one_to_two(self, asked: Wish, told: str) -> None:
        """Only what meets it is refused."""
        town = Town()
        assert town.hold(visit(13, 14), "h-1", "ann") == "ok"
        assert town.hold(asked, "h-2", "bob") == told

    @pytest.mark.parametrize(("after_ms", "told"), [(10_000, "taken"), (10_001, "ok")])
    def test_at_exactly_its_life_it_stands(self, after_ms: int, told: str) -> None:
        """And a moment later it is gone."""
        town = Town()
        assert town.hold(visit(13, 14), "h-1", "ann") == "ok"
        assert town.hold(visit(13, 14), "h-2", "bob", NOW + after_ms) == told


class TestBundles:
    def test_the_third_of_two_microphones_is_refused(self) -> None:
        """Two visits have one each; the third gets neither it nor its studio."""
        town = Town()
        wishes = [visit(10 + n, 11 + n, Item("studio"), Item("mics")) for n in range(2)]
        same_time = [
            visit(10, 11, Item("studio"), Item("mics")),
            visit(10, 11, Item("other"), Item("mics")),
            visit(10, 11, Item("room"), Item("mics")),
        ]
        assert [town.book(wish, f"b-{n}") for n, wish in enumerate(same_time)] == ["ok", "ok", "taken"]
        assert town.days[f"demo.day.room.{DATE}"].used[40:44] == [0] * 4
        assert town.book(wishes[1], "b-9") == "ok"

    def test_an_add_on_is_never_booked_alone(self) -> None:
        """Though there are enough of them."""
        assert Town().book(visit(10, 11, Item("mics")), "b-1") == "only_with_another"

    def test_cancelling_a_bundle_frees_every_part_of_it(self) -> None:
        """The studio, and both microphones."""
        town = Town()
        wish = visit(10, 11, Item("studio"), Item("mics", 2))
        assert town.book(wish, "b-1") == "ok"
        booking = town.days[f"demo.day.studio.{DATE}"].bookings[id_of("b-1", wish)]
        assert town.ask(for_booking("demo", booking, Cancel(booking.id))) == "ok"
        assert all(sum(day.used) == 0 for day in town.days.values())

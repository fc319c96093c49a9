"""What people do who book: they look, hold, keep holding, book, confirm, move, cancel and cancel again, stand in
line; on few days of few resources, so that they meet.

Nobody here sees an answer. Whoever confirms, moves or cancels goes by what was asked for before, as somebody does who
has an old page open: some of it was never made, some has been moved since. That may be refused; it may not do half of
anything.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace as replace_fields

from actors.booking import lifecycle, standby
from actors.booking.asking import for_book, for_booking, for_hold, for_move, for_series, id_for
from actors.booking.changing import hashed
from actors.booking.commands import (
    BlockSlots,
    Book,
    BookSeries,
    Cancel,
    Confirm,
    Decline,
    JoinStandby,
    KeepHold,
    LeaveStandby,
    Move,
    PlaceHold,
    ReleaseHold,
    ShowDay,
    UnblockSlots,
)
from actors.booking.day import DAY
from actors.booking.limits import LIMITS
from actors.booking.quota import QUOTA
from actors.catalog import CATALOG, CatalogPolicy, Link, PutEventType, PutResource
from actors.decider import AnyDecider, Command, Decision, Refusal
from actors.runtime.limits import SenderLimits
from actors.simulation import sizes
from actors.simulation.clock import START
from actors.simulation.record import Part
from events.calendar.offers import occupied
from events.calendar.quantum import DAY_MS, date_of
from events.catalog import Catalog, EventType, Quota
from events.clock import Instant
from events.day import Booking, Item, Wish, day_actor, owner_of
from events.names import kind_of
from tests.laws import holds_stand, law_01_no_double_booking, law_02_whole_bookings, limits_hold
from tests.laws.answers_are_true import answering
from tests.laws.domain import Domain

ORG: Final = "house"
HOUR_MS: Final = 3_600_000
TOKEN: Final = "sesame"
MICS: Final = 2
_FIRST_DAY: Final = START // DAY_MS * DAY_MS + DAY_MS
_HOURS: Final = (6, 7, 8, 9, 11, 13, 14, 16, 18)
_TYPES: Final = ("visit", "visit", "offered", "asked", "both", "wide", "noted", "scarce", "scarce")
_REMINDED: Final = tuple(((hour + 24) * HOUR_MS - START % DAY_MS) // 60_000 for hour in _HOURS)
"""So many minutes before those starts of the first day, it is now: their reminders come as soon as they are booked."""


_sender_limits: Final = sizes.sender_limits


class SetUp(Command, frozen=True):
    """Put the whole organisation, in one commit."""


_PUTS: Final = (
    PutResource("studio", "Europe/Berlin"),
    PutResource("room", "UTC", capacity=3),
    PutResource("mics", "UTC", capacity=MICS, standalone=False),
    *(
        PutEventType(slug, interval=30, hold_seconds=hold_s, hold_seconds_max=9, **rules)
        for slug, hold_s, rules in (
            ("visit", 2, {"durations": (60, 120)}),
            ("offered", 1, {"provisional_for": 1}),
            ("asked", 5, {"approval": True, "pending_for": 1}),
            ("both", 3, {"approval": True, "provisional_for": 1}),
            ("wide", 3, {"buffer_before": 30, "buffer_after": 15}),
            ("noted", 3, {"reminders": tuple(minutes - 1 for minutes in _REMINDED[:5])}),
            ("scarce", 3, {"per_booker": Quota(day=1), "per_resource": Quota(day=2)}),
            ("long", 3, {"durations": (1_440, 1_800)}),
        )
    ),
)
"""No hold lives longer than the calm at the end of a run, however often another host gives it a fresh period."""
_LINKS: Final = tuple(
    Link(put.slug, resource)
    for put in _PUTS if isinstance(put, PutEventType)
    for resource in ("studio", "room", "mics")
)  # fmt: skip


def _decide(catalog: Catalog, command: Command, at: Instant, policy: CatalogPolicy) -> Decision[Any] | Refusal:
    if not isinstance(command, SetUp):
        return CATALOG.decide(catalog, command, at, policy)  # type: ignore[arg-type]  # whatever the catalog takes
    imagined, facts = copy.deepcopy(catalog), list[Any]()
    for put in (*_PUTS, *_LINKS):
        outcome = CATALOG.decide(imagined, put, at, policy)  # type: ignore[arg-type]  # a union
        for fact in outcome.facts if isinstance(outcome, Decision) else ():
            imagined = CATALOG.evolve(imagined, fact, at)
            facts.append(fact)
    return Decision(tuple(facts))


_SETTABLE: Final = replace(CATALOG, commands=(*CATALOG.commands, SetUp), decide=_decide)  # type: ignore[arg-type]

EVENT_TYPES: Final[Mapping[str, EventType]] = {
    put.slug: EventType(
        put.slug, put.slug, durations=put.durations, interval=put.interval,
        buffer_before=put.buffer_before, buffer_after=put.buffer_after,
        per_booker=put.per_booker, per_resource=put.per_resource,
    )
    for put in _PUTS if isinstance(put, PutEventType)
}  # fmt: skip
"""As far as who asks has to know them."""

KINDS: Final[Mapping[str, AnyDecider]] = {"catalog": _SETTABLE, "day": DAY, "quota": QUOTA}
BOOKING: Final = Domain(
    KINDS,
    silent=(SetUp, PutResource, KeepHold, ReleaseHold, Cancel, Decline, LeaveStandby, ShowDay),
    laws={
        "law 1, no double booking": law_01_no_double_booking.breaches,
        "law 2, bookings are whole": law_02_whole_bookings.breaches,
        "holds stand": holds_stand.breaches,
        "limits hold": limits_hold.breaches,
        "answers are true": answering(
            {"day": {ShowDay: lambda day: {"used": day.used, "blocked": day.blocked}}}
        ),
    },
)  # fmt: skip


def _patient(dice: Random) -> SenderLimits:
    limits = _sender_limits(dice)
    return replace(limits, retry_after_ms=10 * limits.retry_after_ms)


class BookingTraffic:
    """`Traffic` on two or three days of a studio, a pool and its microphones; the mixture is drawn from the seed."""

    domain: Final = BOOKING

    def __init__(self, seed: int) -> None:
        dice = Random(f"{seed}/bookings")
        self.kinds: Final[Mapping[str, AnyDecider]] = KINDS
        self._minute_ms: Final = dice.choice((500, 3_000, 60_000))
        self._days: Final = dice.choice((2, 3, 3))
        self._hours: Final = _HOURS[: dice.choice((2, 5, 9))]
        dates = [date_of(_FIRST_DAY + day * DAY_MS) for day in range(self._days)]
        self.actors: Final[Sequence[str]] = [
            f"{ORG}.catalog",
            *(day_actor(ORG, resource, date) for resource in ("studio", "room", "mics") for date in dates),
        ]
        self._spans: Final = dice.choice((0.02, 0.1, 0.3))
        self._bundles: Final = dice.choice((0.05, 0.3))
        weights = {
            self._look: dice.choice((5, 30)),
            self._hold: dice.choice((10, 30)),
            self._keep: dice.choice((5, 30)),
            self._release: 5,
            self._book: 20,
            self._book_held: 25,
            self._confirm: 12,
            self._decline: 3,
            self._cancel: dice.choice((8, 25)),
            self._move: dice.choice((5, 15)),
            self._repeat: dice.choice((0, 3)),
            self._stand_by: dice.choice((0, 6)),
            self._block: 1,
            self._resize: 2,
        }
        self._kinds: Final = list(weights)
        self._weights: Final = list(weights.values())
        self._count = 0
        self._holds: Final[list[PlaceHold]] = []
        self._bookings: Final[list[Booking]] = []
        """As they were asked for: the newest are last."""
        self._standbys: Final[list[tuple[str, JoinStandby]]] = []
        self._blocks: Final[list[tuple[str, str]]] = []

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """A run lasts seconds; what nobody confirms or takes up lapses after minutes. So minutes are shorter here.

        A sender that is in doubt asks again for as long as it hears that slots are taken. The bank, whose refusals are
        all final, has it do so every few milliseconds; here that would be nearly half of all that happens.
        """
        with (
            patch.object(sizes, "sender_limits", _patient),
            patch.object(lifecycle, "MINUTE_MS", self._minute_ms),
            patch.object(standby, "MINUTE_MS", self._minute_ms // LIMITS.offer_minutes + 1),
        ):
            yield

    def next(self, dice: Random) -> tuple[Part, ...]:
        self._count += 1
        if self._count <= 2 or dice.random() < 0.01:
            return ((self.actors[0], SetUp()),)
        (ask,) = dice.choices(self._kinds, self._weights)
        parts = ask(dice) or self._look(dice)
        if len(parts) > 1 and dice.random() < 0.1:
            return tuple(
                dice.sample(parts, len(parts) - 1)
            )  # somebody composes it by a page that is too old, or by mistake
        return parts

    def probes(self, actor: str) -> Sequence[Command]:
        return (SetUp(),) if actor == self.actors[0] else (ShowDay(), ShowDay())

    # What is wanted

    def _wish(self, dice: Random, event_type: str, items: tuple[Item, ...]) -> Wish:
        known = EVENT_TYPES[event_type]
        last = self._days - (2 if event_type == "long" else 1)
        start = _FIRST_DAY + dice.randrange(last + 1) * DAY_MS + dice.choice(self._hours) * HOUR_MS
        minutes = dice.choice(known.durations)
        if event_type != "long" and dice.random() < 0.3:
            start += 1_800_000
        return Wish(event_type, start, minutes, items)

    def _any_wish(self, dice: Random) -> Wish:
        if dice.random() < self._spans:
            event_type = "long"
        else:
            event_type = dice.choice(
                ("visit", "visit", "offered", "asked", "both", "wide", "noted", "scarce", "scarce")
            )
        along: list[Item] = []
        if dice.random() < self._bundles:
            along.append(Item("mics", dice.randrange(1, MICS + 1)))
        first = Item("studio") if dice.random() < 0.5 else Item("room", dice.choice((1, 1, 2, 3)))
        if along and dice.random() < 0.3:
            along.append(Item("room") if first.resource == "studio" else Item("studio"))
        return self._wish(dice, event_type, (first, *along))

    def _session(self, dice: Random) -> str:
        return f"s{dice.randrange(6)}"

    # What is asked

    def _look(self, dice: Random) -> tuple[Part, ...]:
        return ((dice.choice(self.actors[1:]), ShowDay()),)

    def _hold(self, dice: Random) -> tuple[Part, ...]:
        wish = self._any_wish(dice)
        event_type = EVENT_TYPES[wish.event_type]
        hold = PlaceHold(id_for(event_type, wish, f"h{self._count}"), self._session(dice), wish, 1)
        self._holds.append(hold)
        return for_hold(ORG, event_type, wish, hold)

    def _recent_hold(self, dice: Random) -> PlaceHold | None:
        return dice.choice(self._holds[-2:]) if self._holds else None

    def _keep(self, dice: Random) -> tuple[Part, ...]:
        hold = self._recent_hold(dice)
        if hold is None:
            return ()
        session = hold.session if dice.random() < 0.9 else self._session(dice)
        days = for_hold(ORG, EVENT_TYPES[hold.wish.event_type], hold.wish, hold)
        return ((dice.choice(days)[0], KeepHold(hold.hold, session)),)

    def _release(self, dice: Random) -> tuple[Part, ...]:
        hold = self._recent_hold(dice)
        if hold is None:
            return ()
        release = ReleaseHold(hold.hold, hold.session)
        return for_hold(ORG, EVENT_TYPES[hold.wish.event_type], hold.wish, release)

    def _book(self, dice: Random) -> tuple[Part, ...]:
        return self._asked_for(self._any_wish(dice), dice.choice(("", self._session(dice))))

    def _book_held(self, dice: Random) -> tuple[Part, ...]:
        hold = self._recent_hold(dice)
        if hold is None:
            return ()
        named = hold.hold if dice.random() < 0.8 else ""
        wish = hold.wish if dice.random() < 0.8 else self._wish(dice, hold.wish.event_type, hold.wish.items)
        return self._asked_for(wish, hold.session, named)

    def _asked_for(self, wish: Wish, session: str, hold: str = "") -> tuple[Part, ...]:
        event_type = EVENT_TYPES[wish.event_type]
        if event_type.per_booker.limits:
            session = session or "s0"
        id = id_for(event_type, wish, f"b{self._count}")
        book = Book(id, wish, session, hold, token_hash=hashed(TOKEN), catalog=1)
        parts = for_book(ORG, event_type, book)
        assert not isinstance(parts, Refusal)
        self._remember(event_type, book, parts)
        return parts

    def _remember(self, event_type: EventType, book: Book, parts: Sequence[Part]) -> None:
        span = occupied(event_type, book.wish.start, book.wish.minutes)
        counted = tuple(actor for actor, _ in parts if kind_of(actor) == "quota")
        self._bookings.append(Booking(book.booking, book.wish, span, "confirmed", book.session, counted=counted))

    def _repeat(self, dice: Random) -> tuple[Part, ...]:
        """The same a few times, on one day or on several."""
        wish = self._any_wish(dice)
        event_type = EVENT_TYPES[wish.event_type]
        apart = dice.choice((HOUR_MS, 3 * HOUR_MS, DAY_MS))
        again = tuple(wish.start + number * apart for number in range(1, dice.choice((2, 3))))
        series = BookSeries(f"r{self._count}", wish, again, self._session(dice), token_hash=hashed(TOKEN), catalog=1)
        parts = for_series(ORG, event_type, series)
        assert not isinstance(parts, Refusal)
        if not {actor for actor, _ in parts if kind_of(actor) == "day"} <= {*self.actors}:
            return ()  # it would lead out of these days
        for number, start in enumerate((wish.start, *again), 1):
            visit = replace_fields(wish, start=start)
            id = id_for(event_type, visit, f"{series.series}-{number}")
            self._remember(event_type, Book(id, visit, series.session), parts)
        return parts

    def _some_booking(self, dice: Random) -> Booking | None:
        """One of the newest, mostly: it may still be there."""
        if not self._bookings:
            return None
        return dice.choice(self._bookings[-5:] if dice.random() < 0.8 else self._bookings)

    def _token(self, dice: Random) -> str | None:
        return dice.choice((None, TOKEN, TOKEN, "a guess")) if dice.random() < 0.5 else None

    def _confirm(self, dice: Random) -> tuple[Part, ...]:
        unsure = [one for one in self._bookings[-20:] if one.wish.event_type in {"offered", "asked", "both"}]
        booking = dice.choice(unsure) if unsure else None
        return for_booking(ORG, booking, Confirm(booking.id, self._token(dice))) if booking else ()

    def _decline(self, dice: Random) -> tuple[Part, ...]:
        booking = self._some_booking(dice)
        return for_booking(ORG, booking, Decline(booking.id)) if booking else ()

    def _cancel(self, dice: Random) -> tuple[Part, ...]:
        booking = self._some_booking(dice)
        return for_booking(ORG, booking, Cancel(booking.id, self._token(dice))) if booking else ()

    def _move(self, dice: Random) -> tuple[Part, ...]:
        booking = self._some_booking(dice)
        if booking is None:
            return ()
        event_type = EVENT_TYPES[booking.wish.event_type]
        wish = self._wish(dice, booking.wish.event_type, booking.wish.items)
        parts = for_move(ORG, booking, event_type, Move(booking.id, wish, token=self._token(dice), catalog=1))
        span = occupied(event_type, wish.start, wish.minutes)
        self._bookings.append(
            Booking(booking.id, wish, span, "confirmed", booking.session, counted=booking.counted)
        )  # fmt: skip
        return parts

    def _stand_by(self, dice: Random) -> tuple[Part, ...]:
        """For one resource on one day; or, now and then, not any more."""
        if self._standbys and dice.random() < 0.2:
            actor, joined = dice.choice(self._standbys[-5:])
            return ((actor, LeaveStandby(joined.standby, joined.session)),)
        wish = self._wish(dice, "visit", (Item(dice.choice(("studio", "room"))),))
        id = id_for(EVENT_TYPES["visit"], wish, f"w{self._count}")
        joined = JoinStandby(id, self._session(dice), wish, catalog=1)
        actor = owner_of(ORG, id)
        self._standbys.append((actor, joined))
        return ((actor, joined),)

    def _block(self, dice: Random) -> tuple[Part, ...]:
        if self._blocks and dice.random() < 0.7:
            actor, block = dice.choice(self._blocks[-2:])
            return ((actor, UnblockSlots(block)),)
        actor, first = dice.choice(self.actors[1:]), dice.choice(self._hours) * 4
        self._blocks.append((actor, f"x{self._count}"))
        return ((actor, BlockSlots(f"x{self._count}", first, first + 4)),)

    def _resize(self, dice: Random) -> tuple[Part, ...]:
        return ((self.actors[0], PutResource("room", "UTC", capacity=dice.choice((2, 3, 4)))),)

"""Bookings are found by all that is known of them, page after page, while they come, move and end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.quantum import DAY_MS
from events.catalog import EventType, EventTypePut, Resource
from events.day import (
    Booker,
    BookingCancelled,
    BookingConfirmed,
    BookingMoved,
    BookingPending,
    SlotsFreed,
    day_actor,
    owner_of,
)
from projections import bookings
from projections.bookings import BookingsChanged
from projections.limits import BOOKINGS_PAST_DAYS
from projections.listing import BEFORE_ALL, Key, Order
from projections.questions import Booking, Bookings, History, Page, Question, Search, Shown, Unanswered
from projections.words import Index, words_of
from tests.projections.story import DATE, NOW, ORG, VISIT, Story, append, slot, wished

ANN = Booker("Ann O’Hara", "ann@example.com")
BOB = Booker("Bob Straße", "bob@example.com")


def told() -> Story:
    story = Story()
    tour = EventType("tour", "Guided tour", durations=(60,), interval=15)
    story.open(Resource("studio", "Studio", "UTC"), Resource("room", "Room", "UTC"), event_types=(VISIT, tour))
    return story


def ids(page: Any) -> list[str]:
    return [row.id for row in page.rows]


def move(story: Story, id: str, start: int, version: int = 1) -> None:
    kept = story.models.bookings.of(ORG).kept[id]
    _, wish, span = wished("x", start, resource=kept.booking.wish.items[0].resource)
    story.tell(owner_of(ORG, id), BookingMoved(id, wish, span, version))


def all_pages(story: Story, **filters: Any) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page: Page = story.models.answer_now(Bookings(org=ORG, cursor=cursor, limit=1, **filters))
        found += ids(page)
        cursor = page.cursor
        if not cursor:
            return found


class TestOne:
    def test_it_is_what_became_of_it(self) -> None:
        """From provisional to cancelled, with the reason, and where that is recorded."""
        story = told()
        id = story.book("b", slot(40), status="provisional", booker=ANN)
        for fact, status in (
            (BookingPending(id, 5), "pending"),
            (BookingConfirmed(id), "confirmed"),
            (BookingCancelled(id, "rain"), "cancelled"),
        ):
            sequence = story.tell(owner_of(ORG, id), fact)
            row = story.models.answer_now(Booking(org=ORG, id=id))
            assert (row.status, row.sequence, row.booker) == (status, sequence, ANN)
        assert story.models.answer_now(Booking(org=ORG, id=id)).reason == "rain"
        assert story.models.answer_now(Booking(org="other", id=id)) is None

    def test_changes_are_told_to_its_own_topic_and_that_of_all(self) -> None:
        """Without whom it is for: the bus carries it to everyone who listens."""
        story = told()
        id = story.book("b", slot(40), booker=ANN)
        story.tell(owner_of(ORG, id), SlotsFreed(id), BookingCancelled(id, "rain"))
        changes = [one for one in story.changes if "booking" in one.topic]
        assert [(one.topic, one.before, one.after) for one in changes] == [
            (f"booking/{id}", 0, 2),
            ("bookings", 0, 2),
            (f"booking/{id}", 2, 3),
            ("bookings", 2, 3),
        ]
        shown = story.models.answer_now(Shown(org=ORG, topic=f"booking/{id}"))
        for one in changes:
            assert isinstance(one.delta, BookingsChanged)
            assert one.after < 3 or one.delta.rows == (shown.state,)
            assert [(row.id, row.booker, row.reason) for row in one.delta.rows] == [(id, Booker(), "")]

    def test_what_cancel_is_told_to_all_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One delta of the list for a batch of commits, up to a bound; and each booking's own topic is told of it."""
        story = told()
        ids = [story.book(f"b{resource}", slot(40), resource=resource) for resource in ("one", "two", "three")]
        story.changes.clear()
        last = story.cancel(*ids)
        of_all = [one for one in story.changes if one.topic == "bookings"]
        assert [(one.before, one.after) for one in of_all] == [(last - 3, last)]
        assert isinstance(of_all[0].delta, BookingsChanged)
        assert [(row.id, row.status) for row in of_all[0].delta.rows] == [(id, "cancelled") for id in ids]
        assert [one.topic for one in story.changes if one.topic.startswith("booking/")] == [
            f"booking/{id}" for id in ids
        ]

        monkeypatch.setattr(bookings, "ROWS_TOLD_TOGETHER_MAX", 2)
        ids = [story.book(f"c{resource}", slot(60), resource=resource) for resource in ("one", "two", "three")]
        story.changes.clear()
        last = story.cancel(*ids)
        assert [(one.before, one.after) for one in story.changes if one.topic == "bookings"] == [
            (last - 3, last - 1), (last - 1, last)
        ]  # fmt: skip

    async def test_its_history_is_read_from_the_log(self) -> None:
        """Every fact about it with its sequence and instant, and nothing that proves who somebody is."""
        story = told()
        id = story.book("b", slot(40), booker=ANN)
        story.book("other", slot(60))
        sequence = story.tell(owner_of(ORG, id), SlotsFreed(id), BookingCancelled(id, "rain"), at=NOW + 5)
        await append(story.models._events, story.steps)
        happened = await story.models.answer(History(org=ORG, id=id))
        assert [(one.sequence, one.at, one.fact) for one in happened] == [
            (2, NOW, "SlotsTaken.1"),
            (2, NOW, "BookingMade.1"),
            (sequence, NOW + 5, "SlotsFreed.1"),
            (sequence, NOW + 5, "BookingCancelled.1"),
        ]
        assert happened[1].says["booking"]["booker"]["name"] == ANN.name
        assert {"token_hash", "session"}.isdisjoint(happened[1].says["booking"])
        for nobody in ("studio.2026-12-07.no", "no", "", "A.b.c"):
            assert await story.models.answer(History(org=ORG, id=nobody)) == ()


class TestListing:
    def test_by_everything_that_is_said(self) -> None:
        """All filters at once; an address in capitals is the same one."""
        story = told()
        early = story.book("b1", slot(40), booker=ANN)
        late = story.book("b2", slot(60), booker=ANN, status="provisional")
        other = story.book("b3", slot(50), resource="room", booker=BOB, event_type="tour")
        for filters, expected in (
            ({}, [early, other, late]),
            ({"email": "ANN@Example.com"}, [early, late]),
            ({"resource": "room"}, [other]),
            ({"event_type": "tour"}, [other]),
            ({"statuses": ("provisional", "pending")}, [late]),
            ({"start": slot(41)}, [other, late]),
            ({"start": slot(40), "end": slot(60)}, [early, other]),
            ({"email": "ann@example.com", "end": slot(41)}, [early]),
            ({"email": "bob@example.com", "resource": "studio"}, []),
        ):
            assert all_pages(story, **filters) == expected, filters

    def test_a_moved_booking_is_shown_once(self) -> None:
        """Forward it is not shown again, backward it is not missed; and a new reading has it in its new place."""
        story = told()
        [a, b, c, d] = [story.book(f"b{number}", slot(40 + 4 * number)) for number in range(4)]
        page = story.models.answer_now(Bookings(org=ORG, limit=2))
        assert ids(page) == [a, b]
        move(story, a, slot(80))
        move(story, d, slot(0))
        rest = story.models.answer_now(Bookings(org=ORG, limit=9, cursor=page.cursor))
        assert ids(rest) == [c, d]
        assert rest.rows[1].wish.start == slot(0)
        assert all_pages(story) == [d, b, c, a]

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_pages_neither_repeat_nor_skip(self, data: st.DataObject) -> None:
        """Whatever is made, moved and cancelled between them: what is there all along is shown exactly once, nothing is
        shown twice."""
        story = told()
        starts = st.integers(0, 300).map(lambda number: slot(0) + number * 900_000)
        there = [story.book(f"b{number}", data.draw(starts) // 3_600_000 * 3_600_000) for number in range(8)]
        filters: dict[str, Any] = data.draw(st.sampled_from(({}, {"resource": "studio"}, {"statuses": ("confirmed",)})))
        seen: list[str] = []
        cancelled: set[str] = set()
        cursor = ""
        for turn in range(40):
            page = story.models.answer_now(
                Bookings(org=ORG, cursor=cursor, limit=data.draw(st.integers(1, 3)), **filters)
            )
            seen += ids(page)
            cursor = page.cursor
            if not cursor:
                break
            match data.draw(st.sampled_from(("make", "move", "cancel", "nothing"))):
                case "make":
                    story.book(f"n{turn}", data.draw(starts) // 3_600_000 * 3_600_000)
                case "move":
                    move(story, data.draw(st.sampled_from(there)), data.draw(starts) // 3_600_000 * 3_600_000)
                case "cancel":
                    id = data.draw(st.sampled_from(there))
                    cancelled.add(id)
                    story.tell(owner_of(ORG, id), BookingCancelled(id, ""))
                case _:
                    pass
        assert len(seen) == len(set(seen))
        missing = set(there) - set(seen)
        assert missing <= (cancelled if "statuses" in filters else set())
        loaded = story.fresh()
        loaded.bookings.load(story.models.bookings.save())
        assert loaded.bookings.save() == story.models.bookings.save()
        orders = [each.bookings.of(ORG).order("all").behind(BEFORE_ALL) for each in (loaded, story.models)]
        assert list(orders[0]) == list(orders[1])

    @pytest.mark.parametrize(
        ("question", "code"),
        [
            (Bookings(org=ORG, limit=0), "bad_limit"),
            (Bookings(org=ORG, limit=201), "bad_limit"),
            (Bookings(org=ORG, cursor="!"), "bad_cursor"),
            (Bookings(org=ORG, cursor="é"), "bad_cursor"),
            (Bookings(org=ORG, cursor="bm8"), "bad_cursor"),
            (Search(org=ORG, words=" -- "), "bad_words"),
            (Search(org=ORG, words="a b c d e f g h i"), "bad_words"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, question: Question, code: str) -> None:
        """By its code."""
        with pytest.raises(Unanswered) as refused:
            told().models.answer_now(question)
        assert refused.value.problem.code == code

    def test_a_page_looks_at_so_many_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Then it is short, and the next one goes on."""
        monkeypatch.setattr("projections.finding.ROWS_LOOKED_AT_MAX", 3)
        story = told()
        for number in range(6):
            id = story.book(f"b{number}", slot(4 * number))
            story.tell(owner_of(ORG, id), BookingCancelled(id, ""))
        rooms = [story.book(f"r{number}", slot(4 * number), resource="room") for number in range(6)]
        story.tell(owner_of(ORG, rooms[5]), BookingCancelled(rooms[5], ""))
        page = story.models.answer_now(Bookings(org=ORG, resource="room", statuses=("cancelled",)))
        assert page.rows == ()
        assert page.cursor
        assert all_pages(story, resource="room", statuses=("cancelled",)) == [rooms[5]]

    def test_one_status_or_several_keep_the_order(self) -> None:
        """They are read from orders of their own, and merged."""
        story = told()
        found = [story.book(f"b{number}", slot(4 * number)) for number in range(9)]
        for id in found[::3]:
            story.tell(owner_of(ORG, id), BookingCancelled(id, ""))
        for id in found[1::3]:
            story.tell(owner_of(ORG, id), BookingPending(id, None))
        expected = [id for number, id in enumerate(found) if number % 3 != 2]
        assert all_pages(story, statuses=("pending", "cancelled")) == expected
        assert all_pages(story, statuses=("cancelled",)) == found[::3]

    def test_many_lie_in_the_same_order_as_few(self) -> None:
        """An order that grows beyond a list is kept day by day."""
        order, keys = Order(), [Key(slot(number * 7 % 1_000 * 5), f"b{number % 3}") for number in range(1_000)]
        for key in [*keys, *keys[:9]]:
            order.add(key)
        for key in [*keys[::2], Key(0, "no")]:
            order.remove(key)
        left = sorted(set(keys) - set(keys[::2]))
        assert list(order.behind(BEFORE_ALL)) == left
        assert order.count == len(left)
        assert list(order.behind(left[200])) == left[201:]
        for key in left:
            order.remove(key)
        assert (list(order.behind(BEFORE_ALL)), order._days) == ([], [])

    def test_what_is_long_over_is_forgotten(self) -> None:
        """By the time of the commits, wherever it was moved to; its orders with it."""
        story = told()
        stays, goes = story.book("b1", slot(40), booker=ANN), story.book("b2", slot(50), booker=ANN)
        move(story, stays, slot(60, "2026-12-09"))
        at = slot(0) + (BOOKINGS_PAST_DAYS + 1) * DAY_MS
        story.tell(f"{ORG}.catalog", at=at)
        assert all_pages(story, email="ann@example.com") == [stays]
        assert story.models.answer_now(Booking(org=ORG, id=goes)) is None
        story.tell(f"{ORG}.catalog", at=at + 2 * DAY_MS)
        of = story.models.bookings.of(ORG)
        assert all_pages(story) == []
        assert of._orders == {}
        story.tell(day_actor(ORG, "studio", DATE), BookingCancelled(goes, ""))
        assert all_pages(story) == []


class TestSearch:
    def search(self, story: Story, words: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = story.models.answer_now(Search(org=ORG, words=words, cursor=cursor, limit=1))
            found += ids(page)
            cursor = page.cursor
            if not cursor:
                return found

    @pytest.mark.parametrize("few", [0, 2_000])
    def test_words_of_bookers_and_titles_are_found_by_how_they_begin(
        self, few: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In any case and order, all words at once; whether there are few to sort or many to go through."""
        monkeypatch.setattr("projections.finding._FEW", few)
        story = told()
        ann = story.book("b1", slot(60), booker=ANN)
        bob = story.book("b2", slot(40), booker=BOB, event_type="tour")
        both = story.book("b3", slot(50), booker=Booker("Ann Bobson"))
        for words, expected in (
            ("ann", [both, ann]),
            ("AN", [both, ann]),
            ("bob", [bob, both]),
            ("STRASSE", [bob]),
            ("o hara", [ann]),
            ("ann@example.com", [ann]),
            ("example", [bob, ann]),
            ("tour", [bob]),
            ("gui bob", [bob]),
            ("tour ann", []),
            ("visit ann", [both, ann]),
            ("nn", []),
        ):
            assert self.search(story, words) == expected, words

    def test_a_title_is_found_as_it_is_now(self) -> None:
        """And only in its own organisation."""
        story = told()
        id = story.book("b", slot(40))
        story.tell(f"{ORG}.catalog", EventTypePut(EventType("visit", "Rehearsal", durations=(60,))))
        assert self.search(story, "rehears") == [id]
        assert self.search(story, "visit") == []
        assert story.models.answer_now(Search(org="other", words="rehears")).rows == ()

    def test_words_are_cut_at_all_that_is_no_letter(self) -> None:
        """Ligatures, widths and capitals make no difference."""
        assert words_of("Ann-Marie_O’Hara", "ﬁne ＷＩＤＥ 12") == ("ann", "marie", "o", "hara", "fine", "wide", "12")

    def test_a_word_nobody_has_any_more_is_gone(self) -> None:
        """The index holds no more than the things in it."""
        index = Index[str]()
        index.add(("ann", "anna"), "a")
        index.add(("anna",), "b")
        index.remove(("ann", "anna"), "a")
        assert list(index.beginning("an")) == [{"b"}]

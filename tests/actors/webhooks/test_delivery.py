"""One endpoint's delivery as its actor keeps it: who attends, what a report changes, and what others ask for."""

from __future__ import annotations

from typing import Any

import pytest

from actors.decider import Consulted, Leases
from actors.specification import Given, given
from actors.webhooks.commands import Attend, Attended, ReplayDead, Report, SendTest, ShowDeliveries
from actors.webhooks.delivery import WEBHOOK, By, Delivery, WebhookCommand
from actors.webhooks.limits import (
    ATTEMPTS_KEPT,
    CODE_CHARACTERS_MAX,
    DEAD_MAX,
    DEAD_PER_REPORT_MAX,
    DONE_PER_REPORT_MAX,
    ID_CHARACTERS_MAX,
    IDS_PER_REPLAY_MAX,
    LATE_ACCEPTED_MAX,
    LATE_MAX,
    LATE_PER_REPORT_MAX,
    LEASE_MS,
)
from actors.webhooks.registry import Endpoint, Webhooks
from events.webhooks import (
    Attempt,
    CourierCame,
    CourierWent,
    Dead,
    DeliveriesReported,
    DeliveryBegan,
    Late,
    ReplayAsked,
    TrialAsked,
    WebhookFact,
)

NOW = 1_796_644_800_000
URL = "https://example.org/hook"
ACTOR = "demo.webhook.shop"
BEGAN = DeliveryBegan(10, 10)
CAME = CourierCame("one", 1)
LATE = Late("12-0", 1, NOW, NOW + 5_000)
DEAD = Dead("11-0", "booking.created", 9, NOW - 9, NOW, "timeout")
STANDING = Attended({"day": 10, "room": 10}, (), 0, 0)


def by(leases: dict[str, int] | None = None, *, active: bool = True, version: int = 1, since: int = 0) -> By:
    endpoint = Endpoint(URL, ("*",), "", active, 1, (), "" if active else "gone", version)
    return Consulted(Webhooks({"shop": endpoint}, 1), Leases(since, leases), 3)


def delivery(*facts: WebhookFact, at: int = NOW) -> Given[Delivery, WebhookCommand, WebhookFact, By]:
    return given(WEBHOOK, *facts, at=at, actor=ACTOR)


def shown(of: Given[Delivery, WebhookCommand, WebhookFact, By]) -> dict[str, Any]:
    state = of.state()
    return {name: getattr(state, name) for name in Delivery.__struct_fields__}


class TestAttending:
    def test_the_first_who_comes_attends(self) -> None:
        """It is recorded where the endpoint begins and who it is; that it is still there is not."""
        outcome = delivery().when(Attend("one", 10, 10), policy=by()).then(BEGAN, CAME).replies(STANDING)
        outcome.keeps("one", NOW + LEASE_MS)
        delivery(BEGAN, CAME).when(Attend("one", 10, 10), policy=by()).then_nothing(reply=STANDING).keeps(
            "one", NOW + LEASE_MS
        )

    def test_nobody_else_does_while_it_is_heard_of(self) -> None:
        """And somebody else may as soon as it is not."""
        attended = delivery(BEGAN, CAME)
        kept = by({"one": NOW + LEASE_MS})
        attended.when(Attend("two", 10, 10), policy=kept).then_refused("attended")
        attended.when(Attend("two", 10, 10), at=NOW + LEASE_MS, policy=kept).then_refused("attended")
        attended.when(Attend("two", 10, 10), at=NOW + LEASE_MS + 1, policy=kept).then(CourierCame("two", 1))

    def test_a_host_that_knows_nothing_yet_waits_for_whoever_it_was(self) -> None:
        """It may be at work, and be heard of by the next second."""
        attended = delivery(BEGAN, CAME)
        attended.when(Attend("two", 10, 10), policy=by(since=NOW)).then_refused("attended")
        attended.when(Attend("two", 10, 10), at=NOW + LEASE_MS + 1, policy=by(since=NOW)).then(CourierCame("two", 1))

    def test_who_says_that_it_goes_is_not_waited_for(self) -> None:
        """Whatever is left is told to the next."""
        attended = delivery(BEGAN, CAME)
        went = attended.when(Report("one", leaving=True), policy=by()).then(CourierWent("one"))
        went.replies(STANDING)
        kept = by({"one": NOW + LEASE_MS})
        attended.given(CourierWent("one"), at=NOW).when(Attend("two", 10, 10), policy=kept).then(CourierCame("two", 1))

    def test_who_comes_anew_is_told_everything_that_is_late(self) -> None:
        """Who is at work, only what others have asked for."""
        late = delivery(BEGAN, CAME, DeliveriesReported({"day": 12}, (LATE,)), TrialAsked("test-5"))
        asked = Late("test-5", 0, 0, NOW)
        everything = Attended({"day": 12, "room": 10}, (LATE, asked), 0, 0)
        late.when(Attend("one", 10, 10, all=True), policy=by()).then_nothing(reply=everything)
        late.when(Attend("one", 10, 10), policy=by()).then_nothing(
            reply=Attended({"day": 12, "room": 10}, (asked,), 0, 0)
        )

    def test_an_endpoint_that_begins_afresh_forgets_what_was_late(self) -> None:
        """Its dead letters it keeps; another one under the same name begins with nothing at all."""
        before = delivery(BEGAN, CAME, DeliveriesReported({"day": 12}, (LATE,), (), (DEAD,), failed=1))
        fresh = Attended({"day": 30, "room": 30}, (), 0, 0)
        afresh = before.when(Attend("one", 10, 30, all=True), policy=by()).then(DeliveryBegan(10, 30))
        afresh.replies(fresh)
        assert list(shown(before.given(DeliveryBegan(10, 30), at=NOW))["dead"]) == ["11-0"]
        before.when(Attend("one", 30, 30, all=True), policy=by()).then(DeliveryBegan(30, 30)).replies(fresh)
        another = shown(before.given(DeliveryBegan(30, 30), at=NOW))
        assert (another["dead"], another["failed"], another["courier"]) == ({}, 0, "one")

    def test_who_knows_an_older_endpoint_has_to_look_again(self) -> None:
        """It would take things up where nobody is any more."""
        newer = delivery(DeliveryBegan(30, 30))
        newer.when(Attend("one", 10, 10), policy=by()).then_refused("outdated")
        delivery(DeliveryBegan(30, 40)).when(Attend("one", 30, 30), policy=by()).then_refused("outdated")

    def test_what_is_not_to_be_delivered_to_is_attended_by_nobody(self) -> None:
        """One that is not there, or is disabled; and a courier has a name."""
        delivery().when(Attend("one", 10, 10), policy=Consulted(Webhooks(), Leases())).then_refused("unknown_endpoint")
        delivery().when(Attend("one", 10, 10), policy=by(active=False)).then_refused("endpoint_disabled")
        delivery().when(Attend("", 10, 10), policy=by()).then_refused("bad_courier")

    def test_a_new_version_is_not_to_blame_for_the_old_one(self) -> None:
        """Whoever mends an address gets its time again."""
        failing = delivery(BEGAN, CAME, DeliveriesReported(dead=(DEAD,), failed=1))
        assert (shown(failing)["failing_since"], shown(failing)["dead_in_a_row"]) == (NOW, 1)
        outcome = failing.when(Attend("one", 10, 10), policy=by(version=2)).then(CourierCame("one", 2))
        outcome.replies(STANDING)


class TestReporting:
    def test_a_report_is_recorded_as_it_is(self) -> None:
        """And keeps its courier's place."""
        attempt = Attempt("12-0", "booking.created", NOW, 80, 500)
        report = Report("one", {"day": 12}, (LATE,), ("11-1",), (DEAD,), (attempt,), 3, 1)
        fact = DeliveriesReported({"day": 12}, (LATE,), ("11-1",), (DEAD,), (attempt,), 3, 1)
        outcome = delivery(BEGAN, CAME).when(report, policy=by()).then(fact).keeps("one", NOW + LEASE_MS)
        outcome.replies(Attended({"day": 12, "room": 10}, (), 0, 0))

    def test_a_report_of_nothing_writes_nothing(self) -> None:
        """It is heard all the same."""
        delivery(BEGAN, CAME).when(Report("one"), policy=by()).then_nothing(reply=STANDING).keeps("one", NOW + LEASE_MS)

    def test_only_whoever_attends_reports(self) -> None:
        """Also when nobody was heard of for long; and also of an endpoint that was disabled or removed meanwhile."""
        attended = delivery(BEGAN, CAME)
        attended.when(Report("two", {"day": 12}), policy=by()).then_refused("not_attending")
        late = attended.when(Report("one", {"day": 12}), at=NOW + 10 * LEASE_MS, policy=by())
        late.then(DeliveriesReported({"day": 12}))
        gone = attended.when(Report("one", {"day": 12}), policy=Consulted(Webhooks(), Leases()))
        gone.then(DeliveriesReported({"day": 12}))

    def test_it_is_kept_what_is_late_and_what_was_given_up(self) -> None:
        """Until it is said that it is done; nothing goes back."""
        other = Late("13-0", 0, 0, 0)
        told = (
            DeliveriesReported({"day": 13}, (LATE, other)),
            DeliveriesReported({"day": 11}, (), ("13-0",)),
            DeliveriesReported(dead=(Dead("12-0", "booking.created", 9, NOW, NOW, "timeout"),)),
        )
        assert shown(delivery(BEGAN, *told[:1]))["late"] == {"12-0": LATE, "13-0": other}
        after = shown(delivery(BEGAN, *told))
        assert (after["late"], list(after["dead"]), after["through"]["day"]) == ({}, ["12-0"], 13)

    def test_the_oldest_dead_letters_are_dropped_and_counted(self) -> None:
        """Those that are kept are the last."""
        letters = [Dead(f"{number}-0", "booking.created", 1, NOW, NOW, "x") for number in range(DEAD_MAX + 5)]
        after = shown(delivery(BEGAN, *(DeliveriesReported(dead=(one,)) for one in letters)))
        assert (len(after["dead"]), next(iter(after["dead"])), after["dropped"]) == (DEAD_MAX, "5-0", 5)

    def test_the_last_attempts_are_kept(self) -> None:
        """In the order in which they were made."""
        attempts = [Attempt(f"{number}-0", "booking.created", NOW, 1, 200) for number in range(ATTEMPTS_KEPT + 5)]
        after = shown(delivery(BEGAN, *(DeliveriesReported(attempts=(one,)) for one in attempts)))
        assert after["attempts"] == attempts[5:]

    def test_it_is_known_since_when_nothing_succeeds(self) -> None:
        """One success is enough to begin anew."""
        failing = delivery(BEGAN, DeliveriesReported(failed=2, dead=(DEAD,)))
        failing = failing.given(DeliveriesReported(failed=1), at=NOW + 9)
        assert (shown(failing)["failing_since"], shown(failing)["dead_in_a_row"]) == (NOW, 1)
        again = shown(failing.given(DeliveriesReported(delivered=1, failed=1), at=NOW + 10))
        assert (again["failing_since"], again["dead_in_a_row"], again["delivered_at"]) == (0, 0, NOW + 10)
        assert (again["delivered"], again["failed"]) == (1, 4)

    @pytest.mark.parametrize(
        "report",
        [
            Report("one", late=tuple(Late(f"{number}-0", 0, 0, 0) for number in range(LATE_PER_REPORT_MAX + 1))),
            Report("one", done=tuple(f"{number}-0" for number in range(DONE_PER_REPORT_MAX + 1))),
            Report("one", dead=tuple(Dead(f"{n}-0", "e", 1, 1, 1, "") for n in range(DEAD_PER_REPORT_MAX + 1))),
            Report("one", attempts=tuple(Attempt(f"{n}-0", "e", 1, 1, 1) for n in range(ATTEMPTS_KEPT + 1))),
            Report("one", done=("1" * (ID_CHARACTERS_MAX + 1),)),
            Report("one", dead=(Dead("1-0", "e", 1, 1, 1, "x" * (CODE_CHARACTERS_MAX + 1)),)),
        ],
    )
    def test_a_report_is_bounded(self, report: Report) -> None:
        """Or one would not fit into a commit some day."""
        delivery(BEGAN, CAME).when(report, policy=by()).then_refused("report_too_long")

    def test_a_report_names_sources_that_there_are(self) -> None:
        """Nobody is told of anything else."""
        delivery(BEGAN, CAME).when(Report("one", {"line": 5}), policy=by()).then_refused("unknown_source")
        within = Report("one", within={"line": (5, 0, 0)})
        delivery(BEGAN, CAME).when(within, policy=by()).then_refused("unknown_source")

    def test_a_commit_may_be_read_in_part(self) -> None:
        """Whoever comes next is told how far, until it is read to its end or the endpoint begins afresh."""
        report = Report("one", late=(LATE,), within={"room": (12, 0, 300)})
        fact = DeliveriesReported(late=(LATE,), within={"room": (12, 0, 300)})
        outcome = delivery(BEGAN, CAME).when(report, policy=by()).then(fact)
        outcome.replies(Attended(STANDING.through, (), 0, 0, {"room": (12, 0, 300)}))
        partly = delivery(BEGAN, CAME, fact, DeliveriesReported(within={"room": (12, 0, 7)}))
        assert shown(partly)["within"] == {"room": (12, 0, 300)}
        assert shown(partly.given(DeliveriesReported({"day": 30}), at=NOW))["within"] == {"room": (12, 0, 300)}
        assert shown(partly.given(DeliveriesReported({"room": 12}), at=NOW))["within"] == {}
        assert shown(partly.given(DeliveryBegan(10, 40), at=NOW))["within"] == {}

    def test_no_more_is_late_than_may_be(self) -> None:
        """What is late already may be said again, and what is done makes room."""
        many = [Late(f"{number}-0", 0, 0, 0) for number in range(LATE_ACCEPTED_MAX)]
        full = delivery(BEGAN, CAME, DeliveriesReported(late=tuple(many)))
        full.when(Report("one", late=(Late("x-1", 0, 0, 0),)), policy=by()).then_refused("too_much_late")
        full.when(Report("one", late=(Late("x-1", 0, 0, 0),), done=("0-0",)), policy=by()).then(
            DeliveriesReported(late=(Late("x-1", 0, 0, 0),), done=("0-0",))
        )
        full.when(Report("one", late=(many[0],)), policy=by()).then(DeliveriesReported(late=(many[0],)))


class TestAsking:
    def test_a_test_is_asked_for(self) -> None:
        """Its id says when; it is late until somebody has tried it."""
        outcome = delivery(BEGAN, CAME).when(SendTest(), policy=by()).then(TrialAsked(f"test-{NOW}"))
        outcome.replies({"id": f"test-{NOW}"})
        tried = delivery(BEGAN, TrialAsked("test-5"), DeliveriesReported(late=(Late("test-5", 1, NOW, NOW),)))
        assert (list(shown(tried)["late"]), shown(tried)["asked"]) == (["test-5"], {})
        done = delivery(BEGAN, TrialAsked("test-5"), DeliveriesReported(done=("test-5",)))
        assert (shown(done)["late"], shown(done)["asked"]) == ({}, {})
        delivery(TrialAsked(f"test-{NOW}")).when(SendTest(), policy=by()).then_nothing(reply={"id": f"test-{NOW}"})

    @pytest.mark.parametrize(("anew", "kept"), [(DeliveryBegan(10, 40), {"test-5": None}), (DeliveryBegan(50, 50), {})])
    def test_a_test_that_was_asked_for_before_a_courier_came_is_sent(
        self, anew: DeliveryBegan, kept: dict[str, None]
    ) -> None:
        """What is late otherwise is not, when the endpoint begins anew, nor a test that was tried, nor one of another
        endpoint that had this name before."""
        tried = DeliveriesReported(late=(Late("test-4", 1, NOW, NOW), LATE))
        asked = delivery(BEGAN, TrialAsked("test-4"), tried, ReplayAsked(("11-0",)), TrialAsked("test-5"), anew)
        assert (list(shown(asked)["late"]), shown(asked)["asked"]) == (list(kept), kept)
        new = delivery(TrialAsked("test-5")).when(Attend("one", 10, 10), policy=by()).then(BEGAN, CAME)
        new.replies(Attended({"day": 10, "room": 10}, (Late("test-5", 0, 0, NOW),), 0, 0))

    def test_a_test_wants_an_endpoint_that_is_delivered_to(self) -> None:
        """Or nobody would send it."""
        delivery().when(SendTest(), policy=by(active=False)).then_refused("endpoint_disabled")
        delivery().when(SendTest(), policy=Consulted(Webhooks(), Leases())).then_refused("unknown_endpoint")

    def test_dead_letters_are_replayed(self) -> None:
        """Those that are named, or all of them; they are late from then on, as if they had never been tried."""
        other = Dead("12-0", "booking.created", 1, NOW, NOW, "x")
        dead = delivery(BEGAN, DeliveriesReported(dead=(DEAD, other)))
        dead.when(ReplayDead(("12-0", "12-0")), policy=by()).then(ReplayAsked(("12-0",))).replies(
            {"replayed": 1, "left": 0}
        )
        dead.when(ReplayDead(all=True), policy=by()).then(ReplayAsked(("11-0", "12-0")))
        after = shown(dead.given(ReplayAsked(("11-0",)), at=NOW + 1))
        assert (list(after["dead"]), after["late"]) == (["12-0"], {"11-0": Late("11-0", 0, 0, NOW + 1)})

    def test_as_many_are_replayed_as_may_be_late(self) -> None:
        """The others stay where they are, and it is said how many."""
        letters = tuple(Dead(f"{number}-0", "e", 1, NOW, NOW, "x") for number in range(5))
        late = tuple(Late(f"{number}-1", 1, 1, 1) for number in range(LATE_MAX - 2))
        nearly = delivery(BEGAN, DeliveriesReported(late=late, dead=letters))
        nearly.when(ReplayDead(all=True), policy=by()).then(ReplayAsked(("0-0", "1-0"))).replies(
            {"replayed": 2, "left": 3}
        )
        full = nearly.given(ReplayAsked(("0-0", "1-0")), at=NOW)
        full.when(ReplayDead(all=True), policy=by()).then_refused("too_much_late")
        full.when(SendTest(), policy=by()).then_refused("too_much_late")

    def test_it_is_said_which(self) -> None:
        """Nothing named is no wish; nor is what is not there, nor a list without end."""
        dead = delivery(BEGAN, DeliveriesReported(dead=(DEAD,)))
        dead.when(ReplayDead(), policy=by()).then_refused("nothing_named")
        dead.when(ReplayDead(("12-0",)), policy=by()).then_refused("unknown_letter")
        dead.when(ReplayDead(("11-0",) * (IDS_PER_REPLAY_MAX + 1)), policy=by()).then_refused("too_many_ids")
        delivery(BEGAN).when(ReplayDead(all=True), policy=by()).then_nothing(reply={"replayed": 0, "left": 0})

    def test_how_it_goes_is_shown(self) -> None:
        """The next to be tried first, and what was given up with its reason."""
        later = Late("13-0", 3, NOW, NOW + 60_000)
        of = delivery(BEGAN, CAME, DeliveriesReported({"day": 13}, (later, LATE), (), (DEAD,), delivered=2))
        reply: dict[str, Any] = WEBHOOK.decide(of.state(), ShowDeliveries(), NOW, by()).reply  # type: ignore[union-attr]
        assert [one["id"] for one in reply["late"]] == ["12-0", "13-0"]
        assert (reply["courier"], reply["late_count"], reply["dead"][0]["why"]) == ("one", 2, "timeout")
        of.when(ShowDeliveries(), policy=by()).then_nothing(reply=reply)

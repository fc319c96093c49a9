"""What fails: that it takes nothing from anything else, and counts as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from actors.webhooks.commands import ListEndpoints, SendTest
from events.day import BookingConfirmed
from gateway.webhooks.sending import NotSent
from tests.gateway.webhooks.office import booked, hurried, id_of, office
from tests.gateway.webhooks.receiver import receiving

AT_ONCE = (20, 20)


class Faulty:
    """Cannot send that a booking was made."""

    async def post(self, _url: str, _headers: Mapping[str, str], body: bytes) -> int:
        if b"booking.created" in body:
            raise ZeroDivisionError
        return 200


class Places:
    """Sends quickly, but to an endpoint that is slow, which does not answer until it is well."""

    def __init__(self) -> None:
        self.well = False
        self.open = self.most_open = 0
        """To the slow one."""

    async def post(self, url: str, _headers: Mapping[str, str], _body: bytes) -> int:
        if "slow" not in url:
            return 200
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        await asyncio.sleep(0.02)
        self.open -= 1
        if self.well:
            return 200
        raise NotSent("timeout")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


async def test_what_fails_by_a_bug_of_ours_is_given_up_like_anything_else() -> None:
    """After its attempts, which are counted: the rest of its entity is told, and nobody asks once a second."""
    async with office(Faulty()) as there:
        await there.put("shop", "https://shop.example/")
        await there.courier(backoff_ms=AT_ONCE, tried_for_ms=100)
        await there.happens(booked("b-1"))
        await there.happens(BookingConfirmed(id_of("b-1")))
        shown = await there.shows(lambda shown: shown["dead"] and shown["delivered"] == 1)
        (dead,) = shown["dead"]
        assert (dead["event"], dead["why"]) == ("booking.created", "our_fault")
        assert dead["attempts"] == shown["failed"] >= 2
        assert [one["why"] for one in shown["attempts"]] == ["our_fault"] * shown["failed"] + [""]


async def test_one_that_fails_holds_one_place() -> None:
    """Of those that all endpoints share, and none of the others waits for those it had; when it is well, it has all
    of them again."""
    places = Places()
    async with office(places) as there:
        await there.put("slow", "https://slow.example/")
        await there.courier(at_once=6, at_once_per_endpoint=4, backoff_ms=AT_ONCE)
        await there.happens(*(booked(f"b-{number}") for number in range(30)))
        await there.shows(lambda shown: shown["failed"] >= 4, "slow")
        places.most_open = 0
        await there.put("quick", "https://quick.example/")
        await there.attended(id="quick")
        await there.happens(*(booked(f"q-{number}") for number in range(30)))
        await there.shows(lambda shown: shown["delivered"] == 30, "quick")
        assert places.most_open == 1
        places.well = True
        await there.shows(lambda shown: shown["delivered"] == 60, "slow")
        assert places.most_open == 4


async def test_a_test_that_fails_disables_nothing() -> None:
    """Neither by a 410, nor by failing for long: whoever tries out an address may be mending it."""
    async with receiving() as receiver, office() as there:
        receiver.answers = lambda got: 410 if got.event == "webhook.test" else 200
        await there.put("shop", receiver.url)
        await there.courier(failing_max_ms=1)
        await there.attended()
        await there.ask("demo.webhook.shop", SendTest())
        shown = await there.shows(lambda shown: shown["attempts"])
        assert ([one["status"] for one in shown["attempts"]], shown["failed"], shown["failing_since"]) == ([410], 0, 0)
        await there.happens(booked("b-1"))
        await there.shows(lambda shown: shown["delivered"] == 1)
        listed = (await there.ask("demo.webhooks", ListEndpoints()))["endpoints"]
        assert listed[0]["active"]

"""Webhooks over HTTP: endpoints are put and looked after, secrets are told once, and dead letters go out again."""

from __future__ import annotations

from typing import Any

import pytest

from actors.webhooks.commands import Attend, Report
from events.webhooks import Attempt, Dead, Late
from gateway.webhooks import signing
from tests.support.gateway import NOON, SECRET, Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

SHOP = "/v1/demo/webhooks/shop"
WANTED = {"url": "https://shop.example.com/hooks", "events": ["booking.*"], "description": "The shop"}


async def put(gate: Gate, **wanted: Any) -> Any:
    answer = await gate.put(SHOP, WANTED | wanted, as_=gate.owner)
    assert answer.status_code in {200, 201}, told(answer)
    return answer


async def reported(gate: Gate, **report: Any) -> None:
    """What a courier says of the shop."""
    born = next(one.sequence for one in await gate.house.recorded("demo.webhooks"))
    await gate.told()
    await gate.have("demo.webhook.shop", Attend("courier", born, born))
    await gate.have("demo.webhook.shop", Report("courier", **report))


class TestEndpoints:
    async def test_an_endpoint_is_put_shown_listed_and_removed(self) -> None:
        """As it was said; and unknown when it is gone."""
        async with open_gateway(demo=False) as gate:
            answer = await put(gate)
            assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
            shown = {"id": "shop", **WANTED, "active": True, "why": "", "secrets": 1}
            assert (await gate.get(SHOP, as_=gate.owner)).json() == shown
            assert (await gate.get("/v1/demo/webhooks", as_=gate.owner)).json() == [shown]
            assert (await gate.delete(SHOP, as_=gate.owner)).json() == {"id": "shop"}
            assert refused(await gate.get(SHOP, as_=gate.owner)) == (404, "unknown_endpoint")
            assert (await gate.get("/v1/demo/webhooks", as_=gate.owner)).json() == []

    async def test_the_secret_is_told_when_it_is_new(self) -> None:
        """It is the one that signs; a change tells none, and no other answer does."""
        async with open_gateway(demo=False) as gate:
            secret = (await put(gate)).json()["secret"]
            assert secret == signing.shown(signing.key_of(SECRET, "demo", "shop", 1))
            changed = await put(gate, description="Another")
            assert (changed.status_code, changed.json()["secret"]) == (200, None)
            for path in (SHOP, "/v1/demo/webhooks", f"{SHOP}/deliveries", f"{SHOP}/dead"):
                assert secret not in (await gate.get(path, as_=gate.owner)).text

    async def test_the_same_again_tells_the_same_secret(self) -> None:
        """Under one Idempotency-Key it is new again, whichever gateway is asked; a rotation happens once."""
        async with open_gateway(demo=False) as gate:
            other = await gate.beside()
            first = await gate.put(SHOP, WANTED, as_=gate.owner, key="p-1")
            again = await other.put(SHOP, WANTED, as_=gate.owner, key="p-1")
            assert (first.status_code, first.json()) == (again.status_code, again.json()) and first.json()["secret"]
            rotated = [await one.post(f"{SHOP}/rotate", as_=gate.owner, key="r-1") for one in (gate, other)]
            assert rotated[0].json() == rotated[1].json()
            assert (await gate.get(SHOP, as_=gate.owner)).json()["secrets"] == 2

    async def test_a_rotation_tells_another_secret(self) -> None:
        """The one before signs too, for as long as was said."""
        async with open_gateway(demo=False) as gate:
            secret = (await put(gate)).json()["secret"]
            answer = await gate.post(f"{SHOP}/rotate", {"overlap_s": 60}, as_=gate.owner)
            assert answer.status_code == 200 and answer.json()["secret"] not in {secret, None}
            assert answer.headers["cache-control"] == "no-store"
            assert (await gate.get(SHOP, as_=gate.owner)).json()["secrets"] == 2
            gate.clock.advance(61_000)
            assert (await gate.get(SHOP, as_=gate.owner)).json()["secrets"] == 1

    async def test_an_endpoint_is_stopped_and_goes_on(self) -> None:
        """With the reason that was given."""
        async with open_gateway(demo=False) as gate:
            await put(gate)
            stopped = await gate.post(f"{SHOP}/disable", {"why": "a new shop"}, as_=gate.owner)
            assert stopped.json() == {"id": "shop", "active": False}
            assert (await gate.get(SHOP, as_=gate.owner)).json()["why"] == "a new shop"
            await gate.told()
            assert refused(await gate.post(f"{SHOP}/test", as_=gate.owner))[1] == "endpoint_disabled"
            assert (await gate.post(f"{SHOP}/enable", as_=gate.owner)).json() == {"id": "shop", "active": True}

    @pytest.mark.parametrize(
        ("wanted", "code"),
        [
            ({"url": "ftp://shop.example.com"}, "bad_url"),
            ({"url": "https://ann:secret@shop.example.com/"}, "bad_url"),
            ({"events": []}, "malformed"),
            ({"events": ["booking.imagined"]}, "unknown_event"),
            ({"secret": "mine"}, "malformed"),
            ({"description": "x" * 501}, "malformed"),
        ],
    )
    async def test_what_cannot_be_put_is_refused(self, wanted: dict[str, Any], code: str) -> None:
        """By the rule that stands against it."""
        async with open_gateway(demo=False) as gate:
            answer = await gate.put(SHOP, WANTED | wanted, as_=gate.owner)
            assert refused(answer)[1] == code, told(answer)

    @pytest.mark.parametrize("id", ["nobody", "NOT-ONE", "a.b"])
    async def test_what_is_not_there_is_unknown(self, id: str) -> None:
        """To every one of its routes."""
        async with open_gateway(demo=False) as gate:
            path = f"/v1/demo/webhooks/{id}"
            for method, step in (
                ("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/enable"), ("POST", "/disable"),
                ("POST", "/test"), ("GET", "/deliveries"), ("GET", "/dead"),
            ):  # fmt: skip
                answer = await gate.ask(method, path + step, as_=gate.owner)
                assert refused(answer) == (404, "unknown_endpoint"), (method, step, told(answer))


class TestDeliveries:
    async def test_a_new_endpoint_can_be_tried_at_once(self) -> None:
        """The trial is late until somebody has delivered it."""
        async with open_gateway(demo=False) as gate:
            await put(gate)
            tried = await gate.post(f"{SHOP}/test", as_=gate.owner)
            while tried.status_code == 503:  # its host has not heard of the endpoint yet
                assert refused(tried) == (503, "not_settled")
                gate.clock.advance(tried.json()["retry_after_ms"])
                tried = await gate.post(f"{SHOP}/test", as_=gate.owner)
            assert tried.status_code == 200, told(tried)
            shown = (await gate.get(f"{SHOP}/deliveries", as_=gate.owner)).json()
            assert [one["delivery"] for one in shown["late"]] == [tried.json()["delivery"]]
            assert (shown["late_count"], shown["delivered"], shown["attempts"]) == (1, 0, [])

    async def test_it_is_told_how_it_goes(self) -> None:
        """The newest attempt first, with what was answered."""
        async with open_gateway(demo=False) as gate:
            await put(gate)
            attempts = tuple(Attempt(f"{n}-0", "booking.created", NOON + n, 12, 500 if n == 1 else 200) for n in (1, 2))
            late = (Late("1-0", 1, NOON + 1, NOON + 5_000),)
            await reported(gate, attempts=attempts, late=late, delivered=1, failed=1)
            shown = (await gate.get(f"{SHOP}/deliveries", as_=gate.owner)).json()
            assert [(one["delivery"], one["status"]) for one in shown["attempts"]] == [("2-0", 200), ("1-0", 500)]
            assert shown["late"] == [
                {
                    "delivery": "1-0", "attempts": 1, "first_at": "2026-06-01T10:00:00.001Z",
                    "next_at": "2026-06-01T10:00:05.000Z",
                }
            ]  # fmt: skip
            assert (shown["delivered"], shown["failed"], shown["failing_since"]) == (1, 1, None)

    async def test_dead_letters_are_listed_and_sent_again(self) -> None:
        """Those that are named, or all; what is not dead is unknown."""
        async with open_gateway(demo=False) as gate:
            await put(gate)
            dead = tuple(Dead(f"{n}-0", "booking.created", 12, NOON, NOON + n, "timeout") for n in (1, 2, 3))
            await reported(gate, dead=dead, failed=3)
            listed = (await gate.get(f"{SHOP}/dead", as_=gate.owner)).json()
            assert [one["delivery"] for one in listed["dead"]] == ["1-0", "2-0", "3-0"] and listed["dropped"] == 0
            assert listed["dead"][0]["why"] == "timeout"
            named = await gate.post(f"{SHOP}/replay", {"deliveries": ["2-0"]}, as_=gate.owner)
            assert named.json() == {"replayed": 1, "left": 0}
            again = await gate.post(f"{SHOP}/replay", {"deliveries": ["2-0"]}, as_=gate.owner)
            assert refused(again) == (404, "unknown_letter")
            assert refused(await gate.post(f"{SHOP}/replay", {}, as_=gate.owner)) == (422, "nothing_named")
            rest = await gate.post(f"{SHOP}/replay", {"all": True}, as_=gate.owner)
            assert rest.json() == {"replayed": 2, "left": 0}
            assert (await gate.get(f"{SHOP}/dead", as_=gate.owner)).json()["dead"] == []
            assert (await gate.get(f"{SHOP}/deliveries", as_=gate.owner)).json()["late_count"] == 3


async def test_only_those_who_manage_webhooks_come_near() -> None:
    """Whoever lacks webhooks.manage is refused on every one of these routes."""
    async with open_gateway(demo=False) as gate:
        operator, narrow = await gate.key("operator"), await gate.key("owner", "keys.manage")
        routes = [
            ("GET", "", None), ("GET", "/shop", None), ("PUT", "/shop", WANTED), ("DELETE", "/shop", None),
            ("POST", "/shop/rotate", None), ("POST", "/shop/enable", None), ("POST", "/shop/disable", None),
            ("POST", "/shop/test", None), ("GET", "/shop/deliveries", None), ("GET", "/shop/dead", None),
            ("POST", "/shop/replay", {"all": True}),
        ]  # fmt: skip
        for method, path, body in routes:
            for key in (operator, narrow):
                answer = await gate.ask(method, f"/v1/demo/webhooks{path}", body, as_=key)
                assert refused(answer) == (403, "not_permitted"), told(answer)
            answer = await gate.ask(method, f"/v1/other/webhooks{path}", body, as_=gate.owner)
            assert refused(answer) == (403, "foreign_organisation")
            assert refused(await gate.ask(method, f"/v1/demo/webhooks{path}", body)) == (401, "unauthenticated")

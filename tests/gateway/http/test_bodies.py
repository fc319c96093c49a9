"""A body that says nothing need not be sent, and the description says where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

WITHOUT = frozenset(
    {
        "/v1/{org}/bookings/{booking}/cancel",
        "/v1/{org}/bookings/{booking}/confirm",
        "/v1/{org}/bookings/{booking}/decline",
        "/v1/{org}/keys/{id}/rotate",
        "/v1/{org}/rooms/{room}/tickets",
        "/v1/{org}/webhooks/{id}/disable",
        "/v1/{org}/webhooks/{id}/enable",
        "/v1/{org}/webhooks/{id}/rotate",
    }
)
HOOK = {"url": "https://shop.example/hook", "events": ["booking.*"]}


async def described(gate: Gate) -> dict[str, Any]:
    answer = await gate.get("/docs/openapi.json")
    assert answer.status_code == 200
    said: dict[str, Any] = answer.json()
    return said


def needed(schema: Any, components: dict[str, Any]) -> bool:
    """Whether there is anything in a body of that kind that has to be said."""
    if "$ref" in schema:
        return needed(components[schema["$ref"].rpartition("/")[2]], components)
    return not any(one == {"type": "null"} for one in schema.get("oneOf", ())) and bool(schema.get("required"))


async def test_bodies_that_may_be_left_out_are_described_so() -> None:
    """All of those in which nothing has to be said, but the one that would ask for nothing without. What is put is
    said, be it empty."""
    async with open_gateway(demo=False) as gate:
        document = await described(gate)
        optional, empty = set(), set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if "requestBody" not in operation:
                    continue
                (media,) = operation["requestBody"]["content"].values()
                if not operation["requestBody"].get("required", False):
                    optional.add(path)
                if method == "post" and not needed(media["schema"], document["components"]["schemas"]):
                    empty.add(path)
        assert optional == WITHOUT
        assert empty == WITHOUT | {"/v1/{org}/webhooks/{id}/replay"}


@pytest.mark.parametrize("kind", ["", "application/json"])
async def test_nothing_is_taken_for_nothing_said(kind: str) -> None:
    """With a Content-Type or without; and what is sent is looked at as ever."""
    headers = {"Content-Type": kind} if kind else {}
    async with open_gateway() as gate:

        async def done(path: str, body: Any = None, *, as_: str = gate.owner) -> Any:
            answer = await gate.post(f"/v1/demo/{path}", body, as_=as_, headers=headers)
            assert answer.status_code in {200, 201}, (path, told(answer))
            return answer.json()

        key = await done("keys", {"role": "viewer", "id": "desk"})
        assert (await done("keys/desk/rotate"))["key"] != key["key"]
        put = await gate.put("/v1/demo/webhooks/shop", HOOK, as_=gate.owner)
        assert put.status_code == 201, told(put)
        assert not (await done("webhooks/shop/disable"))["active"]
        assert (await done("webhooks/shop/enable"))["active"]
        assert (await done("webhooks/shop/rotate"))["secret"] != put.json()["secret"]
        assert (await done("rooms/launch/tickets", as_=await gate.session()))["ticket"]
        booked = await done("bookings", gate.wish() | {"booker": {"name": "Ann", "email": "ann@example.com"}})
        await gate.told()
        assert (await done(f"bookings/{booked['booking']}/cancel"))["status"] == "cancelled"
        for path in ("keys", "holds", "bookings", "rooms/launch/draw"):
            assert refused(await gate.post(f"/v1/demo/{path}", as_=gate.owner, headers=headers)) == (400, "malformed")
        for path in ("keys/desk/rotate", "webhooks/shop/disable", "rooms/launch/tickets"):
            answer = await gate.post(f"/v1/demo/{path}", {"what": 1}, as_=gate.owner)
            assert refused(answer) == (400, "malformed"), path

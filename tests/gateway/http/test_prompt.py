"""What is answered promptly is answered as the framework does, byte for byte; and the framework has all the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from gateway.http.prompt import Prompt, _day_asked
from gateway.limits import DAY_QUERY_BYTES_MAX, DAYS_READ_MAX
from tests.support.gateway import Gate, in_virtual_time, open_gateway, told

__all__ = ["in_virtual_time"]

BOOKINGS, HOLDS, TICKETS = "/v1/demo/bookings", "/v1/demo/holds", "/v1/demo/rooms/launch/tickets"
WISH = Gate.wish()
WITH_SLASH = "/v1/demo/bookings/"


class Counting:
    """The framework, and how often it was asked."""

    def __init__(self, gate: Gate) -> None:
        self.asked = 0
        self._app = gate.app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self._app(scope, receive, send)


def clients(gate: Gate) -> tuple[httpx.AsyncClient, httpx.AsyncClient, Counting]:
    """One who is answered as it is served, one who is answered by the framework alone."""

    counting = Counting(gate)
    served = httpx.AsyncClient(transport=httpx.ASGITransport(Prompt(counting, gate.front)), base_url="http://gate")
    alone = httpx.AsyncClient(transport=httpx.ASGITransport(gate.app), base_url="http://gate")  # type: ignore[arg-type]  # the same protocol, in other words
    return served, alone, counting


def same(one: httpx.Response, other: httpx.Response) -> None:
    assert told(one) == told(other)
    assert one.content == other.content
    assert sorted(one.headers.items()) == sorted(other.headers.items())


async def send(client: httpx.AsyncClient, path: str, body: bytes, token: str, **headers: str) -> httpx.Response:
    said = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await client.post(path, content=body, headers={name: value for name, value in said.items() if value})


@pytest.mark.parametrize(("path", "body"), [(BOOKINGS, WISH), (HOLDS, WISH), (TICKETS, {})])
async def test_the_same_answer_is_given_without_the_framework(path: str, body: Any) -> None:
    """Under one key it is one request, so that names and tokens are the same as well."""
    async with open_gateway() as gate:
        served, alone, counting = clients(gate)
        visitor, data = await gate.session(), msgspec.json.encode(body)
        first = await send(served, path, data, visitor, Idempotency_Key="k-1")
        assert first.status_code == 201, told(first)
        assert counting.asked == 0
        if path == TICKETS:  # who stands there already is told so
            first = await send(served, path, data, visitor, Idempotency_Key="k-1")
        same(first, await send(alone, path, data, visitor, Idempotency_Key="k-1"))


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (BOOKINGS, WISH | {"resource": "nowhere"}, {}),
        (BOOKINGS, WISH | {"start": "tomorrow"}, {}),
        (HOLDS, WISH | {"duration": 61}, {}),
        (BOOKINGS, WISH, {"Authorization": ""}),
        (BOOKINGS, WISH, {"Authorization": "Bearer ts.demo.nobody.ffffffff.mac"}),
        (BOOKINGS, WISH, {"Authorization": "Basic abc"}),
        (BOOKINGS, WISH, {"Tidegate-Timeout-Ms": "1"}),
        (BOOKINGS, WISH, {"Tidegate-Position": "nonsense"}),
        (BOOKINGS, WISH, {"Idempotency-Key": "k" * 300}),
        ("/v1/other/bookings", WISH, {}),
        ("/v1/De_MO!/bookings", WISH, {}),
        ("/v1/demo/rooms/nowhere/tickets", {}, {}),
        ("/v1/demo/rooms/La_Unch/tickets", {}, {}),
    ],
)
async def test_the_same_problems_are_told(path: str, body: Any, headers: dict[str, str]) -> None:
    """With the same status, headers and words."""
    async with open_gateway() as gate:
        served, alone, counting = clients(gate)
        visitor, data = await gate.session(), msgspec.json.encode(body)
        one, other = [await send(client, path, data, visitor, **headers) for client in (served, alone)]
        assert one.status_code >= 400
        assert counting.asked == 0
        same(one, other)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (BOOKINGS, b"", {}),
        (BOOKINGS, b"{", {}),
        (BOOKINGS, b"[]", {}),
        (BOOKINGS, b'{"event_type":"session"}', {}),
        (BOOKINGS, b"\xff\xfe", {}),
        (BOOKINGS, b"[" * 50_000, {}),
        (BOOKINGS, b'"' + b"x" * 70_000 + b'"', {}),
        (BOOKINGS, msgspec.json.encode(WISH | {"nonsense": 1}), {}),
        (BOOKINGS, msgspec.json.encode(WISH | {"resource": "nowhere"}), {"Content-Type": "text/plain"}),
        (BOOKINGS, msgspec.json.encode(WISH | {"resource": "nowhere"}), {"Content-Type": ""}),
        (WITH_SLASH, msgspec.json.encode(WISH | {"resource": "nowhere"}), {}),
        ("/v1/demo/bookings/x/y", b"{}", {}),
        ("/v1//bookings", msgspec.json.encode(WISH), {}),
        ("/v1/demo/rooms/La unch/tickets", b"{}", {}),
        (f"/v1/demo/rooms/{'l' * 65}/tickets", b"{}", {}),
        (BOOKINGS, msgspec.json.encode(WISH | {"resource": "nowhere"}), {"Origin": "http://gate"}),
        ("/v1/demo/%62ookings", msgspec.json.encode(WISH | {"resource": "nowhere"}), {}),
        ("/v1/demo/rooms/launch/tickets/", b'{"lane":1}', {}),
    ],
)
async def test_what_is_unusual_is_the_frameworks(path: str, body: bytes, headers: dict[str, str]) -> None:
    """It reads the body from the beginning, and says what it would have said."""
    async with open_gateway() as gate:
        served, alone, counting = clients(gate)
        visitor = await gate.session()
        one, other = [await send(client, path, body, visitor, **headers) for client in (served, alone)]
        assert counting.asked == 1
        same(one, other)


DAY = "event_type=session&resource=studio-north&date=2026-06-02"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (DAY, {}),
        ("date=2026-06-02&resource=studio-north&event_type=session", {}),
        (f"{DAY}&duration=120&tz=America/New_York&units=1", {}),
        (f"{DAY}&tz=Europe%2FBerlin", {}),
        (f"{DAY}&duration=61", {}),
        (f"{DAY}&tz=Mars/Olympus", {}),
        (DAY.replace("06-02", "13-32"), {}),
        (DAY.replace("north", "nowhere"), {}),
        (DAY, {"Authorization": ""}),
        (DAY, {"Authorization": "Bearer ts.demo.nobody.ffffffff.mac"}),
        (DAY, {"Tidegate-Timeout-Ms": "1"}),
        (DAY, {"Tidegate-Position": "nonsense"}),
    ],
)
async def test_a_day_is_told_without_the_framework(query: str, headers: dict[str, str]) -> None:
    """As it would have been with it, and so is what is wrong."""
    async with open_gateway() as gate:
        served, alone, counting = clients(gate)
        said = {"Authorization": f"Bearer {await gate.session()}"} | headers
        one, other = [
            await client.get(f"/v1/demo/slots?{query}", headers={name: value for name, value in said.items() if value})
            for client in (served, alone)
        ]
        assert counting.asked == 0
        same(one, other)


@pytest.mark.parametrize(
    "query",
    [
        "", "event_type=session", f"{DAY}&date=2026-06-02", f"{DAY}&nonsense=1", f"{DAY}&duration=060",
        f"{DAY}&duration=0", f"{DAY}&units=-1", f"{DAY}&units=1000001", f"{DAY}&units=1.0", f"{DAY}&duration=",
        DAY.replace("session", "Session"), DAY.replace("2026-06-02", "2026-6-2"), f"{DAY}&tz=a%2fb",
        f"{DAY}&tz=Etc/GMT+1", DAY.replace("north", "%2Fnorth"), f"{DAY}&tz={'x' * 65}",
        DAY.replace("&", "&&"), f"{DAY}#", f"{DAY};units=2",
    ],
)  # fmt: skip
async def test_a_day_in_another_spelling_is_the_frameworks(query: str) -> None:
    """Which says what there is to say."""
    async with open_gateway() as gate:
        served, alone, counting = clients(gate)
        said = {"Authorization": f"Bearer {await gate.session()}"}
        one, other = [
            await client.get("/v1/demo/slots?" + query.replace("#", "%23"), headers=said) for client in (served, alone)
        ]
        assert counting.asked == 1
        same(one, other)


async def test_what_is_kept_of_queries_is_bounded() -> None:
    """In number and in length: a long one is looked at by the framework alone."""
    async with open_gateway() as gate:
        served, _, counting = clients(gate)
        kept = _day_asked.cache_info().currsize
        longest = f"{DAY}&tz=".ljust(DAY_QUERY_BYTES_MAX, "x")
        for query, more in ((longest, 1), (longest + "x", 1), (f"{DAY}&units=1&tz=UTC", 2)):
            await served.get(f"/v1/demo/slots?{query}")
            assert _day_asked.cache_info().currsize == kept + more, query
        assert counting.asked == 2
        assert _day_asked.cache_info().maxsize == DAYS_READ_MAX


async def test_whoever_holds_something_of_a_day_is_told_their_own() -> None:
    """And nobody else is, however many ask for it meanwhile."""
    async with open_gateway() as gate:
        mine, other = await gate.session(), await gate.session()
        held = await gate.post(HOLDS, WISH, as_=mine)
        assert held.status_code == 201, told(held)
        position = {"Tidegate-Position": held.headers["tidegate-position"]}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(Prompt(Counting(gate), gate.front)), base_url="http://gate"
        ) as client:

            async def states(visitor: str) -> list[str]:
                said = position | {"Authorization": f"Bearer {visitor}"}
                answer = await client.get(f"/v1/demo/slots?{DAY}", headers=said)
                return [one["state"] for one in answer.json() if one["start"].startswith(WISH["start"])]

            assert [await states(other), await states(mine), await states(other)] == [["held"], ["free"], ["held"]]


async def test_many_at_once_are_all_answered() -> None:
    """In groups; and whoever hangs up in between takes nobody along."""
    async with open_gateway() as gate:
        served, _, _ = clients(gate)
        visitors = [await gate.session() for _ in range(100)]
        asked = [asyncio.ensure_future(send(served, TICKETS, b"{}", visitor)) for visitor in visitors]
        await asyncio.sleep(0)
        for one in asked[10:90:7]:
            one.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        gone = [one for one in answers if isinstance(one, asyncio.CancelledError)]
        places = [one.json()["ticket"] for one in answers if isinstance(one, httpx.Response)]
        assert len(gone) == 12
        assert len(set(places)) == len(places) == 88

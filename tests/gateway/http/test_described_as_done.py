"""The description says what is done: on a tour of all routes, each does what it is for, and is held to its own."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any, Final, TypeAlias

import httpx
import pytest

from actors.runtime.sender import Sender
from actors.webhooks.commands import Attend, Report
from events.webhooks import Dead
from gateway.calls import Call
from gateway.operations import passing
from tests.support.described import faults, operation, operations
from tests.support.gateway import NOON, TODAY, TOMORROW, Gate, in_virtual_time, open_gateway, told

__all__ = ["in_virtual_time"]

Route: TypeAlias = tuple[str, str]

ELSEWHERE: Final[dict[Route, str]] = {
    ("GET", "/livez"): "about a process",
    ("GET", "/readyz"): "about a process",
    ("GET", "/metrics"): "about a process",
    ("GET", "/v1/{org}/events"): "never ends",
    ("GET", "/v1/{org}/stream"): "is a socket",
}
"""What the tour leaves out, and why."""
KEY, PASS, KNOWN = "idempotency-key", "tidegate-pass", "if-none-match"
SAYS: Final = {"etag", "set-cookie", "tidegate-pass-session", "tidegate-position", "tidegate-ticket"}
"""Headers of answers that say something about what was asked."""
AROUND: Final = {"x-request-id"}
"""What is said of every request by what stands around the application, which is not there on the tour."""
TRIES_MAX: Final = 5
UNCHANGED: Final = 304
BUSY: Final = 503
MINUTES_MS: Final = 60_000
SECRET: Final = "the secret of this draw, long enough"
SALE: Final = {"capacity": 3, "draw": True, "commitment": sha256(SECRET.encode()).hexdigest()}


class Tour:
    """Asks, and keeps what came of it by route."""

    def __init__(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate: Final = gate
        self.seen: Final[dict[Route, dict[int, set[str]]]] = {}
        """Which statuses, with which headers."""
        self.heeded: Final[dict[str, set[Route]]] = {KEY: set(), PASS: set(), KNOWN: set()}
        """Where something was done or drawn under a key, a pass was looked at, what is known was not sent again."""
        self.wrong: Final[list[Any]] = []
        """What was asked or answered otherwise than it is described."""
        self._at: Route = ("", "")
        self._keys = 0
        transact, good, draw = Sender.transact, passing._good, Call.drawn

        async def transacted(sender: Sender, *about: Any, **more: Any) -> Any:
            if more["id"] is not None:
                self.heeded[KEY].add(self._at)
            return await transact(sender, *about, **more)

        async def looked_at(call: Call, *about: Any) -> Any:
            self.heeded[PASS].add(self._at)
            return await good(call, *about)

        def drawn(call: Call, *about: Any) -> bytes:
            if call._id:
                self.heeded[KEY].add(self._at)
            return draw(call, *about)

        monkeypatch.setattr(Sender, "transact", transacted)
        monkeypatch.setattr(Call, "drawn", drawn)
        monkeypatch.setattr(passing, "_good", looked_at)

    async def ask(
        self, route: str, body: Any = None, *, as_: str | None = None, query: Any = None, shown: str = "", **names: str
    ) -> Any:
        """By the owner, unless it is said by whom, with a key of its own. Whoever is told to come again does."""
        method, template = route.split()
        self._at, self._keys = (method, template), self._keys + 1
        path, said = template.format(org="demo", **names), {KEY: f"k-{self._keys}"} | ({PASS: shown} if shown else {})

        async def asked(**headers: str) -> httpx.Response:
            return await self.gate.ask(
                method, path, body, as_=self.gate.owner if as_ is None else as_, headers=said | headers, **(query or {})
            )

        answer = await asked()
        for _ in range(TRIES_MAX):
            if answer.status_code == BUSY:
                await asyncio.sleep(answer.json()["retry_after_ms"] / 1_000 + 1)
                answer = await asked()
        assert answer.status_code < 400, (route, told(answer))
        self._keep(answer, body)
        if method == "GET":
            again = await asked(**{KNOWN: answer.headers.get("etag", "*")})
            self._keep(again, None)
            if again.status_code == UNCHANGED:
                self.heeded[KNOWN].add(self._at)
        await self.gate.told()
        return answer.json()

    def _keep(self, answer: httpx.Response, body: Any) -> None:
        status, described = answer.status_code, operation(*self._at)
        self.seen.setdefault(self._at, {}).setdefault(status, set()).update(SAYS & set(answer.headers))
        found = [] if body is None else faults(described.asked, body)
        if status not in described.done:
            found.append(f"{status} is not described")
        elif (schema := described.told(status)) is not None:
            found += faults(schema, answer.json())
        if found:
            self.wrong.append((self._at, found))


async def _catalog(tour: Tour) -> None:
    for kind, name, wanted in (
        ("resources", "id", {"time_zone": "Europe/Berlin", "metadata": {"floor": "3"}}),
        ("schedules", "id", {"time_zone": "Europe/Berlin", "weekly": {"mon": [{"start": "09:00", "end": "17:00"}]}}),
        ("event-types", "slug", {"title": "A visit", "durations": [60], "resources": ["studio-south"]}),
    ):
        one = f"/v1/{{org}}/{kind}/{{{name}}}"
        await tour.ask(f"PUT {one}", wanted, **{name: "annex"})
        await tour.ask(f"GET {one}", **{name: "annex"})
        await tour.ask(f"GET /v1/{{org}}/{kind}")
        await tour.ask(f"DELETE {one}", **{name: "annex"})
    about = {"event_type": "session", "resource": "studio-north"}
    await tour.ask("GET /v1/{org}/slots", query=about | {"date": TOMORROW})
    await tour.ask("GET /v1/{org}/months", query=about | {"month": TOMORROW[:7]})


async def _tickets(tour: Tour, visitor: str) -> str:
    """The pass of the visitor, who comes in."""
    line, launch = "/v1/{org}/rooms/{room}/tickets", {"room": "launch"}
    ticket = (await tour.ask(f"POST {line}", as_=visitor, **launch))["ticket"]
    await tour.ask(f"POST {line}", {}, as_=visitor, **launch)
    await asyncio.sleep(2)
    await tour.ask(f"GET {line}/{{ticket}}", ticket=ticket, **launch)
    shown: str = (await tour.ask(f"POST {line}/{{ticket}}/claim", as_=visitor, ticket=ticket, **launch))["pass"]
    await asyncio.sleep(60)
    await tour.ask(f"POST {line}/{{ticket}}/heartbeat", as_=visitor, ticket=ticket, **launch)
    await tour.ask("GET /v1/{org}/rooms/{room}/check", shown=shown, **launch)
    for step, as_ in (("leave", await tour.gate.session()), ("revoke", await tour.gate.session())):
        other = (await tour.ask(f"POST {line}", as_=as_, **launch))["ticket"]
        await tour.ask(f"POST {line}/{{ticket}}/{step}", as_=as_ if step == "leave" else None, ticket=other, **launch)
    await tour.ask("GET /.well-known/jwks.json")
    return shown


async def _bookings(tour: Tour, visitor: str, shown: str) -> None:
    """Of the premiere, which is behind a room; of what has to be approved; and of what has begun since."""
    one = "/v1/{org}/bookings/{booking}"

    async def book(slug: str, resource: str, start: str) -> str:
        wanted = {"event_type": slug, "resource": resource, "start": start, "booker": {"name": "Ann Lee"}}
        booked = await tour.ask("POST /v1/{org}/bookings", wanted, as_=visitor, shown=shown)
        name: str = booked["booking"]
        return name

    premiere = {"event_type": "premiere", "resource": "studio-north", "start": f"{TOMORROW}T11:00"}
    hold = (await tour.ask("POST /v1/{org}/holds", premiere, as_=visitor, shown=shown))["hold"]
    await tour.ask("POST /v1/{org}/holds/{hold}/heartbeat", as_=visitor, hold=hold)
    await tour.ask("DELETE /v1/{org}/holds/{hold}", as_=visitor, hold=hold)
    name = await book("premiere", "studio-north", f"{TOMORROW}T11:00")
    wanted = premiere | {"booker": {"email": "ann@example.org"}}
    standby = (await tour.ask("POST /v1/{org}/standby", wanted, as_=visitor, shown=shown))["standby"]
    await tour.ask("DELETE /v1/{org}/standby/{standby_name}", as_=visitor, standby_name=standby)
    await tour.ask(f"POST {one}/reschedule", {"start": f"{TOMORROW}T13:00"}, booking=name)
    await tour.ask(f"GET {one}", booking=name)
    await tour.ask("GET /v1/{org}/bookings", query={"limit": "2"})
    await tour.ask("GET /v1/{org}/audit/bookings/{booking}", booking=name)
    await tour.ask("GET /v1/{org}/audit/explain", query=premiere)
    await tour.ask(f"POST {one}/cancel", {"reason": "ill"}, booking=name)
    for step, date in (("confirm", "2026-06-08"), ("decline", "2026-06-15")):
        name = await book("production", "studio-south", f"{date}T00:00")
        await tour.ask(f"POST {one}/{step}", booking=name)
    begun = [await book("meeting", "meeting-room", f"{TODAY}T{clock}") for clock in ("13:00", "13:30")]
    tour.gate.clock.jump(120 * MINUTES_MS)
    for step, name in zip(("complete", "no-show"), begun, strict=True):
        await tour.ask(f"POST {one}/{step}", booking=name)


async def _rooms(tour: Tour) -> None:
    room = "/v1/{org}/rooms/{room}"
    await tour.ask(f"PUT {room}", SALE, room="sale")
    await tour.ask(f"POST {room}/start", room="sale")
    await tour.ask(f"POST {room}/tickets", as_=await tour.gate.session(), room="sale")
    await asyncio.sleep(1)
    await tour.ask(f"POST {room}/draw", {"secret": SECRET}, room="sale")
    for step in ("open", "pause", "resume", "drain", "close"):
        await tour.ask(f"POST {room}/{step}", room="sale")
    await tour.ask("GET /v1/{org}/rooms")
    for of_it in ("", "/numbers"):
        await tour.ask(f"GET {room}{of_it}", room="sale")
    await tour.ask("GET /v1/{org}/audit/rooms/{room}/draw", room="sale")
    for of_it in ("", "/proof"):
        await tour.ask(f"GET /v1/{{org}}/audit/actors/{{actor}}{of_it}", actor="room.sale", query={"limit": "2"})


async def _access(tour: Tour) -> None:
    await tour.ask("POST /v1/{org}/sessions", as_="")
    await tour.ask("POST /v1/{org}/sessions")
    await tour.ask("POST /v1/{org}/keys", {"role": "viewer", "scopes": ["slots.read"], "id": "desk"})
    await tour.ask("POST /v1/{org}/keys/{id}/rotate", id="desk")
    await tour.ask("GET /v1/{org}/keys")
    await tour.ask("DELETE /v1/{org}/keys/{id}", id="desk")
    issuer, staff = "/v1/{org}/issuers/{id}", {"id": "staff"}
    wanted = {"url": "https://a.example", "audience": "us", "jwks_url": "https://a.example/k", "default_role": "viewer"}
    await tour.ask(f"PUT {issuer}", wanted, **staff)
    await tour.ask(f"GET {issuer}", **staff)
    await tour.ask("GET /v1/{org}/issuers")
    await tour.ask(f"DELETE {issuer}", **staff)


async def _webhooks(tour: Tour) -> None:
    hook, shop = "/v1/{org}/webhooks/{id}", {"id": "shop"}
    for events in (["booking.*", "turn.now"], ["*"]):
        await tour.ask(f"PUT {hook}", {"url": "https://shop.example.com/hook", "events": events}, **shop)
    for step in ("rotate", "disable", "enable", "test"):
        await tour.ask(f"POST {hook}/{step}", **shop)
    await tour.ask("GET /v1/{org}/webhooks")
    for of_it in ("", "/deliveries"):
        await tour.ask(f"GET {hook}{of_it}", **shop)
    born = next(one.sequence for one in await tour.gate.house.recorded("demo.webhooks"))
    given_up = Report("courier", dead=(Dead("4711-0", "booking.confirmed", 3, NOON, NOON, "http_500"),))
    for said in (Attend("courier", born, born), given_up):
        await tour.gate.have("demo.webhook.shop", said)
    await tour.ask(f"GET {hook}/dead", **shop)
    await tour.ask(f"POST {hook}/replay", {"all": True}, **shop)
    await tour.ask(f"DELETE {hook}", **shop)


async def test_what_is_described_is_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it and nothing else: the statuses of what was done, what is said in headers, by whoever asks and by us,
    and the bodies of both."""
    async with open_gateway() as gate:
        tour, visitor = Tour(gate, monkeypatch), await gate.session()
        await _catalog(tour)
        await _bookings(tour, visitor, await _tickets(tour, visitor))
        await _rooms(tour)
        await _access(tour)
        await _webhooks(tour)
    assert tour.wrong == []
    ours = {(one.method, one.path): one for one in operations() if (one.method, one.path) not in ELSEWHERE}
    assert set(tour.seen) == set(ours)
    assert {route: set(statuses) for route, statuses in tour.seen.items()} == {
        route: set(one.done) for route, one in ours.items()
    }
    for route, one in ours.items():
        sent = tour.seen[route]
        assert all(sent[status] <= one.sends(status) for status in one.done), route
        assert set().union(*sent.values()) == set().union(*map(one.sends, one.done)) - AROUND, route
    for header, routes in tour.heeded.items():
        assert routes == {route for route, one in ours.items() if header in one.heeds}, header

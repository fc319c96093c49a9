"""Every route, as every role, in one's own organisation and in another: what is let through is what the table says."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from events.permissions import PERMITTED, Standing
from gateway.http.app import ROUTES
from gateway.http.permissions import ORDER, TOPICS, Route, _who, routes, written
from gateway.operations.access import IssuerWanted, KeyWanted
from gateway.operations.bookings import BookWanted, MoveWanted
from gateway.operations.offerings import ResourceWanted, ScheduleWanted
from gateway.operations.rooms import DrawWanted
from gateway.operations.standby import StandbyWanted
from gateway.operations.webhooks import ReplayWanted, WebhookWanted
from gateway.operations.wishes import Wanted
from gateway.streams import topics
from gateway.streams.commands import COMMANDS
from tests.support.gateway import TOMORROW, Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

DOCUMENT = Path(__file__).parents[3] / "docs" / "permissions.md"
OTHER = "elsewhere"
STREAM = "/v1/{org}/events"
NAMES = {
    "{actor}": "catalog",
    "{id}": "another",
    "{slug}": "another",
    "{hold}": f"studio-north.{TOMORROW}.h-none",
    "{booking}": f"studio-north.{TOMORROW}.b-none",
    "{standby_name}": f"studio-north.{TOMORROW}.y-none",
    "{room}": "launch",
    "{ticket}": "launch.0.99",
}
WHEN = {"slots": {"date": TOMORROW}, "months": {"month": TOMORROW[:7]}, "explain": {"start": f"{TOMORROW}T10:00"}}
"""Of the routes that ask when."""
QUERY = {"event_type": "session", "resource": "studio-north", "topic": "room/launch"}
BODIES: dict[Any, Any] = {
    ResourceWanted: {"time_zone": "Europe/Berlin"},
    ScheduleWanted: {"time_zone": "Europe/Berlin"},
    Wanted: Gate.wish(),
    BookWanted: Gate.wish(booker={"name": "Ann", "email": "ann@example.org"}),
    StandbyWanted: Gate.wish(booker={"name": "Ann", "email": "ann@example.org"}),
    MoveWanted: {"start": f"{TOMORROW}T12:00"},
    DrawWanted: {"secret": "a" * 32},
    KeyWanted: {"role": "viewer"},
    IssuerWanted: {"url": "https://a.example", "audience": "us", "jwks_url": "https://a.example/keys"},
    WebhookWanted: {"url": "https://a.example/hook"},
    ReplayWanted: {"all": True},
}
"""Where an empty one is refused."""

Asking = tuple[int, str]


class Walk:
    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.bodies = {
            (str(method), path): _body(handler)
            for handler in ROUTES
            for path in handler.paths
            for method in handler.http_methods
        }

    async def ask(self, route: Route, org: str, token: str = "", session: str = "", **headers: str) -> Asking:
        """The status, and the code of the problem if it is one."""
        path = route.path.replace("{org}", org)
        for name, value in NAMES.items():
            path = path.replace(name, value)
        if route.path == STREAM:
            return await self._follow(path, token, session)
        when = WHEN.get(path.rpartition("/")[2])
        query = {} if when is None else QUERY | when
        answer = await self.gate.ask(
            route.method, path, self.body(route), as_=token, session=session, headers=headers, **query
        )
        return refused(answer) if answer.status_code >= 400 else (answer.status_code, "")

    def body(self, route: Route) -> Any:
        return next(
            body for (method, path), body in self.bodies.items()
            if method == route.method and path.replace(":str", "") == route.path
        )  # fmt: skip

    async def _follow(self, path: str, token: str, session: str) -> Asking:
        """A stream never ends by itself: how it begins is enough."""
        said: list[dict[str, Any]] = []
        begun = asyncio.Event()

        async def send(event: dict[str, Any]) -> None:
            said.append(event)
            if event["type"] == "http.response.body":
                begun.set()

        async def receive() -> dict[str, Any]:
            if said:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        headers += [(b"tidegate-session", session.encode())] if session else []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"topic=room/launch", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("gate", 80),
        }  # fmt: skip
        app: Any = self.gate.app
        streaming = asyncio.ensure_future(app(scope, receive, send))
        await begun.wait()
        streaming.cancel()
        with suppress(asyncio.CancelledError):
            await streaming
        status: int = said[0]["status"]
        return status, msgspec.json.decode(said[1]["body"])["code"] if status >= 400 else ""


def _body(handler: HTTPRouteHandler) -> Any:
    data = handler.parsed_fn_signature.parameters.get("data")
    return None if data is None else BODIES.get(data.annotation, {})


async def _token(gate: Gate, standing: Standing, org: str = "demo") -> str:
    if standing == "anonymous":
        return ""
    if standing == "session":
        return await gate.session(org)
    return await gate.key(standing, org=org)


OURS = [route for route in routes() if "{org}" in route.path]


@pytest.mark.parametrize("standing", ORDER)
async def test_everybody_may_do_what_the_table_says(standing: Standing) -> None:
    """And nothing else: whoever lacks a permission is told who they would have to be, or that they may not."""
    async with open_gateway() as gate:
        walk = Walk(gate)
        token = await _token(gate, standing)
        session = await gate.session() if standing not in {"anonymous", "session"} else ""
        wrong = {}
        for route in OURS:
            assert route.needs is not None, route
            status, code = await walk.ask(route, "demo", token, session)
            if route.needs in PERMITTED[standing]:
                refusals = {"not_permitted", "foreign_organisation"}
                right = status not in {400, 401, 405, 500} and code not in refusals
                right = right or (route.path.endswith("/check") and code == "pass_missing")
            elif standing == "anonymous":
                right = (status, code) == (401, "unauthenticated")
            else:
                right = (status, code) == (403, "not_permitted")
            if not right:
                wrong[f"{route.method} {route.path}"] = (status, code)
        assert not wrong


@pytest.mark.parametrize("standing", ORDER[1:])
async def test_nobody_is_anybody_elsewhere(standing: Standing) -> None:
    """A token of one organisation is refused in every other, on every route: as it is, and as the visitor for whom a
    good key acts."""
    async with open_gateway() as gate:
        walk = Walk(gate)
        here, there = await _token(gate, standing), await _token(gate, standing, OTHER)
        for route in OURS:
            assert await walk.ask(route, OTHER, here) == (403, "foreign_organisation"), route
            assert await walk.ask(route, "demo", there) == (403, "foreign_organisation"), route
            if standing == "session":
                assert await walk.ask(route, "demo", gate.owner, there) == (403, "foreign_organisation"), route


async def test_a_scope_leaves_nothing_else() -> None:
    """An owner's key that has one scope may do that, and what anybody may."""
    async with open_gateway() as gate:
        walk = Walk(gate)
        key, session = await gate.key("owner", "numbers.read"), await gate.session()
        for route in OURS:
            status, code = await walk.ask(route, "demo", key, session)
            allowed = route.needs == "numbers.read" or route.needs in PERMITTED["anonymous"]
            assert (code == "not_permitted") != allowed, (route, status, code)


async def test_a_cookie_of_elsewhere_is_no_session() -> None:
    """Nor is it taken for nothing."""
    async with open_gateway() as gate:
        cookie = f"tidegate_session={await gate.session(OTHER)}"
        for path in ("/v1/demo/resources", "/v1/demo/rooms"):
            answer = await gate.get(path, headers={"Cookie": cookie})
            assert refused(answer) == (403, "foreign_organisation"), told(answer)


def test_the_table_is_the_one_in_the_documents() -> None:
    """`python -m gateway.http.permissions > docs/permissions.md` writes it anew."""
    assert DOCUMENT.read_text("utf-8") == written()


def test_the_table_knows_every_topic_and_whom_it_is_for() -> None:
    """One of each kind, and every command."""
    assert [topics.topic_of(one).kind for one in TOPICS] == [kind for kind, _, _ in topics._NAMES]
    assert all(f"| `{name}` | `{one.needs}` | {_who(one.needs)} |" in written() for name, one in COMMANDS.items())


def test_what_takes_nothing_says_that_it_is_for_everybody() -> None:
    """A route without a permission is one that was meant to have none."""
    open_to_all = [route.path for route in routes() if route.needs is None]
    assert open_to_all == ["/.well-known/jwks.json", "/livez", "/metrics", "/readyz"]

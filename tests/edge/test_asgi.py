"""The middleware on a real server, before somebody else's site, with a real gateway behind its back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.passes import Pass, sign
from tests.edge.serving import HOST, Edge, open_edge, serving, site
from tests.gateway.test_passes import key_from
from tidegate_client.asgi import COOKIE, WaitingRoom
from tidegate_client.passes import Jwks

WAIT: Final = "https://tidegate.example/wait/launch"
BROWSER: Final = {"Accept": "text/html,application/xhtml+xml"}


@asynccontextmanager
async def guarded(edge: Edge, **about: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a site that is behind the room."""
    room = WaitingRoom(site, about.pop("gateway", edge.url), "demo", "launch", now=edge.now_s, **about)
    async with serving(room) as port, httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as http:
        yield http
    await room.aclose()


def by_cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"other=1; {COOKIE}={token}; more=2"}


def code_of(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    said = response.json()
    assert said["status"] == response.status_code and said["type"] == f"urn:tidegate:problem:{said['code']}"
    return str(said["code"])


async def test_whoever_has_a_pass_comes_in() -> None:
    """By header or by cookie; the site finds whose it is."""
    async with open_edge() as edge, guarded(edge) as http:
        ticket, token = await edge.let_in()
        for headers in ({"Tidegate-Pass": token}, by_cookie(token), by_cookie(f'"{token}"')):
            seen = await http.get("/page", headers=headers)
            assert (seen.status_code, seen.json()["pass"]) == (200, ticket)


async def test_everybody_else_is_turned_away() -> None:
    """Without a pass, with one of another room, of another's signature, or that is over: each told which it is."""
    async with open_edge() as edge, guarded(edge) as http:
        await edge.open_room("finale")
        token, elsewhere = await edge.admitted(), await edge.admitted("finale")
        now = edge.gate.clock()
        mine = Pass(
            id="launch.0.7", org="demo", room="launch", session="0" * 32, issued_at=now, expires_at=now + 60_000
        )
        for headers, code in (
            ({}, "pass_needed"),
            ({"Tidegate-Pass": ""}, "pass_needed"),
            (by_cookie("nonsense"), "pass_malformed"),
            (by_cookie(elsewhere), "pass_of_another_room"),
            (by_cookie(sign(mine, key_from(7))), "pass_forged"),
        ):
            refused = await http.get("/", headers=headers)
            assert (refused.status_code, code_of(refused)) == (403, code)
            assert token not in refused.text
        edge.gate.clock.advance(3_600_000)
        assert code_of(await http.get("/", headers=by_cookie(token))) == "pass_expired"


async def test_who_looks_is_sent_to_the_waiting_page() -> None:
    """Browsers that want a page; programs and forms are told instead."""
    async with open_edge() as edge, guarded(edge, turn_away_to=WAIT) as http:
        seen = await http.get("/", headers=BROWSER)
        assert (seen.status_code, seen.headers["location"]) == (302, WAIT)
        assert code_of(await http.get("/")) == "pass_needed"
        assert code_of(await http.post("/", headers=BROWSER)) == "pass_needed"


async def test_a_part_of_a_site_may_be_open() -> None:
    """What is guarded is said by the site."""
    async with open_edge() as edge, guarded(edge, guards=lambda scope: scope["path"].startswith("/shop")) as http:
        assert (await http.get("/health")).json()["pass"] is None
        assert (await http.get("/shop/1")).status_code == 403


async def test_sockets_are_behind_it_as_well() -> None:
    """With a pass they speak; without one the handshake is refused."""
    async with open_edge() as edge, guarded(edge) as http:
        url = str(http.base_url.join("/live")).replace("http", "ws")
        headers = by_cookie(await edge.admitted())
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            await socket.send("hello")
            assert await socket.recv() == "you said hello"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
        assert refused.value.response.status_code == 403


async def test_a_server_that_cannot_say_why_closes_the_socket() -> None:
    """Before it was open, which is a 403 to whoever knocked."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    room = WaitingRoom(site, "http://127.0.0.1:9", "demo", "launch")
    await room({"type": "websocket", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "pass_needed"}]


async def test_a_pass_that_was_taken_back_is_noticed_by_who_asks() -> None:
    """Within the seconds for which answers are believed; who goes by the signature lets it in until its end."""
    async with open_edge() as edge, guarded(edge, ask=True, ask_again_s=0.1) as asks, guarded(edge) as trusts:
        ticket, token = await edge.let_in()
        assert (await asks.get("/", headers=by_cookie(token))).status_code == 200
        await edge.send_away(ticket)
        async with asyncio.timeout(10):
            while (seen := await asks.get("/", headers=by_cookie(token))).status_code == 200:  # noqa: ASYNC110  # time passes
                await asyncio.sleep(0.05)
        assert code_of(seen) == "pass_revoked"
        assert (await trusts.get("/", headers=by_cookie(token))).status_code == 200


async def test_a_page_with_many_images_asks_once() -> None:
    """What was said of a pass is believed for a while, and those who come meanwhile wait for it."""
    async with open_edge() as edge, guarded(edge, ask=True, ask_again_s=60) as http:
        token, asked = await edge.admitted(), 0
        call = edge.gate.front.call

        async def counted(request: Any, org: str) -> Any:
            nonlocal asked
            asked += 1
            return await call(request, org)

        edge.gate.front.call = counted  # type: ignore[method-assign]  # the same, and counted
        seen = await asyncio.gather(*(http.get(f"/{number}", headers=by_cookie(token)) for number in range(40)))
        assert ({one.status_code for one in seen}, asked) == ({200}, 1)


@pytest.mark.parametrize(("unsure", "status"), [("open", 200), ("closed", 503)])
async def test_when_the_gateway_is_away_the_setting_decides(unsure: str, status: int) -> None:
    """Open goes by the signature, closed turns everybody away; a bad signature opens neither."""
    async with open_edge() as edge:
        keys = Jwks(f"{edge.url}/.well-known/jwks.json")
        nobody = "http://127.0.0.1:9"
        async with guarded(edge, gateway=nobody, keys=keys, ask=True, unsure=unsure, turn_away_to=WAIT) as http:
            token = await edge.admitted()
            for headers in (by_cookie(token), by_cookie(token) | BROWSER):
                assert (await http.get("/", headers=headers)).status_code == status
            assert (await http.get("/", headers=by_cookie(token[:-4] + "AAAA"))).status_code == 403


async def test_without_a_key_nobody_comes_in() -> None:
    """There is nothing to go by: it says so, and sends nobody to wait for a pass that they may have."""
    async with open_edge() as edge, guarded(edge, gateway="http://127.0.0.1:9", turn_away_to=WAIT) as http:
        seen = await http.get("/", headers=by_cookie(await edge.admitted()) | BROWSER)
        assert (seen.status_code, code_of(seen)) == (503, "pass_not_checked")


async def test_a_server_that_stops_lets_go_of_its_connections() -> None:
    """With the lifespan of the application behind it, which it is told of."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    async with open_edge() as edge:
        room = WaitingRoom(app, edge.url, "demo", "launch", ask=True, now=edge.now_s)
        token = await edge.admitted()
        scope = {"type": "http", "method": "GET", "headers": [(b"tidegate-pass", token.encode())]}
        await room(dict(scope), nothing, nothing)
        await room({"type": "lifespan"}, nothing, nothing)
        await room(dict(scope), nothing, nothing)
        await room.aclose()
    assert told == ["http", "lifespan", "http"]

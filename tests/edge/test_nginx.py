"""A real nginx with the configuration of this repository: before a site behind a waiting room, and before gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from gateway.passes import Pass, sign
from tests.edge.serving import HOST, Edge, Nginx, nginx, nginx_program, open_edge, serving, site
from tests.gateway.test_passes import key_from
from tests.support.waiting import until

WAIT: Final = "https://tidegate.example/wait/launch"


class Stand(NamedTuple):
    edge: Edge
    front: Nginx
    http: httpx.AsyncClient

    async def enters(self, token: str, path: str = "/") -> httpx.Response:
        return await self.http.get(self.front.site + path, headers={"Cookie": f"a=b; tidegate_pass={token}"})


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    program = nginx_program()
    async with (
        open_edge() as edge,
        serving(site) as port,
        nginx(program, folder, edge.port, port) as front,
        httpx.AsyncClient() as http,
    ):
        yield Stand(edge, front, http)


def sent_to_wait(response: httpx.Response) -> bool:
    return (response.status_code, response.headers.get("location")) == (302, WAIT)


async def test_nobody_comes_in_without_a_pass(tmp_path: Path) -> None:
    """They are sent to the waiting page; so is whoever brings something that is none."""
    async with stand(tmp_path) as at:
        assert sent_to_wait(await at.http.get(at.front.site))
        for nonsense in ("", "x", "a.b.c", "%0d%0aTidegate-Ticket:%201"):
            assert sent_to_wait(await at.enters(nonsense))


async def test_whoever_has_a_pass_comes_in(tmp_path: Path) -> None:
    """The site is told whose it is, whatever the visitor wrote there; time and again, over a cache, too."""
    async with stand(tmp_path) as at:
        ticket, token = await at.edge.let_in()
        for path in ("/", "/style.css", "/?a=1"):
            seen = await at.http.get(
                at.front.site + path, headers={"Cookie": f"tidegate_pass={token}", "Tidegate-Ticket": "launch.0.999"}
            )
            assert seen.status_code == 200, seen.text
            assert seen.json()["headers"]["tidegate-ticket"] == ticket
            assert len(seen.json()["headers"]["tidegate-pass-session"]) == 32
            assert seen.json()["headers"]["x-forwarded-for"] == HOST


async def test_a_pass_of_another_room_or_of_nobody_is_none(tmp_path: Path) -> None:
    """Good signatures of other rooms, and good claims with other signatures."""
    async with stand(tmp_path) as at:
        await at.edge.open_room("finale")
        assert sent_to_wait(await at.enters(await at.edge.admitted("finale")))
        now = at.edge.gate.clock()
        mine = Pass(
            id="launch.0.7", org="demo", room="launch", session="0" * 32, issued_at=now, expires_at=now + 600_000
        )
        assert sent_to_wait(await at.enters(sign(mine, key_from(7))))
        token = await at.edge.admitted()
        assert sent_to_wait(await at.enters(token[:-2] + ("AA" if token[-2:] != "AA" else "BB")))
        assert (await at.enters(token)).status_code == 200


async def test_a_pass_that_is_over_is_none(tmp_path: Path) -> None:
    """By time, as soon as nginx asks again."""
    async with stand(tmp_path) as at:
        token = await at.edge.admitted()
        assert (await at.enters(token)).status_code == 200
        at.edge.gate.clock.advance(3_600_000)
        await _turned_away(at, token)


async def test_a_pass_that_was_taken_back_is_none(tmp_path: Path) -> None:
    """Within the seconds for which the gateway and nginx believe what they were told."""
    async with stand(tmp_path) as at:
        ticket, token = await at.edge.let_in()
        assert (await at.enters(token)).status_code == 200
        await at.edge.send_away(ticket)
        await _turned_away(at, token)


async def _turned_away(at: Stand, token: str) -> None:
    async with asyncio.timeout(10):
        while not sent_to_wait(await at.enters(token)):  # noqa: ASYNC110  # caches forget by time
            await asyncio.sleep(0.05)


async def test_a_page_with_many_images_asks_once(tmp_path: Path) -> None:
    """What was said of a pass is believed for a second, and said of no other pass."""
    async with stand(tmp_path) as at:
        asked = 0
        check = at.edge.gate.front.call

        async def counted(request: object, org: str) -> object:
            nonlocal asked
            asked += 1
            return await check(request, org)  # type: ignore[arg-type]  # as it came

        at.edge.gate.front.call = counted  # type: ignore[method-assign, assignment]  # the same, and counted
        one, two = await at.edge.admitted(), await at.edge.admitted()
        asked, loop = 0, asyncio.get_running_loop()
        began = loop.time()
        seen = await asyncio.gather(*(at.enters(one, f"/{number}.png") for number in range(40)))
        assert {response.status_code for response in seen} == {200}
        assert asked <= 2 + int(loop.time() - began)  # a second may end meanwhile, and more on a busy machine
        assert {response.json()["headers"]["tidegate-ticket"] for response in seen} != {
            (await at.enters(two)).json()["headers"]["tidegate-ticket"]
        }


async def test_the_waiting_page_hands_the_pass_over(tmp_path: Path) -> None:
    """As a cookie that no script can read, and only one that opens the room."""
    async with stand(tmp_path) as at:
        token = await at.edge.admitted()
        entry = f"{at.front.site}/_tidegate/enter"
        entered = await at.http.post(entry, headers={"Tidegate-Pass": token})
        assert entered.status_code == 204, entered.text
        cookie = f"tidegate_pass={token}; Path=/; HttpOnly; SameSite=Lax"
        assert entered.headers["set-cookie"] == cookie
        async with httpx.AsyncClient(verify=False) as by_tls:  # whose certificate it is, is nothing to this
            url = f"{at.front.site_by_tls}/_tidegate/enter"
            entered = await by_tls.post(url, headers={"Tidegate-Pass": token})
        assert entered.headers["set-cookie"] == f"{cookie}; Secure"
        for bad, status in (("", 401), (token + "x", 403), (f"{token}; Domain=evil.example", 401), ("a.b.c", 403)):
            refused = await at.http.post(entry, headers={"Tidegate-Pass": bad})
            assert refused.status_code == status and "set-cookie" not in refused.headers, bad
        assert (await at.http.get(f"{at.front.site}/_tidegate/check")).status_code == 404


async def test_sockets_of_the_site_are_behind_it_as_well(tmp_path: Path) -> None:
    """With a pass they speak, without one nobody answers."""
    async with stand(tmp_path) as at:
        token, url = await at.edge.admitted(), at.front.site.replace("http", "ws") + "/live"
        async with connect(url, additional_headers={"Cookie": f"tidegate_pass={token}"}, proxy=None) as socket:
            await socket.send("hello")
            assert await socket.recv() == "you said hello"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
        assert refused.value.response.status_code == 403


async def test_without_a_gateway_nobody_comes_in(tmp_path: Path) -> None:
    """It is an error, and not an open door."""
    program = nginx_program()
    async with serving(site) as port, nginx(program, tmp_path, 9, port) as front, httpx.AsyncClient() as http:
        assert (await http.get(front.site, headers={"Cookie": "tidegate_pass=a.b.c"})).status_code == 500


async def test_a_site_may_choose_to_stay_open(tmp_path: Path) -> None:
    """With two lines more, everybody comes in while no gateway answers."""
    program = nginx_program()
    lines = ("proxy_intercept_errors on;", "error_page 429 500 502 503 504 = @nobody_knows;")
    async with serving(site) as port, nginx(program, tmp_path, 9, port, *lines) as front, httpx.AsyncClient() as http:
        assert (await http.get(front.site)).status_code == 200


async def test_a_gateway_behind_nginx_answers_and_streams(tmp_path: Path) -> None:
    """Requests, sockets and server-sent events, each event at once; metrics to nobody."""
    async with stand(tmp_path) as at:
        url = at.front.gateway
        shown = await at.http.get(f"{url}/v1/demo/rooms/launch")
        assert shown.status_code == 200 and shown.json()["phase"] == "open"
        assert (await at.http.get(f"{url}/metrics")).status_code == 404
        visitor = await at.edge.gate.session()
        protocols = ["tidegate.v1", f"bearer.{visitor}"]
        events: list[str] = []
        async with (
            connect(f"{url.replace('http', 'ws')}/v1/demo/stream", subprotocols=protocols, proxy=None) as socket,  # type: ignore[arg-type]  # they are text
            at.http.stream("GET", f"{url}/v1/demo/events", params={"topic": "room/launch"}, timeout=20) as stream,
        ):
            assert stream.status_code == 200
            listening = asyncio.create_task(_listen(stream, events))
            await socket.send('{"type": "subscribe", "id": 1, "topic": "room/launch"}')
            await _told(socket, "snapshot")
            await until(lambda: "snapshot" in events, within_s=10, look_every_s=0.01)
            await at.edge.admitted()
            await _told(socket, "delta")
            await until(lambda: "delta" in events, within_s=10, look_every_s=0.01)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _told(socket: ClientConnection, kind: str) -> None:
    """Come back when a message of that kind has come."""
    async with asyncio.timeout(10):
        while orjson.loads(await socket.recv())["type"] != kind:
            pass


async def _listen(stream: httpx.Response, events: list[str]) -> None:
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            events.append(line.removeprefix("event: "))

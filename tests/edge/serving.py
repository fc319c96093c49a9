"""What stands at the edge, each on a port of this machine: a gateway, a site of somebody else's, and nginx before them.

async with open_edge() as edge, serving(site) as url, nginx(edge.port, url.port) as front:
    token = await edge.admitted()
    await front.get("/", headers={"Cookie": f"tidegate_pass={token}"})

"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn

from actors.waiting.commands import PutRoom, Revoke
from events.waiting.sessions import room_actor
from gateway.http import port as ports
from gateway.limiting.addresses import Addresses
from gateway.limiting.guard import Guard
from gateway.limiting.limits import Proxies
from gateway.limiting.rates import Rates
from gateway.streams.entrance import Entrance
from gateway.streams.socket import sockets
from tests.gateway.webhooks.test_sending import certified
from tests.support.gateway import Gate, open_gateway, told
from tests.support.ports import own_port
from tests.support.programs import program
from tidegate.demo import LAUNCH

DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "nginx"
ROOM: Final = "launch"
HOST: Final = "127.0.0.1"
WITHIN_S: Final = 20.0


class Edge:
    """A gateway on a port, and those who wait there."""

    def __init__(self, gate: Gate, port: int) -> None:
        self.gate: Final = gate
        self.port: Final = port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def now_s(self) -> float:
        """By the gateway's clock."""
        return self.gate.clock() / 1_000

    async def admitted(self, room: str = ROOM) -> str:
        """The pass of a visitor who stood in line and came in."""
        _, token = await self.let_in(room)
        return token

    async def let_in(self, room: str = ROOM) -> tuple[str, str]:
        """The same, with the ticket."""
        visitor = await self.gate.session()
        joined = await self.gate.post(f"/v1/demo/rooms/{room}/tickets", {}, as_=visitor)
        assert joined.status_code == 201, told(joined)
        ticket = joined.json()["ticket"]
        async with asyncio.timeout(WITHIN_S):
            while True:
                claimed = await self.gate.post(f"/v1/demo/rooms/{room}/tickets/{ticket}/claim", as_=visitor)
                if claimed.status_code == 200 and claimed.json()["status"] == "active":
                    return ticket, claimed.json()["pass"]
                await asyncio.sleep(0.05)

    async def send_away(self, ticket: str) -> None:
        await self.gate.have(room_actor("demo", ticket.partition(".")[0]), Revoke(ticket))

    async def open_room(self, room: str) -> None:
        """Another one than the demo's."""
        await self.gate.have(room_actor("demo", room), PutRoom(LAUNCH))
        opened = await self.gate.post(f"/v1/demo/rooms/{room}/open", as_=self.gate.owner)
        assert opened.status_code == 200, told(opened)


@asynccontextmanager
async def open_edge() -> AsyncIterator[Edge]:
    """Behind a proxy on this machine, whose word it takes for who asks."""
    async with open_gateway() as gate:
        entrance = Entrance(gate.front)
        taken, until = ports.taken(HOST, 0), asyncio.Event()
        app = Guard(gate.app, Rates(), Addresses(Proxies((f"{HOST}/32",))), ())
        running = asyncio.ensure_future(ports.serve(app, taken, sockets(entrance), until, gate.front.leave))
        try:
            yield Edge(gate, taken.getsockname()[1])
        finally:
            until.set()
            await running
            taken.close()


async def site(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Somebody else's: says what it was asked for, and with which headers; over a socket, what it is told."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"you said {message['text']}"})
        return
    assert scope["type"] == "http"
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    seen = scope.get("tidegate.pass")
    body = orjson.dumps({"path": scope["path"], "headers": headers, "pass": None if seen is None else seen.id})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """The application on a port of its own."""
    listening = socket.create_server((HOST, 0))
    config = uvicorn.Config(
        app, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    async with asyncio.timeout(WITHIN_S):
        while not server.started:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listening.close()


# ---------------------------------------------------------------------------------------------------- nginx


class Nginx:
    """With the configuration files of this repository, on ports that are free."""

    def __init__(self, folder: Path, gateway: int, site: int, uncommented: tuple[str, ...]) -> None:
        self._uncommented: Final = uncommented
        self.gateway_port: Final = own_port()
        self.site_port: Final = own_port()
        self.tls_port: Final = own_port()
        self._folder: Final = folder
        self._gateway: Final = gateway
        self._site: Final = site

    @property
    def gateway(self) -> str:
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def site(self) -> str:
        return f"http://{HOST}:{self.site_port}"

    @property
    def site_by_tls(self) -> str:
        return f"https://{HOST}:{self.tls_port}"

    def write(self) -> Path:
        """As the files are, but for addresses and folders. What is to be replaced has to be there."""
        replaced = {
            "gateway.conf": {"127.0.0.1:8080": f"{HOST}:{self._gateway}", "listen 8000": f"listen {self.gateway_port}"},
            "waiting-room.conf": {
                "127.0.0.1:8080": f"{HOST}:{self._gateway}",
                "127.0.0.1:3000": f"{HOST}:{self._site}",
                "listen 8001": f"listen {self.tls_port} ssl;\n    listen {self.site_port}",
                "/var/cache/nginx/tidegate": str(self._folder / "cache"),
                **{f"# {line}": line for line in self._uncommented},
            },
        }
        for name, changes in replaced.items():
            text = (DEPLOY / name).read_text("utf-8")
            for before, after in changes.items():
                assert before in text, f"{name} says nothing of {before}"
                text = text.replace(before, after)
            (self._folder / name).write_text(text, "utf-8")
        temporary = "".join(
            f"    {kind}_temp_path {self._folder / kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        certified(self._folder, HOST)
        main = self._folder / "nginx.conf"
        main.write_text(
            f"daemon off;\nmaster_process off;\npid {self._folder / 'pid'};\n"
            f"error_log {self._folder / 'error.log'} warn;\n"
            f"events {{ worker_connections 256; }}\nhttp {{\n    access_log off;\n{temporary}"
            f"    ssl_certificate {self._folder / 'cert.pem'};\n    ssl_certificate_key {self._folder / 'key.pem'};\n"
            f"    include {self._folder / 'gateway.conf'};\n    include {self._folder / 'waiting-room.conf'};\n}}\n",
            "utf-8",
        )
        return main

    async def up(self) -> None:
        for port in (self.gateway_port, self.site_port, self.tls_port):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    try:
                        _, writer = await asyncio.open_connection(HOST, port)
                    except OSError:
                        await asyncio.sleep(0.02)
                    else:
                        writer.close()
                        break


@asynccontextmanager
async def nginx(program: str, folder: Path, gateway: int, site: int, *uncommented: str) -> AsyncIterator[Nginx]:
    """With these lines of `waiting-room.conf`, which are comments there, in force."""
    front = Nginx(folder, gateway, site, uncommented)
    main = front.write()
    checked = await asyncio.create_subprocess_exec(program, "-t", "-q", "-c", str(main), stderr=asyncio.subprocess.PIPE)
    _, said = await checked.communicate()
    assert checked.returncode == 0, said.decode()
    process = await asyncio.create_subprocess_exec(program, "-c", str(main))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(process.wait)
        stack.callback(process.terminate)
        await front.up()
        yield front


def nginx_program() -> str:
    return program("nginx", package="nginx", untested="NGINX IS NOT TESTED")

"""A gateway in memory: hosts, a projector and the application in one loop, asked as any client asks, but for the wire.

    async with open_gateway() as gate:
        shown = await gate.get("/v1/demo/resources", as_=gate.owner)
        visitor = await gate.session()
        held = await gate.post("/v1/demo/holds", gate.wish(), as_=visitor)
        assert held.status_code == 201, told(held)

There are the demo's resources and event types, its waiting room `launch`, which is open, and one key, `gate.owner`. It
is always Monday the first of June 2026, noon in Berlin, when the gateway opens; what the catalog and the first key are
was told before.

It runs by any loop. In virtual time, which a module takes by importing `in_virtual_time`, what waits costs nothing;
real sockets need the real one, where it takes half a second to open.

    from tests.support.gateway import in_virtual_time, open_gateway

    __all__ = ["in_virtual_time"]
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import msgspec
import pytest

from actors.access import IssueKey
from actors.decider import Command
from actors.kinds import KINDS
from actors.runtime.wire import Accepted
from actors.simulation.clock import START
from actors.simulation.loop import VirtualLoop
from actors.waiting.commands import OpenRoom, PutRoom
from events.access import access_actor
from events.bus import Message
from events.clock import Instant
from events.identity import SECRET_BYTES, api_key
from events.waiting.sessions import room_actor
from gateway.aside import Aside
from gateway.edge import Edge
from gateway.http.app import application
from gateway.http.front import Front
from gateway.http.prompt import Prompt
from gateway.identity.bearer import Bearers
from gateway.identity.fetching import Fetch, NotFetched
from gateway.identity.issuers import Issuers
from gateway.identity.register import AccessRegister
from gateway.keys import Keys
from gateway.secret import Secret
from projections.answering import Answering
from projections.folding import epoch_of
from projections.models import ReadModels
from projections.publishing import BEATS, Beat, Publishing
from tests.support.house import House, accepted, open_house
from tests.support.waiting import until
from tidegate.demo import EVENT_TYPES, LAUNCH, LINKS, ROOM, SCHEDULES, resources

ORG: Final = "demo"
NOON: Final[Instant] = 1_780_308_000_000
"""2026-06-01T10:00:00Z."""
TODAY: Final = "2026-06-01"
TOMORROW: Final = "2026-06-02"
SECRET: Final = Secret(b"s" * SECRET_BYTES)
_BEATS: Final = msgspec.json.Decoder(Beat)


@pytest.fixture(name="runner")
def in_virtual_time() -> Iterator[asyncio.Runner]:
    """A loop in virtual time. Whatever a callback or a forgotten task raised fails the test."""
    loops: list[VirtualLoop] = []

    def new_loop() -> VirtualLoop:
        loops.append(VirtualLoop())
        return loops[-1]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        yield runner
    troubles = [context for loop in loops for _, context in loop.timeline.troubles]
    assert not troubles, troubles


class Ground:
    """What gateways stand on: a log, a bus, hosts, and one projector."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house: Final = house
        self.folder: Final = folder
        self.stops: Final = AsyncExitStack()
        """What gateways that stand on it have to have stopped."""
        self.publishing: Final = Publishing("projector", house.bus)
        self.models: Final = ReadModels(
            house.log, house.shelf, house.clock, self.publishing.told, self.publishing.recent
        )
        self._told_through = 0
        self._drawn = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        await self.house.host()
        beats = await self.house.bus.subscribe(BEATS, self._hear)
        await self.models.projector.start()
        answering = Answering(self.house.bus, self.models)
        loop = asyncio.get_running_loop()
        running = [
            loop.create_task(self.models.projector.run()),
            loop.create_task(self.publishing.run(self.models.projector)),
        ]
        await answering.start()
        try:
            async with self.stops:
                yield
        finally:
            await answering.stop()
            await beats.stop()
            for task in running:
                task.cancel()
            ended = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
            assert not self.models.projector.broken, self.models.projector.broken

    def _hear(self, message: Message) -> None:
        self._told_through = max(self._told_through, _BEATS.decode(message.data).prompt)

    async def told(self, sequence: int) -> None:
        """Come back when everybody has been told what happened through there."""
        await until(lambda: self._told_through >= sequence, look_every_s=0.002)

    def draw(self, size: int) -> bytes:
        """Bytes unlike any before, and the same ones in every run."""
        self._drawn += 1
        return sha256(b"drawn-%d" % self._drawn).digest()[:size]


class Gate:
    """A gateway, and a client of it. Made with `open_gateway`."""

    def __init__(
        self, ground: Ground, owner: str, edge: Edge, register: AccessRegister, origins: tuple[str, ...]
    ) -> None:
        self.ground: Final = ground
        self.house: Final = ground.house
        self.clock: Final = ground.house.clock
        self.owner: Final = owner
        """An API key of the role `owner`, of the organisation `demo`."""
        self.edge: Final = edge
        self.register: Final = register
        self.front: Final = Front(edge, Bearers(edge.sessions, register, self.clock), origins)
        self.app: Final = application(self.front, origins)
        through = httpx.ASGITransport(Prompt(self.app, self.front))
        self.client: Final = httpx.AsyncClient(transport=through, base_url="http://gate")

    # Asking

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        as_: str = "",
        session: str = "",
        key: str = "",
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """One request. `as_` is the token of who asks, `session` that of the visitor for whom, `key` the
        Idempotency-Key; a `body` is sent as JSON, unless it is bytes."""
        said = {"Authorization": f"Bearer {as_}"} if as_ else {}
        said |= {"Tidegate-Session": session} if session else {}
        said |= {"Idempotency-Key": key} if key else {}
        if body is not None:
            said["Content-Type"] = "application/json"
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        self.client.cookies.clear()  # whoever asks says who they are
        return await self.client.request(
            method, path, content=content, headers=said | dict(headers or {}), params=query or None
        )

    async def get(self, path: str, **about: Any) -> httpx.Response:
        return await self.ask("GET", path, **about)

    async def post(self, path: str, body: Any = None, **about: Any) -> httpx.Response:
        return await self.ask("POST", path, body, **about)

    async def put(self, path: str, body: Any = None, **about: Any) -> httpx.Response:
        return await self.ask("PUT", path, body, **about)

    async def delete(self, path: str, **about: Any) -> httpx.Response:
        return await self.ask("DELETE", path, **about)

    # Who asks

    async def key(
        self, role: str, *scopes: str, org: str = ORG, id: str = "", expires_at: Instant | None = None
    ) -> str:
        """An API key that is good from here on, everywhere."""
        drawn = self.ground.draw(SECRET_BYTES)
        shown = api_key(org, id or f"{role}-{drawn[:5].hex()}", drawn)
        await self.have(access_actor(org), IssueKey(shown.id, shown.hash, role, "", scopes, expires_at))
        return shown.text

    async def session(self, org: str = ORG) -> str:
        """The token of a new visitor."""
        begun = await self.post(f"/v1/{org}/sessions")
        assert begun.status_code == 201, told(begun)
        token: str = begun.json()["token"]
        return token

    # What there is

    async def have(self, actor: str, command: Command) -> Accepted:
        """Have it done by the actor itself, past the gateway, and wait until everybody was told."""
        answer = accepted(await self.edge.sender.send(actor, command, by="test"))
        await self.ground.told(answer.sequence)
        return answer

    async def told(self, sequence: int | None = None) -> None:
        """Come back when gateways and read models know everything that has happened, or everything through there."""
        await self.ground.told((await self.house.log.head()).last if sequence is None else sequence)

    @staticmethod
    def wish(start: str = f"{TOMORROW}T10:00", **about: Any) -> dict[str, Any]:
        """An hour in the northern studio."""
        return {"event_type": "session", "resource": "studio-north", "start": start, "duration": 60} | about

    async def beside(self, *, fetch: Fetch | None = None, origins: tuple[str, ...] = ()) -> Gate:
        """Another gateway of the same installation, with its own memory."""
        return await _gate(self.ground, self.owner, fetch, origins)


def told(response: httpx.Response) -> tuple[int, Any]:
    """The status and the body: what a failed assertion is to show."""
    kind = response.headers.get("content-type", "")
    return response.status_code, response.json() if "json" in kind else response.text


def refused(response: httpx.Response) -> tuple[int, str]:
    """The status and the code of a problem, which is told as one."""
    assert response.headers["content-type"] == "application/problem+json", told(response)
    said = response.json()
    assert said["status"] == response.status_code and said["type"] == f"urn:tidegate:problem:{said['code']}", said
    return response.status_code, said["code"]


@asynccontextmanager
async def open_gateway(
    *, demo: bool = True, fetch: Fetch | None = None, origins: tuple[str, ...] = (), **limits: Any
) -> AsyncIterator[Gate]:
    """A gateway that is left in order at the end. Without the `demo`, the organisation has nothing but its owner's key;
    `fetch` is how it reaches issuers of tokens; `limits` are those of its host."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        house = await stack.enter_async_context(open_house(KINDS, **limits))
        house.clock.jump(NOON - START - int(asyncio.get_running_loop().time() * 1_000))
        ground = Ground(house, folder)
        await stack.enter_async_context(ground.open())
        gate = await _gate(ground, await _owner(ground), fetch, origins)
        if demo:
            for command in (*SCHEDULES, *resources(house.clock()), *EVENT_TYPES, *LINKS):
                accepted(await gate.edge.sender.send(f"{ORG}.catalog", command, by="test"))
            for step in (PutRoom(LAUNCH), OpenRoom()):
                accepted(await gate.edge.sender.send(room_actor(ORG, ROOM), step, by="test"))
        await gate.told()
        yield gate


async def _owner(ground: Ground) -> str:
    sender = await ground.house.sender()
    owner = api_key(ORG, "owner", ground.draw(SECRET_BYTES))
    accepted(await sender.send(access_actor(ORG), IssueKey(owner.id, owner.hash, "owner"), by="test"))
    return owner.text


async def _gate(ground: Ground, owner: str, fetch: Fetch | None, origins: tuple[str, ...]) -> Gate:
    house = ground.house
    keys = Keys.open(ground.folder)
    edge = Edge(house.bus, await house.sender(), house.log, epoch_of(house.log.identity), keys, SECRET, house.clock)
    register = AccessRegister(house.bus, house.clock, Issuers(house.clock, fetch or _nowhere))
    for subscription in (await edge.catalogs.start(house.bus), await edge.keys_seen.start(), await register.start()):
        ground.stops.push_async_callback(subscription.stop)
    aside = Aside(asyncio.Event())
    await edge.hub.start()
    ground.stops.push_async_callback(edge.hub.stop)
    ground.stops.callback(aside.failed)
    ground.stops.push_async_callback(aside.stop)
    aside.run(edge.hub.run())
    gate = Gate(ground, owner, edge, register, origins)
    ground.stops.push_async_callback(gate.client.aclose)
    return gate


async def _nowhere(url: str) -> bytes:
    """In memory, nobody's issuer is to be reached."""
    raise NotFetched("not_connected")


def claims_of(token: str) -> dict[str, Any]:
    """What a JSON Web Token says, whoever signed it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims

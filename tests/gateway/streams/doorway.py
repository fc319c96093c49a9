"""Sockets of a gateway without the wire: what their clients say goes in by hand, and what they are told is kept."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from gateway.http.front import Front
from gateway.identity.bearer import Bearers
from gateway.limiting.limits import RateLimits
from gateway.limiting.rates import Rates
from gateway.streams.client import Client
from gateway.streams.entrance import Entrance
from gateway.streams.messages import Subscribe
from tests.support.gateway import ORG, Gate, told


class Wire:
    """A socket that keeps what it is given to send."""

    unsent = 0

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.closed: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        self.said.append(msgspec.json.decode(frame[frame.index(b'{"') :]))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Visit:
    """A client at a socket of a gateway, without the wire."""

    def __init__(self, entrance: Entrance, client: Client) -> None:
        self.wire = Wire()
        self.client = client
        self.entrance = entrance
        client.opened(self.wire)  # type: ignore[arg-type]  # as much of a socket as a client uses

    def hears(self, **said: Any) -> None:
        self.client.heard(msgspec.json.encode(said))

    async def subscribe(self, *topics: str, id: int = 1) -> list[str]:
        """The codes of the problems that it is told."""
        before = len(self.wire.said)
        await self.entrance.subscribe(self.client, Subscribe(id=id, topics=topics), set(topics))
        return [said["code"] for said in self.wire.said[before:] if said["type"] == "error"]


class Doorway:
    """Sockets of a gateway, and who is there by them."""

    def __init__(self, gate: Gate) -> None:
        self.living = gate.edge.living
        bearers = Bearers(gate.edge.sessions, gate.register, gate.clock)
        front = Front(gate.edge, bearers, rates=Rates(RateLimits()))
        self.entrance = Entrance(front)
        self._gate = gate

    async def visit(self, token: str = "", address: str = "") -> Visit:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        still = partial(self._gate.front.caller, "GET", ORG, headers)
        return Visit(self.entrance, Client(self.entrance, await still(), address, still))


async def joined(gate: Gate) -> tuple[str, str]:
    """A visitor's token, and their ticket."""
    visitor = await gate.session()
    answer = await gate.post(f"/v1/{ORG}/rooms/launch/tickets", {}, as_=visitor)
    assert answer.status_code == 201, told(answer)
    await gate.told()
    return visitor, answer.json()["ticket"]


def months(count: int, year: int = 2027) -> list[str]:
    return [f"month/studio-north/{year + number // 12}-{1 + number % 12:02}" for number in range(count)]

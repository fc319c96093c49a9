"""What a draw was made of, over HTTP: whoever has it works out every place, with two hash functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256, shake_256
from typing import Any

import pytest

from events.log import Recorded
from gateway import auditing
from gateway.calls import Call
from gateway.operations import draws
from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told
from tidegate.verify_draw import verify_draw

__all__ = ["in_virtual_time"]

SECRET = "the secret of this draw, long enough"


async def drawn(gate: Gate, visitors: int = 12, room: str = "sale") -> dict[str, str]:
    """A draw of so many; the tokens of the visitors, by their tickets."""
    wanted = {
        "capacity": 3, "shards": 2, "draw": True, "lanes": [{"id": "vip", "codes": ["GOLD"]}],
        "commitment": sha256(SECRET.encode()).hexdigest(),
    }  # fmt: skip
    put = await gate.put(f"/v1/demo/rooms/{room}", wanted, as_=gate.owner)
    assert put.status_code == 200, told(put)
    await gate.post(f"/v1/demo/rooms/{room}/start", as_=gate.owner)
    tickets = {}
    for number in range(visitors):
        session = await gate.session()
        body = {"lane": "vip", "code": "GOLD"} if number % 3 == 0 else {}
        joined = await gate.post(f"/v1/demo/rooms/{room}/tickets", body, as_=session)
        assert joined.status_code == 201, told(joined)
        tickets[joined.json()["ticket"]] = session
    await asyncio.sleep(1)
    made = await gate.post(f"/v1/demo/rooms/{room}/draw", {"secret": SECRET, "beacon": "4 8"}, as_=gate.owner)
    assert made.status_code == 200, told(made)
    await gate.told()
    return tickets


async def proof_of(gate: Gate, as_: str = "") -> dict[str, Any]:
    answer = await gate.get("/v1/demo/audit/rooms/sale/draw", as_=as_ or gate.owner)
    assert answer.status_code == 200, told(answer)
    found: dict[str, Any] = answer.json()
    return found


def _places(proof: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for lane in {run["lane"] for run in proof["joined"]}:
        joined = [
            f"{run['shard']}.{run['first'] + number}"
            for run in proof["joined"]
            if run["lane"] == lane
            for number in range(run["count"])
        ]
        stream = shake_256(bytes.fromhex(proof["seed"]) + lane.encode()).digest(8 * len(joined))
        drawn = [int.from_bytes(stream[8 * one : 8 * one + 8], "big") for one in range(len(joined))]
        yield lane, [joined[one] for one in sorted(range(len(joined)), key=lambda one: (drawn[one], one))]


async def test_every_place_follows_from_what_is_told() -> None:
    """Worked out by whoever has the answer and two hash functions, as it says itself."""
    async with open_gateway() as gate:
        tickets = await drawn(gate)
        proof = await proof_of(gate, await gate.key("viewer"))
        assert sha256(proof["secret"].encode()).hexdigest() == proof["commitment"]
        assert proof["committed"] < proof["begun"] < proof["joined"][0]["sequence"]
        assert proof["joined"][-1]["sequence"] <= proof["through"] < proof["sequence"]
        lines = ["tidegate draw 1", proof["secret"], proof["beacon"], *proof["heads"]]
        assert sha256("\n".join(lines).encode()).hexdigest() == proof["seed"]
        places = dict(_places(proof))
        report = await verify_draw(gate.house.log, "demo", "sale")
        assert report.sound and places == {lane: list(of) for lane, of in report.places.items()}
        assert {lane: len(of) for lane, of in places.items()} == proof["counts"] == {"": 8, "vip": 4}
        assert {f"sale.{one}" for of in places.values() for one in of} == set(tickets)
        for place, ticket in enumerate(places[""]):
            shown = await gate.get(f"/v1/demo/rooms/sale/tickets/sale.{ticket}", as_=gate.owner)
            assert shown.json()["place"] == place, told(shown)
        for shard, head in enumerate(proof["heads"]):
            path = f"/v1/demo/audit/actors/line.sale.{shard}/proof"
            chain = (await gate.get(path, as_=gate.owner)).json()
            assert chain["holds"] and chain["through"]["hash"] == head


async def test_who_comes_later_changes_nothing_of_it() -> None:
    """It is told as it was made."""
    async with open_gateway() as gate:
        await drawn(gate)
        before = await proof_of(gate)
        await gate.post("/v1/demo/rooms/sale/open", as_=gate.owner)
        await gate.post("/v1/demo/rooms/sale/tickets", {}, as_=await gate.session())
        await asyncio.sleep(5)
        await gate.told()
        assert await proof_of(gate) == before


async def test_without_a_draw_there_is_nothing_to_tell() -> None:
    """Nor of a room that there is not."""
    async with open_gateway() as gate:
        for room, code in (("launch", "unknown_draw"), ("none", "unknown_room"), ("NONE", "unknown_room")):
            answer = await gate.get(f"/v1/demo/audit/rooms/{room}/draw", as_=gate.owner)
            assert refused(answer) == (404, code)


@pytest.mark.parametrize("limit", ["DRAW_COMMITS_MAX", "DRAW_BYTES_MAX"])
async def test_one_that_is_too_long_is_refused(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is whole or not told at all."""
    async with open_gateway() as gate:
        await drawn(gate, visitors=2)
        monkeypatch.setattr(draws, limit, 1)
        answer = await gate.get("/v1/demo/audit/rooms/sale/draw", as_=gate.owner)
        assert refused(answer) == (422, "draw_too_long")


class Readings:
    """What is read of actors, counted; each takes a while longer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.at_once = self.most_at_once = 0
        self._reading = auditing.reading
        monkeypatch.setattr(draws, "reading", self._slowly)

    @asynccontextmanager
    async def _slowly(self, call: Call, actor: str) -> AsyncIterator[AsyncIterator[Recorded]]:
        self.count, self.at_once = self.count + 1, self.at_once + 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(2)
            async with self._reading(call, actor) as recorded:
                yield recorded
        finally:
            self.at_once -= 1


async def test_one_draw_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for another is told when to come again; who asks for the same gets the same."""
    async with open_gateway() as gate:
        await drawn(gate, visitors=2)
        await drawn(gate, visitors=2, room="second")
        readings = Readings(monkeypatch)
        first = [asyncio.ensure_future(proof_of(gate)) for _ in range(5)]
        await asyncio.sleep(1)
        answer = await gate.get("/v1/demo/audit/rooms/second/draw", as_=gate.owner)
        assert refused(answer) == (503, "busy")
        assert answer.json()["retry_after_ms"] > 0
        proofs = await asyncio.gather(*first)
        assert proofs == proofs[:1] * 5
        assert (await gate.get("/v1/demo/audit/rooms/second/draw", as_=gate.owner)).status_code == 200
        assert (readings.most_at_once, readings.count) == (1, 2)


async def test_a_draw_that_was_read_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to whoever had given up before."""
    async with open_gateway() as gate:
        await drawn(gate, visitors=2)
        readings = Readings(monkeypatch)
        path, hasty = "/v1/demo/audit/rooms/sale/draw", {"Tidegate-Timeout-Ms": "500"}
        assert refused(await gate.get(path, as_=gate.owner, headers=hasty)) == (504, "deadline_passed")
        await asyncio.sleep(3)
        assert (await gate.get(path, as_=gate.owner, headers=hasty)).status_code == 200
        assert readings.count == 1

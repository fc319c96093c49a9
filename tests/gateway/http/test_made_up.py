"""What is made up by somebody, or happens to be the same as another's, costs and tells nobody else anything."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from gateway.at_hand import AtHand
from gateway.http.ready import QUERY_BYTES_MAX, Ready
from tests.support.gateway import in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

SESSIONS, BOOKINGS, HOLDS, TICKETS = (
    "/v1/demo/sessions", "/v1/demo/bookings", "/v1/demo/holds", "/v1/demo/rooms/launch/tickets",
)  # fmt: skip


class TestKeysOfRequests:
    async def test_two_visitors_who_chose_the_same_key_are_two(self) -> None:
        """Neither is the other, at whichever gateway they begin."""
        async with open_gateway() as gate:
            other = await gate.beside()
            begun = [(await one.post(SESSIONS, key="page-load-1")).json() for one in (gate, gate, other)]
            assert len({one["token"] for one in begun}) == len({one["session"] for one in begun}) == 3

    async def test_whoever_has_a_management_token_and_another_ones_key_is_served(self) -> None:
        """And asked again, it is done once."""
        async with open_gateway() as gate:
            for start in ("2026-06-04T10:00", "2026-06-04T14:00"):
                booked = (await gate.post(BOOKINGS, gate.wish(start), as_=await gate.session())).json()
                path, said = f"{BOOKINGS}/{booked['booking']}/cancel", {"manage_token": booked["manage_token"]}
                first, again = [await gate.post(path, said, key="cancel") for _ in range(2)]
                assert first.status_code == 200, told(first)
                assert again.json() == first.json()

    @pytest.mark.parametrize("path", [TICKETS, BOOKINGS, HOLDS])
    async def test_a_servers_key_for_one_visitor_is_none_for_another(self, path: str) -> None:
        """Else one would be given what is the other's."""
        async with open_gateway() as gate:
            one, another = await gate.session(), await gate.session()
            body = {} if path == TICKETS else gate.wish()
            first = await gate.post(path, body, as_=gate.owner, session=one, key="k-1")
            assert first.status_code == 201, told(first)
            second = await gate.post(path, body, as_=gate.owner, session=another, key="k-1")
            assert refused(second) == (422, "idempotency_key_reused")


class TestHeaders:
    @pytest.mark.parametrize("said", ["0000300009999999", "9" * 400, "9" * 5_000, "-1", "1e3", "49", "30001", "٣٠٠"])
    async def test_a_time_that_nobody_may_take_is_refused(self, said: str) -> None:
        """However it is written."""
        async with open_gateway(demo=False) as gate:
            headers: Any = {"Tidegate-Timeout-Ms": said.encode()}
            assert refused(await gate.get("/v1/demo/resources", headers=headers)) == (400, "bad_header")

    @pytest.mark.parametrize("origin", ["http://[", "http://]", "null", "http://", "//", "http://gate.example"])
    async def test_a_page_that_is_none_of_ours_is_refused(self, origin: str) -> None:
        """Be it one that there cannot be."""
        async with open_gateway(demo=False) as gate:
            said = {"Origin": origin, "Cookie": "tidegate_session=x"}
            assert refused(await gate.post(SESSIONS, headers=said)) == (403, "bad_origin")

    async def test_sessions_that_are_not_ours_are_not_kept_in_mind(self) -> None:
        """So they push nobody out."""
        async with open_gateway(demo=False) as gate:
            for number in range(20):
                answer = await gate.get("/v1/demo/resources", as_=f"ts.demo.{number}.ffffffff.{'m' * 24}")
                assert refused(answer) == (401, "bad_token")
            long = await gate.get("/v1/demo/resources", as_="ts." + "x" * 300)
            assert refused(long) == (401, "bad_token")
            kept: Any = gate.front._bearers._visitor
            assert kept.cache_info().currsize == 0


class TestPositions:
    async def test_positions_that_nobody_has_written_keep_nobody_busy(self) -> None:
        """They are told at once that nothing stands there, and the others are answered meanwhile."""
        async with open_gateway() as gate:
            loop = asyncio.get_running_loop()
            made_up, began = {"Tidegate-Position": f"{gate.edge.epoch}:{10**14}"}, loop.time()
            many = [asyncio.ensure_future(gate.get("/v1/nobodys/rooms", headers=made_up)) for _ in range(1_100)]
            await asyncio.sleep(0.5)
            shown = await gate.get("/v1/demo/rooms/launch")
            assert shown.status_code == 200, told(shown)
            for answer in await asyncio.gather(*many):
                assert refused(answer)[0] == HTTPStatus.SERVICE_UNAVAILABLE
            assert loop.time() - began < 1

    async def test_whoever_saw_the_catalog_change_holds_by_what_they_saw(self) -> None:
        """At a gateway too that has not heard of it."""
        async with open_gateway() as gate:
            other, visitor, path = await gate.beside(), await gate.session(), "/v1/demo/event-types/session"
            shown = (await other.get(path)).json()
            wanted = {name: value for name, value in shown.items() if name not in {"slug", "resources"}}
            wanted["durations"] = [*shown["durations"], 75]
            other.edge.catalogs.forget = lambda org: None  # type: ignore[method-assign]  # the delta has been lost
            await other.get(path)
            put = await gate.put(path, wanted, as_=gate.owner)
            assert put.status_code == 200, told(put)
            headers = {"Tidegate-Position": put.headers["tidegate-position"]}
            held = await other.post(HOLDS, gate.wish(duration=75), as_=visitor, headers=headers)
            assert held.status_code == 201, told(held)


async def test_what_was_said_to_be_out_of_date_is_not_kept() -> None:
    """Whoever asked before it was said may end behind whoever asked anew, and before."""
    kept: AtHand[str, str] = AtHand(10, 100.0)

    def answer(text: str, in_s: float) -> Any:
        async def ask() -> tuple[str, int]:
            await asyncio.sleep(in_s)
            return text, 1

        return ask

    for old_s, new_s in ((2.0, 3.0), (3.0, 1.0)):
        old = asyncio.ensure_future(kept.get("key", 0, answer("old", old_s)))
        await asyncio.sleep(0.5)
        kept.forget("key")
        new = asyncio.ensure_future(kept.get("key", 0, answer("new", new_s)))
        assert [await old, await new] == [("old", 1), ("new", 1)]
        assert kept.fresh("key", 0) == ("new", 1)
        kept.forget("key")


async def test_answers_to_odd_questions_are_not_kept() -> None:
    """Nor are those that are over."""
    async with open_gateway() as gate:
        ready = Ready(gate.app)
        path = "/v1/demo/slots?event_type=session&resource=studio-north&date=2026-06-0"

        async def ask(query: str) -> None:
            raw, _, said = (path + query).partition("?")

            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(_: Any) -> None:
                return

            await ready(
                {
                    "type": "http", "method": "GET", "path": raw, "raw_path": raw.encode(), "headers": [],
                    "query_string": said.encode(), "client": None, "server": None, "scheme": "http", "root_path": "",
                    "http_version": "1.1", "state": {}, "asgi": {"version": "3.0"},
                },
                receive,
                send,
            )  # fmt: skip

        await ask("2&x=" + "x" * QUERY_BYTES_MAX)
        assert not ready._kept
        await ask("2")
        await ask("3")
        assert len(ready._kept) == 2
        await asyncio.sleep(1)
        await ask("4")
        assert len(ready._kept) == 1

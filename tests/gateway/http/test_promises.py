"""What HTTP promises beyond its answers: once, no older than seen, the same is not sent again, the refused not done."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.limits import READY_FRESH_S, SLOTS_FRESH_S
from tests.support.gateway import in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

BOOKINGS = "/v1/demo/bookings"
SLOTS = "/v1/demo/slots"
ABOUT: dict[str, Any] = {"event_type": "session", "resource": "studio-north", "date": "2026-06-02", "duration": 60}


def said(**about: Any) -> bytes:
    """A wish for a hold, with something else in it."""
    wish = {"event_type": "session", "resource": "studio-north", "start": "2026-06-02T10:00"}
    return msgspec.json.encode(wish | about)


def at(slots: Any, clock: str) -> str:
    """How the slot stands that begins then."""
    return str(next(one["state"] for one in slots.json() if one["start"][11:16] == clock))


class TestOnce:
    async def test_the_same_request_again_is_the_first_answer(self) -> None:
        """One booking, one name, one token; whatever happened meanwhile, and at whichever gateway."""
        async with open_gateway() as gate:
            visitor, other = await gate.session(), await gate.beside()
            first = await gate.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            again = await gate.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            elsewhere = await other.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            assert first.status_code == 201, told(first)
            assert first.json() == again.json() == elsewhere.json()
            listed = await gate.get(BOOKINGS, as_=gate.owner, headers={"Tidegate-Position": position(first)})
            assert len(listed.json()["bookings"]) == 1

    async def test_another_request_under_the_same_key_is_refused(self) -> None:
        """By the gateway that has seen the first one and by any other, be it about another day; the first one still has
        its answer."""
        async with open_gateway() as gate:
            visitor, other = await gate.session(), await gate.beside()
            await gate.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            for one in (gate, other):
                second = await one.post(BOOKINGS, gate.wish("2026-06-02T14:00"), as_=visitor, key="k-1")
                assert refused(second) == (422, "idempotency_key_reused")
                elsewhen = await one.post(BOOKINGS, gate.wish("2026-06-03T14:00"), as_=visitor, key="k-1")
                assert refused(elsewhen) == (422, "idempotency_key_reused")
            first = await other.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            assert first.status_code == 201, told(first)

    async def test_a_key_is_its_callers_own(self) -> None:
        """Another visitor's key of the same text is another key."""
        async with open_gateway() as gate:
            for number, start in enumerate(("10:00", "12:00")):
                visitor = await gate.session()
                booked = await gate.post(BOOKINGS, gate.wish(f"2026-06-02T{start}"), as_=visitor, key="k-1")
                assert booked.status_code == 201, (number, told(booked))

    async def test_a_key_of_too_many_characters_is_refused(self) -> None:
        """And nothing is done."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            long = await gate.post(BOOKINGS, gate.wish(), as_=visitor, key="k" * 256)
            assert refused(long) == (400, "bad_header")
            assert at(await gate.get(SLOTS, **ABOUT), "10:00") == "free"

    async def test_a_request_that_cannot_be_read_uses_up_no_key(self) -> None:
        """What was meant comes under the same one."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            wrong = await gate.post(BOOKINGS, gate.wish(duration="long"), as_=visitor, key="k-1")
            assert refused(wrong) == (400, "malformed")
            right = await gate.post(BOOKINGS, gate.wish(), as_=visitor, key="k-1")
            assert right.status_code == 201, told(right)

    async def test_a_cancellation_repeated_is_the_first_answer(self) -> None:
        """Also when the booking has been made again in between."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            booked = (await gate.post(BOOKINGS, gate.wish("2026-06-05T10:00"), as_=visitor)).json()
            gone = {"manage_token": booked["manage_token"], "reason": "ill"}
            path = f"{BOOKINGS}/{booked['booking']}/cancel"
            first = await gate.post(path, gone, as_=visitor, key="c-1")
            assert (first.status_code, first.json()["status"]) == (200, "cancelled"), told(first)
            assert (await gate.post(path, gone, as_=visitor, key="c-1")).json() == first.json()


class TestReadYourWrites:
    async def test_whoever_sends_the_position_of_a_write_reads_no_older(self) -> None:
        """However short a moment ago that was, and whatever is at hand."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            assert at(await gate.get(SLOTS, **ABOUT), "10:00") == "free"
            booked = await gate.post(BOOKINGS, gate.wish(), as_=visitor)
            seen = await gate.get(SLOTS, headers={"Tidegate-Position": position(booked)}, **ABOUT)
            assert at(seen, "10:00") == "full"

    async def test_whoever_sends_none_may_be_told_what_was_a_moment_ago(self) -> None:
        """And no more than a moment."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            assert at(await gate.get(SLOTS, **ABOUT), "10:00") == "free"
            await gate.post(BOOKINGS, gate.wish(), as_=visitor)
            await asyncio.sleep(SLOTS_FRESH_S + READY_FRESH_S)
            assert at(await gate.get(SLOTS, **ABOUT), "10:00") == "full"

    @pytest.mark.parametrize(
        ("said", "answer"),
        [("nonsense", (400, "bad_header")), ("000000000000:5", (412, "position_unknown")), ("::", (400, "bad_header"))],
    )
    async def test_a_position_that_is_none_of_ours_is_refused(self, said: str, answer: tuple[int, str]) -> None:
        """Of another log, or of none: whoever has it begins again without it."""
        async with open_gateway() as gate:
            assert refused(await gate.get(SLOTS, headers={"Tidegate-Position": said}, **ABOUT)) == answer


class TestTags:
    @pytest.mark.parametrize("path", ["/v1/demo/resources", "/v1/demo/event-types", "/v1/demo/schedules/berlin-hours"])
    async def test_what_has_not_changed_is_not_sent_again(self, path: str) -> None:
        """Until the catalog changes."""
        async with open_gateway() as gate:
            first = await gate.get(path)
            tag = {"If-None-Match": first.headers["etag"]}
            for known in (tag, {"If-None-Match": "*"}):
                assert (await gate.get(path, headers=known)).status_code == 304
            put = await gate.put("/v1/demo/resources/annex", {"time_zone": "Europe/Berlin"}, as_=gate.owner)
            assert put.status_code == 200, told(put)
            after = await gate.get(path, headers=tag | {"Tidegate-Position": position(put)})
            assert after.status_code == 200


class TestSchedules:
    async def test_holidays_are_told_and_kept(self) -> None:
        """As far as nobody has said that it is open all the same."""
        day, unity = {"start": "09:00", "end": "17:00"}, "2026-10-03"
        hours = {"time_zone": "Europe/Berlin", "weekly": {"sat": [day]}, "region": "DE"}
        async with open_gateway() as gate:
            put = await gate.put("/v1/demo/schedules/berlin-hours", hours, as_=gate.owner)
            seen = {"Tidegate-Position": position(put)}
            shown = (await gate.get("/v1/demo/schedules/berlin-hours", headers=seen)).json()
            assert (shown["holidays"][unity], shown["holidays"]["2028-05-01"]) == (
                "Tag der Deutschen Einheit", "Erster Mai",
            )  # fmt: skip
            week_before = await gate.get(SLOTS, headers=seen, **(ABOUT | {"date": "2026-09-26"}))
            assert at(week_before, "10:00") == "free"
            assert (await gate.get(SLOTS, headers=seen, **(ABOUT | {"date": unity}))).json() == []
            opened = hours | {"overrides": {unity: [day]}}
            put = await gate.put("/v1/demo/schedules/berlin-hours", opened, as_=gate.owner)
            seen = {"Tidegate-Position": position(put)}
            assert at(await gate.get(SLOTS, headers=seen, **(ABOUT | {"date": unity})), "10:00") == "free"


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "answer"),
        [
            (b"{", (400, "malformed")),
            (b"[]", (400, "malformed")),
            (b'{"event_type":"session"}', (400, "malformed")),
            (said(x=1), (400, "malformed")),
            (said(event_type="nothing"), (404, "unknown_event_type")),
            (said(resource="nowhere"), (404, "unknown_resource")),
            (said(start="tomorrow"), (422, "bad_time")),
            (said(tz="Mars"), (422, "unknown_time_zone")),
            (said(duration=61), (422, "wrong_duration")),
        ],
    )
    async def test_bad_input_says_what_is_wrong(self, body: bytes, answer: tuple[int, str]) -> None:
        """With a stable code, as a problem, and nothing is held."""
        async with open_gateway() as gate:
            visitor, before = await gate.session(), (await gate.house.log.head()).last
            response = await gate.post("/v1/demo/holds", body, as_=visitor)
            assert refused(response) == answer, told(response)
            assert response.headers["content-type"] == "application/problem+json"
            assert (await gate.house.log.head()).last == before

    @pytest.mark.parametrize("body", [b"", b"{", b'{"event_type": 1}'])
    async def test_who_may_not_ask_is_told_that_before_anything_else(self, body: bytes) -> None:
        """Whatever is wrong with what they sent."""
        async with open_gateway() as gate:
            for path in ("/v1/demo/holds", "/v1/demo/webhooks/x/test", "/v1/demo/keys"):
                assert refused(await gate.post(path, body)) == (401, "unauthenticated")
            stranger = await gate.session("other")
            assert refused(await gate.post("/v1/demo/holds", body, as_=stranger)) == (403, "foreign_organisation")
            assert refused(await gate.get(SLOTS, as_=stranger)) == (403, "foreign_organisation")

    async def test_a_wrong_method_says_which_are_right(self) -> None:
        """In its header; the body says what the status does."""
        async with open_gateway() as gate:
            wrong = await gate.delete(SLOTS)
            assert (*refused(wrong), wrong.json()["status"]) == (405, "wrong_method", 405)
            assert "GET" in wrong.headers["allow"]

    async def test_whoever_does_not_ask_for_a_socket_where_one_is_is_told_how(self) -> None:
        """By a program that does not know what a WebSocket is."""
        async with open_gateway() as gate:
            plain = await gate.get("/v1/demo/stream")
            assert refused(plain) == (426, "upgrade_required")
            assert plain.headers["upgrade"] == "websocket"

    async def test_who_is_busy_says_when_to_come_again(self) -> None:
        """In milliseconds for programs, in seconds for everybody."""
        async with open_gateway() as gate:
            put = await gate.put("/v1/demo/rooms/tiny", {"capacity": 1, "queue_max": 1}, as_=gate.owner)
            assert put.status_code == 200, told(put)
            await gate.post("/v1/demo/rooms/tiny/open", as_=gate.owner)
            await gate.told()
            answers = [await gate.post("/v1/demo/rooms/tiny/tickets", {}, as_=await gate.session()) for _ in range(4)]
            full = next(one for one in answers if one.status_code == 503)
            assert refused(full) == (503, "queue_full")
            assert full.json()["fault"] == "busy"
            assert int(full.headers["retry-after"]) * 1000 >= full.json()["retry_after_ms"] > 0


class TestWhatOpens:
    async def test_nobody_on_the_way_keeps_what_opens_something(self) -> None:
        """A session, the token of a booking, a pass."""
        async with open_gateway() as gate:
            begun = await gate.post("/v1/demo/sessions")
            visitor = begun.json()["token"]
            booked = await gate.post(BOOKINGS, gate.wish(), as_=visitor)
            joined = await gate.post("/v1/demo/rooms/launch/tickets", {}, as_=visitor)
            ticket = f"/v1/demo/rooms/launch/tickets/{joined.json()['ticket']}"
            await asyncio.sleep(2)
            claimed = await gate.post(f"{ticket}/claim", as_=visitor)
            assert claimed.json()["pass"], told(claimed)
            beaten = await gate.post(f"{ticket}/heartbeat", as_=visitor)
            for answer in (begun, booked, claimed, beaten):
                assert answer.headers["cache-control"] == "no-store", told(answer)


class TestTakingAway:
    async def test_a_resource_goes_with_the_second_request(self) -> None:
        """The first one is told when to come again; what is booked stands against it, and is named."""
        async with open_gateway() as gate:
            visitor = await gate.session()
            booked = await gate.post(BOOKINGS, gate.wish(), as_=visitor)
            assert booked.status_code == 201, told(booked)
            path = "/v1/demo/resources/studio-north"
            first = await gate.delete(path, as_=gate.owner)
            assert refused(first) == (503, "not_settled")
            await asyncio.sleep(first.json()["retry_after_ms"] / 1000 + 1)
            second = await gate.delete(path, as_=gate.owner)
            assert refused(second) == (409, "still_booked")
            assert "2026-06-02" in second.json()["detail"]


def position(response: Any) -> str:
    return str(response.headers["tidegate-position"])

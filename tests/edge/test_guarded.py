"""An event type that a waiting room guards: holding and booking need the room's pass, over HTTP as anybody asks."""

from __future__ import annotations

from typing import Any, Final

import pytest

from actors.waiting.commands import OpenRoom, PutRoom, Revoke
from events.day import FACTS, BookingMade, SlotsHeld, StandbyJoined, owner_of
from events.waiting.sessions import room_actor
from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told
from tidegate.demo import LAUNCH

__all__ = ["in_virtual_time"]

ROOM: Final = "launch"
START: Final = "2026-06-02T11:00"
"""Premieres begin every two hours, from nine on."""


def premiere(gate: Gate, start: str = START, **about: Any) -> dict[str, Any]:
    return gate.wish(start, **{"event_type": "premiere", "duration": 120} | about)


async def let_in(gate: Gate, visitor: str, room: str = ROOM) -> tuple[str, str]:
    """The ticket of the visitor, and the pass that they came in with."""
    joined = await gate.post(f"/v1/demo/rooms/{room}/tickets", {}, as_=visitor)
    assert joined.status_code == 201, told(joined)
    ticket = joined.json()["ticket"]
    claimed = await gate.post(f"/v1/demo/rooms/{room}/tickets/{ticket}/claim", as_=visitor)
    assert claimed.status_code == 200 and claimed.json()["status"] == "active", told(claimed)
    return ticket, claimed.json()["pass"]


async def recorded(gate: Gate, id: str, kind: type[Any]) -> Any:
    """The last fact of that kind in the day that owns what has this id."""
    facts = [
        fact
        for commit in await gate.house.recorded(owner_of("demo", id))
        for one in FACTS.read(commit.body).decided
        for fact in one.facts
        if isinstance(fact, kind)
    ]
    return facts[-1]


@pytest.mark.parametrize("place", ["header", "cookie"])
async def test_whoever_was_let_in_holds_and_books(place: str) -> None:
    """With the pass in its header or in its cookie; what is written is whose ticket it was."""
    async with open_gateway() as gate:
        visitor = await gate.session()
        ticket, token = await let_in(gate, visitor)
        headers = {"Tidegate-Pass": token} if place == "header" else {"Cookie": f"a=b; tidegate_pass={token}"}
        held = await gate.post("/v1/demo/holds", premiere(gate), as_=visitor, headers=headers)
        assert held.status_code == 201, told(held)
        hold = held.json()["hold"]
        assert (await recorded(gate, hold, SlotsHeld)).wish.admitted == ticket
        made = await gate.post("/v1/demo/bookings", premiere(gate, hold=hold), as_=visitor, headers=headers)
        assert made.status_code == 201, told(made)
        assert (await recorded(gate, made.json()["booking"], BookingMade)).booking.wish.admitted == ticket


@pytest.mark.parametrize("path", ["/v1/demo/holds", "/v1/demo/bookings", "/v1/demo/standby"])
async def test_nobody_else_holds_or_books(path: str) -> None:
    """No pass, one of another room, one that is over, one that was taken back, and none at all: each is refused, and
    nothing of the day is taken. Neither does it help to say in the wish who one is."""
    async with open_gateway() as gate:
        for step in (PutRoom(LAUNCH), OpenRoom()):
            await gate.have(room_actor("demo", "finale"), step)
        visitor, other, third = await gate.session(), await gate.session(), await gate.session()
        ticket, token = await let_in(gate, visitor)
        _, elsewhere = await let_in(gate, other, "finale")
        gone, taken_back = await let_in(gate, third)
        await gate.have(room_actor("demo", ROOM), Revoke(gone))
        damaged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        for whose, shown, code in (
            (visitor, "", "pass_needed"),
            (visitor, "nonsense", "pass_malformed"),
            (visitor, damaged, "pass_forged"),
            (other, elsewhere, "pass_of_another_room"),
            (third, taken_back, "pass_revoked"),
        ):
            headers = {"Tidegate-Pass": shown} if shown else {}
            answer = await gate.post(path, premiere(gate), as_=whose, headers=headers)
            assert refused(answer) == (403, code)
        said = await gate.post(path, premiere(gate) | {"admitted": ticket}, as_=visitor)
        assert refused(said)[0] == 400
        gate.clock.advance(3_600_000)
        late = await gate.post(path, premiere(gate), as_=visitor, headers={"Tidegate-Pass": token})
        assert refused(late) == (403, "pass_expired")
        assert await gate.house.recorded("demo.day.studio-north.2026-06-02") == []


async def test_whoever_has_seen_that_a_pass_is_taken_back_does_not_come_in_by_it() -> None:
    """However short a moment ago it was looked at."""
    async with open_gateway() as gate:
        visitor = await gate.session()
        ticket, token = await let_in(gate, visitor)
        shown = {"Tidegate-Pass": token}
        held = await gate.post("/v1/demo/holds", premiere(gate), as_=visitor, headers=shown)
        assert held.status_code == 201, told(held)
        gone = await gate.have(room_actor("demo", ROOM), Revoke(ticket))
        seen = shown | {"Tidegate-Position": f"{gate.edge.epoch}:{gone.sequence}"}
        late = await gate.post("/v1/demo/holds", premiere(gate, "2026-06-02T15:00"), as_=visitor, headers=seen)
        assert refused(late) == (403, "pass_revoked")


async def test_a_position_that_was_made_up_makes_no_pass_good() -> None:
    """Nobody has written so far: what is known of the seat decides, and nothing is open because somebody is behind."""
    async with open_gateway() as gate:
        visitor = await gate.session()
        ticket, token = await let_in(gate, visitor)
        await gate.have(room_actor("demo", ROOM), Revoke(ticket))
        made_up = {"Tidegate-Pass": token, "Tidegate-Position": f"{gate.edge.epoch}:{10**14}"}
        for _ in range(2):
            assert refused(await gate.get(f"/v1/demo/rooms/{ROOM}/check", headers=made_up)) == (403, "pass_revoked")
        late = await gate.post("/v1/demo/bookings", premiere(gate), as_=visitor, headers=made_up)
        assert late.status_code >= 400
        assert await gate.house.recorded("demo.day.studio-north.2026-06-02") == []


async def test_a_server_that_asks_about_a_pass_is_told_why_not() -> None:
    """401 where there is none, as `auth_request` knows it, and 403 for one that opens nothing."""
    async with open_gateway() as gate:
        visitor, third = await gate.session(), await gate.session()
        _, token = await let_in(gate, visitor)
        gone, taken_back = await let_in(gate, third)
        await gate.have(room_actor("demo", ROOM), Revoke(gone))
        path = f"/v1/demo/rooms/{ROOM}/check"
        none = await gate.get(path)
        assert refused(none) == (401, "pass_missing")
        assert none.headers["www-authenticate"].startswith("Tidegate-Pass ")
        for shown, code in (("nonsense", "pass_malformed"), (taken_back, "pass_revoked")):
            assert refused(await gate.get(path, headers={"Tidegate-Pass": shown})) == (403, code)
        assert (await gate.get(path, headers={"Tidegate-Pass": token})).status_code == 200
        gate.clock.advance(3_600_000)
        assert refused(await gate.get(path, headers={"Tidegate-Pass": token})) == (403, "pass_expired")


@pytest.mark.parametrize("path", ["/v1/demo/holds", "/v1/demo/bookings", "/v1/demo/standby"])
async def test_a_pass_cannot_be_handed_on(path: str) -> None:
    """Where we know who asks it has to be theirs; a server that acts for a visitor is asked whose it is as well."""
    async with open_gateway() as gate:
        visitor, other, server = await gate.session(), await gate.session(), await gate.key("service")
        _, token = await let_in(gate, visitor)
        shown = {"Tidegate-Pass": token}
        theirs = await gate.post(path, premiere(gate), as_=other, headers=shown)
        assert refused(theirs) == (403, "pass_of_another_session")
        acts = await gate.post(path, premiere(gate), as_=server, session=other, headers=shown)
        assert refused(acts) == (403, "pass_of_another_session")


async def test_a_server_books_for_whoever_was_let_in() -> None:
    """With the visitor's session beside its own key, or with nothing but the pass."""
    async with open_gateway() as gate:
        visitor, server = await gate.session(), await gate.key("service")
        ticket, token = await let_in(gate, visitor)
        for start, session in ((START, visitor), ("2026-06-02T15:00", "")):
            about: dict[str, Any] = {"session": session, "headers": {"Tidegate-Pass": token}}
            made = await gate.post("/v1/demo/bookings", premiere(gate, start), as_=server, **about)
            assert made.status_code == 201, told(made)
            assert (await recorded(gate, made.json()["booking"], BookingMade)).booking.wish.admitted == ticket


async def test_what_no_room_guards_needs_no_pass() -> None:
    """The same hour of the same studio, as another event."""
    async with open_gateway() as gate:
        held = await gate.post("/v1/demo/holds", gate.wish(), as_=await gate.session())
        assert held.status_code == 201, told(held)
        assert (await recorded(gate, held.json()["hold"], SlotsHeld)).wish.admitted == ""


async def test_standing_by_needs_it_too() -> None:
    """And records whose ticket it was, so that what is offered later is theirs by the same right."""
    async with open_gateway() as gate:
        visitor, second = await gate.session(), await gate.session()
        _, token = await let_in(gate, visitor)
        ticket, another = await let_in(gate, second)
        made = await gate.post("/v1/demo/bookings", premiere(gate), as_=visitor, headers={"Tidegate-Pass": token})
        assert made.status_code == 201, told(made)
        stood = await gate.post("/v1/demo/standby", premiere(gate), as_=second, headers={"Tidegate-Pass": another})
        assert stood.status_code == 201, told(stood)
        assert (await recorded(gate, stood.json()["standby"], StandbyJoined)).wish.admitted == ticket

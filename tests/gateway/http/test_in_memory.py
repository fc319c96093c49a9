"""A gateway in memory answers as one on the wire does: what the other tests of routes stand on."""

from __future__ import annotations

from tests.support.gateway import in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]


async def test_a_visitor_holds_and_books() -> None:
    """The way of a booking, from a session to the list of those who may see it."""
    async with open_gateway() as gate:
        listed = await gate.get("/v1/demo/resources")
        assert [one["id"] for one in listed.json()] == ["meeting-room", "mics", "studio-north", "studio-south"]
        visitor = await gate.session()
        held = await gate.post("/v1/demo/holds", gate.wish(), as_=visitor)
        assert held.status_code == 201, told(held)
        wanted = gate.wish(hold=held.json()["hold"], booker={"name": "Ann", "email": "ann@example.org"})
        booked = await gate.post("/v1/demo/bookings", wanted, as_=visitor)
        assert booked.status_code == 201, told(booked)
        assert refused(await gate.get("/v1/demo/bookings", as_=visitor)) == (403, "not_permitted")
        page = await gate.get("/v1/demo/bookings", as_=gate.owner, headers=_seen(booked))
        assert [one["booking"] for one in page.json()["bookings"]] == [booked.json()["booking"]]


async def test_a_visitor_comes_through_the_room() -> None:
    """The way of a ticket, from joining to a pass that opens the room."""
    async with open_gateway() as gate:
        visitor = await gate.session()
        joined = await gate.post("/v1/demo/rooms/launch/tickets", {}, as_=visitor)
        assert joined.status_code == 201, told(joined)
        claimed = await gate.post(f"/v1/demo/rooms/launch/tickets/{joined.json()['ticket']}/claim", as_=visitor)
        assert claimed.json()["status"] == "active", told(claimed)
        opens = await gate.get("/v1/demo/rooms/launch/check", headers={"Tidegate-Pass": claimed.json()["pass"]})
        assert opens.status_code == 200, told(opens)


async def test_two_gateways_stand_on_one_ground() -> None:
    """A session and a key that one of them gave are good at the other."""
    async with open_gateway() as gate:
        other = await gate.beside()
        visitor, key = await gate.session(), await gate.key("viewer")
        assert (await other.post("/v1/demo/holds", gate.wish(), as_=visitor)).status_code == 201
        assert (await other.get("/v1/demo/bookings", as_=key)).status_code == 200


def _seen(response: object) -> dict[str, str]:
    return {"Tidegate-Position": response.headers["tidegate-position"]}  # type: ignore[attr-defined]  # a response has

"""Why something cannot be booked: said by the same rules that judge."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

DATE = "2026-06-09"
SESSION = {"event_type": "session", "resource": "studio-north"}


async def explained(gate: Gate, **about: Any) -> dict[str, Any]:
    answer = await gate.get("/v1/demo/audit/explain", as_=gate.owner, **(SESSION | about))
    assert answer.status_code == 200, told(answer)
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_free_can_be_booked() -> None:
    """Nothing stands against it, and it is booked as it was explained."""
    async with open_gateway() as gate:
        found = await explained(gate, start=f"{DATE}T10:00")
        assert (found["bookable"], found["rule"], found["against"]) == (True, None, [])
        made = await gate.post("/v1/demo/bookings", gate.wish(f"{DATE}T10:00"), as_=await gate.session())
        assert made.status_code == 201 and (made.json()["start"], made.json()["end"]) == (found["start"], found["end"])


@pytest.mark.parametrize(("path", "use"), [("bookings", "full"), ("holds", "held")])
async def test_what_lies_there_is_shown(path: str, use: str) -> None:
    """From when to when, by local clocks, with the buffers around a visit; and how many units are left."""
    async with open_gateway() as gate:
        made = await gate.post(f"/v1/demo/{path}", gate.wish(f"{DATE}T10:00"), as_=await gate.session())
        seen = {"Tidegate-Position": made.headers["tidegate-position"]}
        found = await explained(gate, start=f"{DATE}T10:00", headers=seen)
        (against,) = found["against"]
        assert (found["bookable"], found["rule"]) == (False, None)
        assert (against["resource"], against["code"]) == ("studio-north", use)
        (taken,) = against["taken"]
        assert taken == {
            "start": f"{DATE}T09:45:00+02:00", "end": f"{DATE}T11:30:00+02:00", "use": use, "units": 0
        }  # fmt: skip
        assert found["position"] == made.headers["tidegate-position"]


@pytest.mark.parametrize(
    ("start", "code"),
    [("2026-05-01T10:00", "in_the_past"), (f"{DATE}T10:07", "off_grid"), ("2031-06-09T10:00", "beyond_horizon")],
)
async def test_the_rule_is_the_one_that_a_booking_is_refused_by(start: str, code: str) -> None:
    """By its code, and by its sentence."""
    async with open_gateway() as gate:
        found = await explained(gate, start=start)
        assert (found["bookable"], found["rule"]["code"]) == (False, code)
        turned_away = await gate.post("/v1/demo/bookings", gate.wish(start), as_=await gate.session())
        assert turned_away.json()["code"] == code


async def test_a_waiting_room_is_not_what_stands_in_the_way() -> None:
    """It is the time that is explained, of somebody who has come through."""
    async with open_gateway() as gate:
        found = await explained(gate, event_type="premiere", start=f"{DATE}T11:00")
        assert found["bookable"], found


async def test_what_is_no_wish_is_refused() -> None:
    """As it would be to who books."""
    async with open_gateway() as gate:
        for about, expected in (
            ({"event_type": "nothing"}, (404, "unknown_event_type")),
            ({"duration": 7}, (422, "wrong_duration")),
            ({"start": "tomorrow"}, (422, "bad_time")),
            ({"tz": "Mars"}, (422, "unknown_time_zone")),
            ({"start": "9999-12-31T23:59"}, (422, "bad_date")),
        ):
            said = SESSION | {"start": f"{DATE}T10:00"} | about
            assert refused(await gate.get("/v1/demo/audit/explain", as_=gate.owner, **said)) == expected
        visitor = await gate.session()
        asked = SESSION | {"start": f"{DATE}T10:00"}
        assert refused(await gate.get("/v1/demo/audit/explain", as_=visitor, **asked)) == (403, "not_permitted")

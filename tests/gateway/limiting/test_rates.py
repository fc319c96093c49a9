"""From which buckets a request takes: by address, by key, by session, by what it asks for."""

from __future__ import annotations

import pytest

from events.permissions import Standing, permitted
from gateway.http.permissions import routes
from gateway.identity.callers import Caller, nobody
from gateway.limiting.limits import Rate, RateLimits
from gateway.limiting.rates import DEEDS, Deed, Rates
from gateway.problems import Problem
from tests.support.gateway import in_virtual_time, open_gateway, refused

__all__ = ["in_virtual_time"]

HERE, THERE = "203.0.113.7", "203.0.113.8"
FEW = RateLimits(
    address=Rate(10, 6), key=Rate(10, 4), session=Rate(10, 3),
    joins=Rate(10, 2), holds=Rate(10, 2), sessions=Rate(10, 2),
)  # fmt: skip


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def caller(standing: Standing, by: str, org: str = "demo") -> Caller:
    return Caller(org, standing, by, permitted(standing))


VISITOR, OTHER, SERVER = caller("session", "session:a"), caller("session", "session:b"), caller("service", "key:a")


def let_in(rates: Rates, who: Caller, address: str = HERE, deed: Deed | None = None, most: int = 50) -> int:
    """How many requests of theirs are let in, one after another."""
    for count in range(most):
        problem = refusal_of(rates, who, address, deed)
        if problem is not None:
            assert (problem.code, problem.status, problem.fault) == ("too_many_requests", 429, "caller")
            assert problem.retry_after_ms is not None and problem.retry_after_ms > 0
            return count
    return most


def refusal_of(rates: Rates, who: Caller, address: str, deed: Deed | None) -> Problem | None:
    try:
        rates.at_the_door(address)
        rates.known(who, address, deed, came=True)
    except Problem as problem:
        return problem
    return None


def test_an_address_is_counted_whoever_asks() -> None:
    """Sessions are for the asking; an address is not."""
    rates = Rates(FEW, Clock())
    assert let_in(rates, nobody("demo")) == 6
    assert let_in(rates, VISITOR) == 0
    assert let_in(rates, nobody("demo"), THERE) == 6


def test_a_session_is_counted_wherever_it_is() -> None:
    """Of its organisation: another one's sessions are others."""
    rates = Rates(FEW, Clock())
    assert let_in(rates, VISITOR) == 3
    assert let_in(rates, VISITOR, THERE) == 0
    assert let_in(rates, caller("session", "session:a", "other"), "203.0.113.9") == 3


def test_a_key_is_counted_and_its_address_is_not() -> None:
    """A server asks for many from one place, and nobody beside it has less for that."""
    rates = Rates(FEW, Clock())
    assert let_in(rates, SERVER) == 4
    assert let_in(rates, caller("owner", "key:b")) == 4
    assert let_in(rates, caller("owner", "key:c"), deed="join") == 4
    assert let_in(rates, nobody("demo")) >= 3, "three were refused for their key, and may have cost something"


@pytest.mark.parametrize("deed", ["join", "hold", "session"])
def test_what_takes_room_is_counted_by_address(deed: Deed) -> None:
    """However many sessions somebody has there."""
    rates = Rates(FEW, Clock())
    assert let_in(rates, VISITOR, deed=deed) == 2
    assert let_in(rates, OTHER, deed=deed) == 0
    assert let_in(rates, OTHER) == 2, "three, and one that was refused"


def test_what_is_asked_over_a_socket_comes_to_no_door() -> None:
    """It takes from the caller's buckets, and gives no address anything back."""
    rates = Rates(FEW, Clock())
    for _ in range(4):
        rates.known(SERVER, HERE)
    assert let_in(rates, nobody("demo")) == 6
    with pytest.raises(Problem, match="requests with this key"):
        rates.known(SERVER, HERE)


def test_who_waits_as_long_as_they_were_told_is_let_in() -> None:
    """`retry_after_ms` is neither too short nor much too long."""
    clock = Clock()
    rates = Rates(FEW, clock)
    for _ in range(20):
        let_in(rates, nobody("demo"))
        with pytest.raises(Problem) as refusal:
            rates.at_the_door(HERE)
        wait_ms = refusal.value.retry_after_ms
        assert wait_ms is not None
        clock.now_s += (wait_ms - 1.5) / 1_000
        with pytest.raises(Problem):
            rates.at_the_door(HERE)
        clock.now_s += 1.5 / 1_000
        rates.at_the_door(HERE)


def test_the_factor_and_the_workers() -> None:
    """The one multiplies all rates and bursts, and 0 ends them; workers have equal shares of the rates."""
    assert let_in(Rates(RateLimits(factor=0), Clock()), VISITOR, most=10_000) == 10_000
    assert let_in(Rates(RateLimits(factor=0.5), Clock()), VISITOR, most=10_000) == 30
    assert let_in(Rates(RateLimits(factor=0.001), Clock()), VISITOR, most=10_000) == 1
    clock = Clock()
    rates = Rates(RateLimits(sharing=4), clock)
    assert let_in(rates, VISITOR, most=10_000) == 60
    clock.now_s = 1.0
    assert let_in(rates, VISITOR, most=10_000) == 5


def test_every_deed_is_a_route() -> None:
    """That there is, by its method and path."""
    assert set(DEEDS) <= {(route.method, route.path) for route in routes()}


async def test_requests_take_from_them() -> None:
    """Sessions, holds and joins by their address, others by who asks; with when to ask again; and nothing is done."""
    async with open_gateway() as gate:
        gate.front.rates = Rates(FEW, Clock())  # type: ignore[misc]  # as if it had been made so
        visitor = await gate.session()
        await gate.session()
        answer = await gate.post("/v1/demo/sessions")
        assert refused(answer) == (429, "too_many_requests")
        assert answer.headers["retry-after"] == "1" and answer.json()["retry_after_ms"] == 100
        for start in ("10:00", "12:00"):
            held = await gate.post("/v1/demo/holds", gate.wish(f"2026-06-02T{start}"), as_=visitor)
            assert held.status_code == 201
        assert refused(await gate.post("/v1/demo/holds", gate.wish("2026-06-02T14:00"), as_=visitor))[0] == 429
        assert refused(await gate.get("/v1/demo/resources", as_=visitor)) == (429, "too_many_requests")
        await gate.told()
        query = {"event_type": "session", "resource": "studio-north", "date": "2026-06-02", "duration": 60}
        slots = (await gate.get("/v1/demo/slots", as_=gate.owner, **query)).json()
        states = {slot["start"][11:16]: slot["state"] for slot in slots}
        assert states["10:00"] == states["12:00"] == "held"
        assert states["14:00"] == "free"

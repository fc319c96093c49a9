"""What is asked is measured by what it was and what came of it, and nothing that a client makes up becomes a label."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.http.measured import UNKNOWN, measured
from gateway.measuring.counts import OTHER, StreamsNow
from gateway.measuring.limits import PROBLEMS_MAX, ROOMS_SHOWN_MAX, SERIES_MAX
from gateway.measuring.metrics import Metrics
from tests.gateway.operating.attended import attended

COUNT = "tidegate_http_request_seconds_count"


def series(route: str, method: str, code: int) -> tuple[tuple[str, str], ...]:
    return (("code", str(code)), ("method", method), ("route", route))


def scope(**about: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "headers": [], "query_string": b"", "client": None} | about


async def nothing() -> dict[str, Any]:
    return {"type": "http.request"}


def answering(status: int, kind: bytes, *bodies: bytes) -> Callable[..., Awaitable[None]]:
    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    return app


async def test_a_request_is_counted_under_the_template_of_its_route() -> None:
    """Whatever stands in its path, so that a thousand bookings are one series."""
    async with attended() as gate:
        for name in ("studio-north", "studio-south", "nobody-has-this"):
            await gate.get(f"/v1/demo/resources/{name}")
        found = await gate.samples(COUNT)
        assert found[series("/v1/{org}/resources/{id}", "GET", 200)] == 2
        assert found[series("/v1/{org}/resources/{id}", "GET", 404)] == 1
        assert (await gate.samples("tidegate_problems_total"))[(("code", "unknown_resource"),)] == 1


async def test_what_has_no_route_is_counted_together() -> None:
    """Somebody who tries a million paths makes no series."""
    async with attended() as gate:
        for path in ("/wp-login.php", "/v1", "/v1/demo/none/of/these", "/.env"):
            assert (await gate.get(path)).status_code == 404
        await gate.ask("BREW", "/v1/demo/resources")
        found = await gate.samples(COUNT)
        assert {dict(labels)["route"] for labels in found} == {UNKNOWN}
        assert found[series(UNKNOWN, "GET", 404)] == 4
        assert {dict(labels)["method"] for labels in found} == {"GET", UNKNOWN}


async def test_a_request_is_under_way_until_it_is_answered() -> None:
    """And the gauge comes back to nothing."""
    metrics, go_on = Metrics(), asyncio.Event()

    async def app(*_: Any) -> None:
        await go_on.wait()

    asking = asyncio.ensure_future(measured(app, metrics)(scope(), nothing, _dropped))
    await asyncio.sleep(0)
    assert metrics.under_way == 1
    go_on.set()
    await asking
    assert metrics.under_way == 0


async def test_an_event_stream_is_measured_until_it_begins() -> None:
    """It may go on for an hour, and is no slow request."""
    metrics, go_on, began = Metrics(), asyncio.Event(), asyncio.Event()

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        began.set()
        await go_on.wait()

    streaming = asyncio.ensure_future(
        measured(app, metrics)(scope(path_template="/v1/{org}/events"), nothing, _dropped)
    )
    await began.wait()
    assert metrics.under_way == 0
    assert _count(metrics, "/v1/{org}/events", "200") == 1
    go_on.set()
    await streaming
    assert (metrics.under_way, _count(metrics, "/v1/{org}/events", "200")) == (0, 1)


async def test_a_bug_is_counted_as_ours_and_goes_on() -> None:
    """Measuring does not hide what it measures."""
    metrics = Metrics()

    async def app(*_: Any) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await measured(app, metrics)(scope(), nothing, _dropped)
    assert (_count(metrics, UNKNOWN, "500"), metrics.under_way) == (1, 0)


async def test_a_problem_is_counted_by_its_code_whoever_tells_it() -> None:
    """It is read from the answer itself; what cannot be read is counted as well."""
    metrics = Metrics()
    for body in (b'{"code":"too_many_requests","status":429}', b"not JSON"):
        await measured(answering(429, b"application/problem+json", body), metrics)(scope(), nothing, _dropped)
    await measured(answering(200, b"application/json", b'{"code":"none"}'), metrics)(scope(), nothing, _dropped)
    assert metrics.problems == {"too_many_requests": 1, UNKNOWN: 1}


def test_labels_are_bounded() -> None:
    """Should one of them ever come from outside after all, memory does not grow with it."""
    metrics = Metrics()
    for number in range(max(PROBLEMS_MAX, SERIES_MAX) + 100):
        metrics.problem(f"code_{number}")
        metrics.took(f"/route/{number}", "GET", 200, 0.001)
    assert len(metrics.problems) == PROBLEMS_MAX + 1
    assert metrics.problems[OTHER] > 0
    routes = {
        sample.labels["route"] for family in metrics.collect() for sample in family.samples if sample.name == COUNT
    }
    assert len(routes) == SERIES_MAX + 1
    assert OTHER in routes


async def test_what_parts_of_the_process_count_is_shown() -> None:
    """Streams and webhooks add to plain numbers, and say what there is when they are asked."""
    async with attended() as gate:
        streams, webhooks = gate.watching.metrics.streams, gate.watching.metrics.webhooks
        streams.now = lambda: StreamsNow(sockets=3, event_streams=2, subscriptions=9, topics=5, unsent_bytes=400)
        streams.resets["too_old"] += 2
        streams.resumed += 7
        webhooks.dead += 1
        assert await gate.samples("tidegate_stream_sockets") == {(): 3}
        assert await gate.samples("tidegate_stream_unsent_bytes") == {(): 400}
        assert await gate.samples("tidegate_stream_resets_total") == {(("why", "too_old"),): 2}
        assert await gate.samples("tidegate_stream_resumed_total") == {(): 7}
        assert await gate.samples("tidegate_webhook_dead_total") == {(): 1}


async def test_hosts_and_read_models_are_shown_as_they_say_of_themselves() -> None:
    """Beats carry what a host has counted; how far read models have come is told behind every change."""
    async with attended() as gate:
        await gate.gate.told()
        await _until(lambda: gate.samples("tidegate_projector_sequence"))
        head = (await gate.gate.house.log.head()).last
        assert (await gate.samples("tidegate_projector_sequence"))[(("projector", "projector"),)] == head
        assert (await gate.samples("tidegate_projection_lag_events"))[(("projector", "projector"),)] == 0
        assert (await gate.samples("tidegate_host_partitions"))[(("host", "one"),)] == 64
        assert (await gate.samples("tidegate_host_commits_total"))[(("host", "one"),)] > 0
        assert await gate.samples("tidegate_partitions_without_host") == {(): 0}
        assert await gate.samples("tidegate_calls_under_way") == {(): 0}


async def test_a_room_is_shown_when_its_numbers_change() -> None:
    """Admission can be watched; and only the rooms with most people in line are, however many there are."""
    async with attended() as gate:
        visitor = await gate.gate.session()
        await gate.gate.post("/v1/demo/rooms/launch/tickets", {}, as_=visitor)

        async def joined() -> bool:
            moves = await gate.samples("tidegate_room_moves_total")
            return moves.get((("move", "joined"), ("org", "demo"), ("room", "launch"))) == 1

        await _until(joined)
        assert await gate.samples("tidegate_room_tickets")
    assert ROOMS_SHOWN_MAX * 20 < 2_000, "series of rooms"


def _count(metrics: Metrics, route: str, code: str) -> float:
    labels = {"route": route, "method": "GET", "code": code}
    samples = (sample for family in metrics.collect() for sample in family.samples)
    return next((sample.value for sample in samples if (sample.name, sample.labels) == (COUNT, labels)), 0)


async def _dropped(_: Any) -> None:
    pass


async def _until(look: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(10):
        while not await look():  # noqa: ASYNC110  # it is looked at by asking
            await asyncio.sleep(0.02)

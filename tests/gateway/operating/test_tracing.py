"""One trace leads from a request to the command, to the commit, and to everybody who was told; without tracing none."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from actors.runtime.wire import TRACE_HEADER
from gateway.measuring.tracing import NoExporter, Tracing
from tests.gateway.operating.attended import attended
from tests.support.gateway import told

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = int(CLIENT.split("-")[1], 16)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


async def finished(spans: InMemorySpanExporter, name: str, count: int = 1) -> Sequence[ReadableSpan]:
    """All spans, once there are so many of that name."""
    async with asyncio.timeout(10):
        while sum(span.name.startswith(name) for span in spans.get_finished_spans()) < count:  # noqa: ASYNC110  # it says nothing
            await asyncio.sleep(0.02)
    return spans.get_finished_spans()


def parents(found: Sequence[ReadableSpan]) -> dict[str, str]:
    """The name of each span's parent, by its own."""
    names = {span.get_span_context().span_id: span.name for span in found}  # type: ignore[union-attr]  # they have one
    return {span.name: names.get(span.parent.span_id, "client") if span.parent else "" for span in found}


async def test_a_trace_leads_from_the_request_to_its_deltas(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """Each span within the one that led to it, in the trace that the client began."""
    async with attended(provider=provider) as gate:
        visitor = await gate.gate.session()
        headers = {"Authorization": f"Bearer {visitor}", "traceparent": CLIENT}
        held = await gate.ask("POST", "/v1/demo/holds", headers=headers, json=gate.gate.wish())
        assert held.status_code == 201, told(held)
        found = await finished(spans, "delta holds")
        led = parents(found)
        assert led["POST /v1/{org}/holds"] == "client"
        assert led["command place_hold"] == "POST /v1/{org}/holds"
        assert led["commit"] == "command place_hold"
        assert led["delta holds"] == "commit"
        assert {span.get_span_context().trace_id for span in found if span.name in led} == {TRACE_ID}  # type: ignore[union-attr]  # they have one
        commit = next(span for span in found if span.name == "commit")
        assert commit.attributes is not None
        assert str(commit.attributes["tidegate.actor"]).startswith("demo.day.studio-north.")
        assert gate.lines[-1]["trace"] == CLIENT.split("-")[1]


async def test_what_the_log_has_is_the_span_of_the_command(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """So whoever follows the log can go on with the trace."""
    async with attended(provider=provider) as gate:
        headers = {"Authorization": f"Bearer {await gate.gate.session()}", "traceparent": CLIENT}
        await gate.ask("POST", "/v1/demo/holds", headers=headers, json=gate.gate.wish())
        found = await finished(spans, "commit")
        command = next(span for span in found if span.name == "command place_hold").get_span_context()
        sequence = next(span for span in found if span.name == "commit").attributes["tidegate.sequence"]  # type: ignore[index]  # it has some
        recorded = await gate.gate.house.log.at(sequence)  # type: ignore[arg-type]  # a number
        assert recorded is not None and command is not None
        assert recorded.headers[TRACE_HEADER] == f"00-{command.trace_id:032x}-{command.span_id:016x}-01"


async def test_a_request_without_a_trace_begins_one(provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    """Each its own; what is no trace context is none."""
    async with attended(provider=provider) as gate:
        for headers in ({}, {"traceparent": "none"}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}):
            await gate.get("/v1/demo/resources", headers=headers)
        found = await finished(spans, "GET", 3)
        assert [span.parent for span in found if span.name.startswith("GET")] == [None] * 3
        assert len({line["trace"] for line in gate.lines}) == 3


async def test_what_a_client_does_not_sample_is_not_sampled_here(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """Its trace goes on to the log all the same."""
    async with attended(provider=provider) as gate:
        headers = {"Authorization": f"Bearer {await gate.gate.session()}", "traceparent": CLIENT[:-2] + "00"}
        held = await gate.ask("POST", "/v1/demo/holds", headers=headers, json=gate.gate.wish())
        assert held.status_code == 201, told(held)
        await gate.gate.told()
        assert [span for span in spans.get_finished_spans() if "holds" in span.name] == []
        traces = [one.headers[TRACE_HEADER] async for one in gate.gate.house.log.read() if TRACE_HEADER in one.headers]
        assert traces[-1].split("-")[1] == CLIENT.split("-")[1]


async def test_a_refusal_and_a_problem_are_said_on_their_spans(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """By their codes, never by what was in the request."""
    async with attended(provider=provider) as gate:
        visitors = [await gate.gate.session() for _ in range(2)]
        for visitor in visitors:
            headers = {"Authorization": f"Bearer {visitor}"}
            await gate.ask("POST", "/v1/demo/holds", headers=headers, json=gate.gate.wish())
        said = defaultdict[str, set[object]](set)
        for span in await finished(spans, "POST", 2):
            for key, value in (span.attributes or {}).items():
                said[key].add(value)
        assert said["tidegate.refused"] == said["tidegate.problem"]
        assert said["http.response.status_code"] == {201, 409}
        assert not any(visitor in str(said) for visitor in visitors)


async def test_commands_in_one_commit_are_linked(provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    """Each has the commit in its own trace, with links to the others."""
    async with attended(provider=provider) as gate:
        visitors = [await gate.gate.session() for _ in range(8)]
        path = "/v1/demo/rooms/launch/tickets"
        await asyncio.gather(
            *(gate.ask("POST", path, headers={"Authorization": f"Bearer {one}"}, json={}) for one in visitors)
        )
        found = await finished(spans, "commit", 8)
        commits = [span for span in found if span.name == "commit"]
        together = [span for span in commits if (span.attributes or {})["tidegate.commands"] != 1]
        assert together, "eight who come at once share a commit"
        assert all(
            len(span.links) + 1 == span.attributes["tidegate.commands"]  # type: ignore[index]  # it has some
            for span in together
        )


async def test_without_tracing_a_clients_trace_goes_on_and_none_is_begun() -> None:
    """There is nobody who would look for it."""
    async with attended() as gate:
        visitor = {"Authorization": f"Bearer {await gate.gate.session()}"}
        wish = gate.gate.wish()
        held = await gate.ask("POST", "/v1/demo/holds", headers=visitor | {"traceparent": CLIENT}, json=wish)
        assert held.status_code == 201, told(held)
        await gate.ask("POST", "/v1/demo/holds", headers=visitor, json=gate.gate.wish("2026-06-03T10:00"))
        traces = [one.headers.get(TRACE_HEADER) async for one in gate.gate.house.log.read() if ".day." in one.actor]
        assert traces == [CLIENT, None]
        assert "trace" not in gate.lines[-1]


async def test_spans_are_sent_to_a_collector() -> None:
    """By OTLP over HTTP, at its usual path; what is left goes out when we stop."""
    taken: list[tuple[str, int]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.path, len(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        tracing = Tracing.to(f"http://127.0.0.1:{collector.server_address[1]}")
        tracing.request("GET", "").end()
        await tracing.stop()
        collector.shutdown()
    assert [path for path, _ in taken] == ["/v1/traces"]


async def test_a_collector_that_is_not_there_holds_nobody_up() -> None:
    """Spans are lost then, and the gateway stops in time."""
    tracing = Tracing.to("http://127.0.0.1:1/v1/traces")
    tracing.request("GET", "").end()
    async with asyncio.timeout(5):
        await tracing.stop()


def test_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of quietly sending nothing."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(NoExporter) as caught:
        Tracing.to("http://collector:4318")
    assert "tidegate[otel]" in caught.value.next_step

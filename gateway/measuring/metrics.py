"""Metrics: what this process measures, as Prometheus reads it.

Requests are measured where they come in (`gateway.http.measured`); what others have counted, and what there is around
us, is asked for when somebody scrapes. That is quick, and done between two requests; the histograms of a hundred routes
take twenty milliseconds to be gathered and written out, which a thread does. Every family is there from the beginning,
with nothing in it if need be, so a dashboard or an alert that names one that is not there is wrong, and a test says so.

Labels come from us alone: templates of routes, codes, names of hosts. What a client sends never becomes one.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway.measuring.counts import OTHER, StreamCounts, WebhookCounts
from gateway.measuring.limits import PROBLEMS_MAX, SERIES_MAX

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
LATENCY_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS: Final = (*(str(bound) for bound in LATENCY_S), "+Inf")


class Metrics:
    """A collector of everything, and where requests are noted."""

    def __init__(self) -> None:
        self._registry: Final = CollectorRegistry()
        """What may be gathered by any thread."""
        self._parts: Final[list[Collector]] = [_Here(self)]
        """And what may not."""
        self.under_way = 0
        self.problems: Final[Counter[str]] = Counter()
        self.streams: Final = StreamCounts()
        self.webhooks: Final = WebhookCounts()
        self._requests: Final = _Latencies(
            self._registry,
            "http_request_seconds",
            "How long requests took, by the template of their route; of an event stream, until it began.",
            "route",
            "method",
            "code",
        )
        self._calls: Final = _Latencies(
            self._registry,
            "stream_call_seconds",
            "How long commands over sockets took, by what they were told: ok, or the code of a problem.",
            "command",
            "code",
        )
        self.streams.called = self.called
        self.streams.problem = self.problem
        ProcessCollector(registry=self._registry)

    def took(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.observe(seconds, route, method, str(status))

    def called(self, command: str, code: str, seconds: float) -> None:
        """Which is one of ours, or `other`."""
        self._calls.observe(seconds, command, code)

    def problem(self, code: str) -> None:
        known = code in self.problems or len(self.problems) < PROBLEMS_MAX
        self.problems[code if known else OTHER] += 1

    def add(self, part: Collector) -> None:
        """Something else to be shown with them, which is gathered in the thread of the event loop."""
        self._parts.append(part)

    async def written(self) -> bytes:
        """All of it, as Prometheus reads it."""
        families = self._of_parts()
        return await asyncio.to_thread(lambda: generate_latest(_Gathered([*self._registry.collect(), *families])))

    def collect(self) -> Iterable[Metric]:
        return [*self._registry.collect(), *self._of_parts()]

    def _of_parts(self) -> list[Metric]:
        return [family for part in self._parts for family in part.collect()]


class _Series:
    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts: Final = [0] * (len(LATENCY_S) + 1)
        """How many took as long as each bound, and longer than the one before; at the end, longer than all."""
        self.total_s = 0.0


class _Latencies(Collector):
    """A histogram of so many series; all beyond are one for each of their last labels, which is a code. The library's
    own takes a lock for each of three numbers; here they are counted by one thread, and any other may read them."""

    def __init__(self, registry: CollectorRegistry, name: str, about: str, *labels: str) -> None:
        self._name: Final = f"tidegate_{name}"
        self._about: Final = about
        self._labels: Final = labels
        self._series: Final[dict[tuple[str, ...], _Series]] = {}
        registry.register(self)

    def observe(self, seconds: float, *labels: str) -> None:
        series = self._series.get(labels)
        if series is None:
            if len(self._series) >= SERIES_MAX:
                labels = (*(OTHER for _ in labels[1:]), labels[-1])
            series = self._series.setdefault(labels, _Series())
        series.counts[bisect_left(LATENCY_S, seconds)] += 1
        series.total_s += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for labels, series in list(self._series.items()):
            family.add_metric(labels, list(zip(_BOUNDS, accumulate(series.counts), strict=True)), series.total_s)
        yield family


class _Gathered:
    """Families that were gathered in the thread of the event loop, as `generate_latest` takes them in another."""

    def __init__(self, families: list[Metric]) -> None:
        self._families: Final = families

    def collect(self) -> list[Metric]:
        return self._families


class _Here:
    """What is counted in this process by plain numbers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics

    def collect(self) -> Iterator[Metric]:
        metrics, streams, webhooks = self._metrics, self._metrics.streams, self._metrics.webhooks
        now = streams.now()
        yield gauge("http_requests_under_way", "Requests that have no answer yet.", metrics.under_way)
        yield counter(
            "problems",
            "Times that somebody was told a problem, by its code.",
            metrics.problems,
            "code",
        )
        yield gauge("stream_sockets", "Open WebSockets.", now.sockets)
        yield gauge("stream_event_streams", "Open streams of server-sent events.", now.event_streams)
        yield gauge("stream_subscriptions", "Topics that somebody follows, once for each who does.", now.subscriptions)
        yield gauge("stream_topics", "Topics that are followed here, each counted once.", now.topics)
        yield gauge("stream_unsent_bytes", "Told, and not yet taken by their readers.", now.unsent_bytes)
        yield counter("stream_snapshots", "Topics that were begun with all of them.", streams.snapshots)
        yield counter("stream_resumed", "Topics that were gone on with.", streams.resumed)
        yield counter("stream_resets", "Topics that had to be begun anew, by why.", streams.resets, "why")
        yield counter("stream_conflated", "Times that deltas were left out for a reader behind.", streams.conflated)
        yield counter(
            "stream_closed_slow", "Readers that were sent away since they read too slowly.", streams.closed_slow
        )
        yield counter("webhook_delivered", "Deliveries that were taken.", webhooks.delivered)
        yield counter("webhook_failed", "Attempts at a delivery that failed.", webhooks.failed)
        yield counter("webhook_dead", "Deliveries that were given up.", webhooks.dead)
        yield counter("webhook_disabled", "Endpoints that were disabled since they did not answer.", webhooks.disabled)
        yield counter("webhook_broken", "Times that an endpoint was stopped at by a bug of ours.", webhooks.broken)


def gauge(name: str, about: str, value: float | Mapping[str, float], *labels: str) -> GaugeMetricFamily:
    """One value; or with a label, one for each."""
    family = GaugeMetricFamily(f"tidegate_{name}", about, labels=labels)
    for label, one in _labelled(value):
        family.add_metric(label, one)
    return family


def counter(name: str, about: str, value: float | Mapping[str, float], *labels: str) -> CounterMetricFamily:
    """The same, for what only grows."""
    family = CounterMetricFamily(f"tidegate_{name}", about, labels=labels)
    for label, one in _labelled(value):
        family.add_metric(label, one)
    return family


def _labelled(value: float | Mapping[str, float]) -> list[tuple[list[str], float]]:
    return [([label], one) for label, one in value.items()] if isinstance(value, Mapping) else [([], value)]


def names_in(metrics: Collector) -> frozenset[str]:
    """Every name that a query can ask for."""
    names: set[str] = set()
    for family in metrics.collect():
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names.update(f"{family.name}{part}" for part in ("_bucket", "_sum", "_count"))
            case _:
                names.add(family.name)
    return frozenset(names)

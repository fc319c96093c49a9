"""What there is around a gateway, as Prometheus reads it.

How far read models are behind in *seconds* is how long ago the log was seen to go further than what they have told. It
is looked at every five seconds, so less than that may be shown as nothing.

Of rooms there may be thousands, and each is twenty series. Those with most people in line are shown, and of these only
whoever's numbers have changed since we began to listen: a room in which nothing happens is not missed.

Every gateway shows the hosts and the read models as it hears them. Whoever adds up over gateways counts them more than
once: take the largest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from actors.runtime import vitals
from actors.runtime.sender import Sender
from events.limits import PARTITIONS
from gateway.measuring.around import Around
from gateway.measuring.limits import FORGOTTEN_S, HOSTS_HEARD_S, ROOMS_SHOWN_MAX
from gateway.measuring.metrics import counter, gauge

_COUNTED: Final = {
    "commands": "Commands that arrived.",
    "commits": "Commits that were stored.",
    "busy": "Commands that were told to come back, because a mailbox was full or there were too many actors.",
    "conflicts": "Commits that another host had come before.",
    "unknown": "Commits of which the log did not say whether it stored them.",
    "halts": "Actors that were stopped because the log contradicts itself.",
    "failed_tasks": "Bugs.",
    "snapshots": "Snapshots that were put on the shelf.",
    "transactions": "Transactions that were coordinated.",
}
"""Of what a host's beat counts."""
_FARING: Final = {
    "waiting": "Commands in mailboxes.",
    "deepest": "Commands in the fullest mailbox.",
    "unsaved_bytes": "Commits that no snapshot holds yet.",
    "resident_bytes": "Memory of the host's process; 0 where the system does not tell.",
}
"""Of its vitals."""
_STANDINGS: Final = ("drawing", "waiting", "absent", "called", "active")
_MOVES: Final = ("joined", "calls", "claims", "misses", "left", "expired", "ended")


class Showing:
    """For `Metrics.add`."""

    def __init__(self, around: Around, sender: Sender) -> None:
        self._around: Final = around
        self._sender: Final = sender

    def collect(self) -> Iterator[Metric]:
        yield gauge("calls_under_way", "Commands that we sent and that have no answer yet.", self._sender.waiting)
        yield counter("calls_resent", "Commands that we had to send again.", self._sender.resent)
        yield from self._of_log()
        yield from self._of_hosts()
        yield from self._of_rooms()

    def _of_log(self) -> Iterator[Metric]:
        heads, heard = self._around.heads, self._around.models.within(FORGOTTEN_S)
        head = heads[-1][1] if heads else 0
        told = {name: beat.prompt for name, beat in heard.items()}
        behind = {name: max(0, head - through) for name, through in told.items()}
        behind_s = {name: self._behind_s(through) for name, through in told.items()}
        broken = {name: len(beat.broken) for name, beat in heard.items()}
        yield gauge("log_sequence", "Where the log ended when it was looked at last.", head)
        yield gauge("projector_sequence", "Through where a projector has told all it tells at once.", told, "projector")
        yield gauge("projection_lag_events", "Sequences of the log that are not told yet.", behind, "projector")
        yield gauge("projection_lag_seconds", "For how long what is not told was known to be.", behind_s, "projector")
        yield gauge("projection_broken", "Organisations of which nothing more is told.", broken, "projector")

    def _behind_s(self, told: int) -> float:
        first = next((at for at, last in self._around.heads if last > told), None)
        return 0.0 if first is None else asyncio.get_running_loop().time() - first

    def _of_hosts(self) -> Iterator[Metric]:
        around = self._around
        living, hosts = around.hosts.within(HOSTS_HEARD_S), around.hosts.within(FORGOTTEN_S)
        owned = {partition for beat in living.values() for partition in beat.partitions}
        shares = {name: len(beat.partitions) for name, beat in living.items()}
        actors = {name: beat.counts.get("actors", 0) for name, beat in hosts.items()}
        yield gauge("hosts", "Hosts that are heard.", len(living))
        yield gauge("partitions_without_host", "Partitions that nobody is heard to own.", PARTITIONS - len(owned))
        yield gauge("host_partitions", "Of 64.", shares, "host")
        yield gauge("host_actors", "Live actors.", actors, "host")
        for name, about in _COUNTED.items():
            counted = {host: beat.counts.get(name, 0) for host, beat in hosts.items()}
            yield counter(f"host_{name}", about, counted, "host")
        faring = around.vitals.within(FORGOTTEN_S)
        for name, about in _FARING.items():
            yield gauge(f"host_{name}", about, {host: getattr(one, name) for host, one in faring.items()}, "host")
        about = "How long rounds took until they were stored, for each commit in them."
        commits = HistogramMetricFamily("tidegate_host_commit_seconds", about, labels=["host"])
        for host, one in faring.items():
            commits.add_metric([host], _buckets(one.commits), one.commits_s)
        yield commits

    def _of_rooms(self) -> Iterator[Metric]:
        rooms = self._around.rooms

        def in_line(name: str) -> int:
            lane = rooms[name].all
            return lane.drawing + lane.waiting + lane.absent

        at = ["org", "room"]
        tickets = GaugeMetricFamily("tidegate_room_tickets", "How tickets stand.", labels=[*at, "standing"])
        moves = CounterMetricFamily("tidegate_room_moves", "What has happened to tickets.", labels=[*at, "move"])
        rates = GaugeMetricFamily("tidegate_room_per_minute", "In its last minute, and allowed.", labels=[*at, "of"])
        seats = GaugeMetricFamily("tidegate_room_capacity", "Seats; 0 for as many as come.", labels=at)
        waits = GaugeMetricFamily("tidegate_room_wait_seconds", "From joining to the call.", labels=[*at, "quantile"])
        for name in sorted(rooms, key=in_line, reverse=True)[:ROOMS_SHOWN_MAX]:
            where, numbers = name.split("/", 1), rooms[name]
            for standing in _STANDINGS:
                tickets.add_metric([*where, standing], getattr(numbers.all, standing))
            for move in _MOVES:
                moves.add_metric([*where, move], getattr(numbers.all, move))
            rates.add_metric([*where, "calls"], numbers.calls_last_minute)
            rates.add_metric([*where, "claims"], numbers.claims_last_minute)
            rates.add_metric([*where, "allowed"], numbers.per_minute)
            seats.add_metric(where, numbers.capacity)
            waits.add_metric([*where, "0.5"], numbers.waits.p50_s)
            waits.add_metric([*where, "0.9"], numbers.waits.p90_s)
            waits.add_metric([*where, "0.99"], numbers.waits.p99_s)
        yield from (tickets, moves, rates, seats, waits)


def _buckets(counts: tuple[int, ...]) -> list[tuple[str, float]]:
    """As Prometheus has them: how many took no longer than each bound."""
    buckets: list[tuple[str, float]] = []
    through = 0
    for bound, count in zip((*(str(ms / 1000) for ms in vitals.COMMIT_MS), "+Inf"), counts, strict=True):
        through += count
        buckets.append((bound, through))
    return buckets

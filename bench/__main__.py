"""`make bench`: measure, and print the table."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
import uvloop
from rich.console import Console

from bench import booking, commands, footprint, gateway, peers, positions, queries, recovery, streams, waiting
from bench.raw import Raw, batches, one_publish_ms, one_request_ms, pipelined
from bench.report import Row, markdown, show
from bench.stage import stage


async def command_rows(runs: int, console: Console) -> list[Row]:
    """The command path beside the machine's limits, in turn, so that both see the same machine."""
    request = Row("NATS request, one after another", "ms p50")
    publish = Row("durable publish (`js.publish`), one after another", "ms p50")
    raw_single = Row("durable publishes, 64 in flight, below `js.publish`", "/s")
    raw_batch = Row("atomic batches of 3, 16 in flight", "/s")
    alone = Row("one command alone", "ms p50")
    hot = Row("one hot actor, 256 calls in flight", "commands/s", goal="≥ 40,000")
    hot_p99 = Row("… p99", "ms")
    few = Row("500 quiet actors, 64 calls in flight", "commands/s", goal="≥ 1× publishes in flight")
    few_p99 = Row("… p99", "ms", goal="< 15")
    many = Row("500 quiet actors, 1,000 calls in flight", "commands/s", goal="≥ 2× publishes in flight")
    many_p99 = Row("… p99", "ms", goal="< 80")
    deals = Row("transactions over 3 actors, 64 in flight", "/s", goal="≥ 0.8× atomic batches")
    deals_p99 = Row("… p99", "ms")
    async with stage() as on:
        raw = Raw(on.server.url)
        await raw.start()
        for run in range(runs):
            console.print(f"  commands, run {run + 1} of {runs}", style="dim")
            request.values.append(await one_request_ms(raw))
            publish.values.append(await one_publish_ms(raw))
            alone.values.append((await commands.many_actors(on.sender, 1, 1_500)).p50_ms)
            raw_single.values.append(await pipelined(raw))
            pace = await commands.many_actors(on.sender, 64, 15_000)
            few.values.append(pace.rate)
            few_p99.values.append(pace.p99_ms)
            pace = await commands.many_actors(on.sender, 1_000, 60_000)
            many.values.append(pace.rate)
            many_p99.values.append(pace.p99_ms)
            pace = await commands.one_actor(on.sender, 256, 120_000)
            hot.values.append(pace.rate)
            hot_p99.values.append(pace.p99_ms)
            raw_batch.values.append(await batches(raw, 3))
            pace = await commands.transactions(on.sender, 64, 4_000)
            deals.values.append(pace.rate)
            deals_p99.values.append(pace.p99_ms)
        await raw.stop()
    both = request.value + publish.value
    alone.goal, alone.met = f"≤ 1.5 × (request + publish) = {1.5 * both:.2f}", alone.value <= 1.5 * both
    alone.beside = f"{alone.value / both:.2f}× request + publish"
    hot.met = hot.value >= 40_000
    few.met, few.beside = few.value >= raw_single.value, f"{few.value / raw_single.value:.1f}× publishes in flight"
    many.met, many.beside = (
        many.value >= 2 * raw_single.value,
        f"{many.value / raw_single.value:.1f}× publishes in flight",
    )
    deals.met, deals.beside = (
        deals.value >= 0.8 * raw_batch.value,
        f"{deals.value / raw_batch.value:.1f}× atomic batches",
    )
    few_p99.met, many_p99.met = few_p99.value < 15, many_p99.value < 80
    return [
        request,
        publish,
        raw_single,
        raw_batch,
        alone,
        hot,
        hot_p99,
        few,
        few_p99,
        many,
        many_p99,
        deals,
        deals_p99,
    ]


SECTIONS = (
    "commands", "booking", "waiting", "gateway", "streams", "queries", "positions", "recovery", "footprint", "peers",
)  # fmt: skip


async def measure(only: list[str], runs: int, console: Console) -> list[Row]:
    sections: dict[str, Callable[[], Awaitable[list[Row]]]] = {
        "commands": lambda: command_rows(runs, console),
        "booking": lambda: booking.rows(runs, console),
        "waiting": lambda: waiting.rows(runs, console),
        "gateway": lambda: gateway.rows(runs, console),
        "streams": lambda: streams.rows(runs, console),
        "queries": lambda: queries.rows(runs, console),
        "positions": lambda: positions.rows(runs, console),
        "recovery": lambda: recovery.rows(runs, console),
        "footprint": lambda: footprint.rows(console),
        "peers": lambda: peers.rows(runs, console),
    }
    rows: list[Row] = []
    for name, section in sections.items():
        if not only or name in only:
            console.print(f"{name} …")
            rows += await section()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is taken; the table shows medians")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=SECTIONS,
        help="may be given again",
    )
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        rows = runner.run(measure(arguments.only, arguments.runs, console))
    show(rows, console)
    if arguments.markdown is not None:
        arguments.markdown.write_text(markdown(rows) + "\n")


if __name__ == "__main__":
    main()

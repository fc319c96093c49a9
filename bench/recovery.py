"""How long it takes until actors answer again: after their host's death, and out of a long log."""

from __future__ import annotations

import asyncio
import time

import msgspec
from rich.console import Console

from actors.catalog import CATALOG, ListResources, PutResource
from actors.decider import Decision
from actors.runtime.limits import HostLimits
from actors.runtime.memory import Memory
from actors.runtime.timers import Page, page_name
from actors.runtime.wire import Accepted, encode_command
from bench.report import Row, percentile
from bench.stage import Stage, stage
from events.clock import system_clock
from events.codec import canonical
from events.commit import Decided, encode, hash_of
from events.limits import BATCH_ENTRIES_MAX, PARTITIONS
from events.log import Entry, ExpectAt, Recorded
from events.names import partition_of

LIVE = 10_000
COMMITS_EACH = 3
LOG_MESSAGES = 1_000_000
SAMPLED = 500


async def rows(runs: int, console: Console) -> list[Row]:
    recovered = Row(f"{LIVE:,} live actors answer again after their host's kill -9", "s after detection", goal="< 3")
    detected = Row("… its death is noticed", "s after the kill")
    for run in range(runs):
        console.print(f"  a host's death, run {run + 1} of {runs}", style="dim")
        noticed_s, answered_s = await a_host_dies()
        detected.values.append(noticed_s)
        recovered.values.append(answered_s - noticed_s)
    recovered.met = recovered.value < 3
    console.print(f"  a log of {LOG_MESSAGES:,} messages", style="dim")
    with_snapshot, without = await cold_activations()
    warm = Row(
        "a cold actor's first answer, with a snapshot",
        "ms p99",
        [with_snapshot[1]],
        f"p50 {with_snapshot[0]:.2f}",
        "< 5",
    )
    warm.met = warm.value < 5
    read = Row("… without one, its 20 commits read", "ms p99", [without[1]], f"p50 {without[0]:.2f}")
    return [recovered, detected, warm, read]


async def a_host_dies() -> tuple[float, float]:
    """Seconds from the kill until it is noticed, and until every actor of the dead host has answered."""
    async with stage(hosts=2) as on:
        victim = on.hosts["host-0"]
        theirs = on.sender.roll.owned_by(victim.name)
        actors = [
            name for name in (f"live-{number}.catalog" for number in range(4 * LIVE)) if partition_of(name) in theirs
        ]
        actors = actors[:LIVE]
        assert len(actors) == LIVE
        for index in range(COMMITS_EACH):
            body = encode_command(PutResource(f"room-{index}", "Europe/Berlin"))
            await asyncio.gather(*(_answered(on, actor, body) for actor in actors))
        question = encode_command(ListResources())
        del on.hosts[victim.name]
        killed_at = time.perf_counter()
        await victim.kill()
        noticing = asyncio.ensure_future(_noticed(on, victim.name))
        await asyncio.gather(*(_answered(on, actor, question) for actor in actors))
        answered_s = time.perf_counter() - killed_at
        return await noticing - killed_at, answered_s


async def _answered(on: Stage, actor: str, body: bytes) -> None:
    answer = await on.sender.post(actor, body, within_ms=30_000)
    assert isinstance(answer, Accepted), answer


async def _noticed(on: Stage, host: str) -> float:
    while host in on.sender.roll.beats:
        await asyncio.sleep(0.005)
    return time.perf_counter()


async def cold_activations() -> tuple[tuple[float, float], tuple[float, float]]:
    """p50 and p99 of the first answer of actors that are in no host's memory, one at a time: with snapshots, and
    without."""
    async with stage(hosts=0) as on:
        log = await on.ground.log(create=True)
        shelf = await on.ground.shelf()
        each = 20
        memories = [
            Memory(CATALOG, f"past-{number}.catalog", HostLimits().remembered_commands_max)
            for number in range(LOG_MESSAGES // each)
        ]
        for round_number in range(each):
            for start in range(0, len(memories), BATCH_ENTRIES_MAX):
                page = memories[start : start + BATCH_ENTRIES_MAX]
                entries = [_next_commit(memory, round_number) for memory in page]
                sequences = await log.append_together(entries)
                for memory, entry, sequence in zip(page, entries, sequences, strict=True):
                    memory.follow(Recorded(sequence, memory.actor, entry.body, 0))
        step = len(memories) // (2 * SAMPLED)
        sampled = memories[::step]
        shelved, bare = sampled[:SAMPLED], sampled[SAMPLED : 2 * SAMPLED]
        for memory in shelved:
            await shelf.put(memory.actor, memory.snapshot())
        wakes = canonical(Page(memories[-1].sequence, {}))  # as left by whoever had them: nobody wants a Tick
        for partition in range(PARTITIONS):
            await shelf.put(page_name(partition), wakes)
        await on.add_host("host-0")
        return await _first_answers(on, shelved), await _first_answers(on, bare)


def _next_commit(memory: Memory, number: int) -> Entry:
    command = PutResource(f"room-{number % 5}", "Europe/Berlin", "", number + 1)
    decision = CATALOG.decide(memory.state, command, number, CATALOG.policy)
    assert isinstance(decision, Decision)
    decided = Decided(f"past-{number}", "bench", system_clock(), decision.facts, msgspec.Raw(canonical(decision.reply)))
    body = encode(memory.actor, number + 1, memory.head, [decided])
    return Entry(memory.actor, body, ExpectAt(memory.sequence), hash_of(body))


async def _first_answers(on: Stage, memories: list[Memory]) -> tuple[float, float]:
    question = encode_command(ListResources())
    taken = []
    for memory in memories:
        started = time.perf_counter()
        answer = await on.sender.post(memory.actor, question)
        taken.append((time.perf_counter() - started) * 1_000)
        assert isinstance(answer, Accepted), answer
        assert len(answer.reply["resources"]) == len(memory.state.active)
    taken.sort()
    return percentile(taken, 0.5), percentile(taken, 0.99)

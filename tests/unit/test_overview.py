"""What `status` shows follows from beats and the log's end alone."""

from __future__ import annotations

import asyncio

from actors.catalog import PutResource
from actors.runtime.in_process import System, in_memory
from actors.runtime.membership import BEATS, Beat, encode_beat
from events.limits import PARTITIONS
from tidegate.cli.status import as_data
from tidegate.listening import HostsSilent, Listening
from tidegate.overview import Looking


async def listening_to(system: System) -> Listening:
    listening = Listening()
    await listening.start(system.bus)
    await listening.all_here(system.bus, [host.name for host in system.hosts], within_ms=10_000)
    return listening


def beat(name: str, number: int, *, incarnation: str = "a", since: int = 0, leaving: bool = False) -> bytes:
    return encode_beat(Beat(name, incarnation, since, number, [number], 0, leaving, {"commands": number * 100}))


async def test_a_system_that_is_whole_is_healthy() -> None:
    """Every partition has an owner, every host is heard, and the log answers."""
    async with in_memory(hosts=2) as system:
        listening = await listening_to(system)
        for number in range(3):
            await system.sender.send("a.catalog", PutResource(f"r{number}", "UTC"))
        await listening.all_here(system.bus, [host.name for host in system.hosts], within_ms=10_000)
        overview = await Looking(listening, system.log).look()
        assert overview.healthy
        assert sum(row.partitions for row in overview.hosts) == overview.partitions_owned == PARTITIONS
        assert overview.log is not None
        assert overview.log.last == 3
        data = as_data(overview)
        assert data["healthy"]
        assert data["hosts"][0]["since"].endswith("Z")


async def test_a_process_is_shown_where_it_is_known() -> None:
    """Hosts elsewhere have one too, but it means nothing here."""
    async with in_memory(hosts=0) as system:
        listening = Listening()
        await listening.start(system.bus)
        await system.bus.publish(BEATS, beat("here", 1))
        await system.bus.publish(BEATS, beat("there", 1))
        await asyncio.sleep(0)
        overview = await Looking(listening, system.log, lambda: {"here": 42}).look()
        assert {row["host"]: row["pid"] for row in as_data(overview)["hosts"]} == {"here": 42, "there": None}


async def test_rates_are_what_happened_between_two_beats() -> None:
    """A host's own counts and the time between its beats; looking again without a new beat changes nothing."""
    async with in_memory(hosts=0) as system:
        listening = Listening()
        await listening.start(system.bus)
        looking = Looking(listening, system.log)
        await system.bus.publish(BEATS, beat("h", 1))
        await asyncio.sleep(0)
        assert (await looking.look()).hosts[0].rates["commands"] == 0.0
        heard = listening.hosts["h"].at
        await system.bus.publish(BEATS, beat("h", 3))
        await asyncio.sleep(0)
        listening.hosts["h"].at = heard + 0.5
        assert (await looking.look()).hosts[0].rates["commands"] == 400.0


async def test_an_older_incarnation_is_not_listened_to() -> None:
    """A host that was replaced may not know it yet."""
    async with in_memory(hosts=0) as system:
        listening = Listening()
        await listening.start(system.bus)
        await system.bus.publish(BEATS, beat("h", 1, incarnation="new", since=2))
        await system.bus.publish(BEATS, beat("h", 9, incarnation="old", since=1))
        await system.bus.publish(BEATS, beat("h", 9, incarnation="old", since=1, leaving=True))
        await asyncio.sleep(0)
        assert listening.hosts["h"].beat.incarnation == "new"


async def test_who_left_in_order_is_gone_and_who_fell_silent_is_shown_so() -> None:
    """The one was meant, the other is what to look at."""
    async with in_memory(hosts=1) as system:
        listening = await listening_to(system)
        await system.bus.publish(BEATS, beat("left", 1))
        await system.bus.publish(BEATS, beat("left", 2, leaving=True))
        await system.bus.publish(BEATS, beat("silent", 1))
        await asyncio.sleep(0)
        listening.hosts["silent"].at -= 5
        overview = await Looking(listening, system.log).look()
        assert {row.host: row.heard for row in overview.hosts} == {system.hosts[0].name: True, "silent": False}
        assert not overview.healthy


async def test_hosts_that_do_not_come_are_named() -> None:
    """Waiting is bounded, and its error says for whom."""
    async with in_memory(hosts=1) as system:
        listening = await listening_to(system)
        try:
            await listening.all_here(system.bus, ["ghost"], within_ms=50)
        except HostsSilent as error:
            assert "ghost" in str(error)  # noqa: PT017  # `raises` would do no better
        else:
            raise AssertionError("a ghost was heard")

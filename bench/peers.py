"""The same work with the library `eventsourcing`: aggregates with a put-resource event, saved before the call returns.

As its documentation has it: an application, an aggregate cache, and its SQLite and PostgreSQL record modules, both
left at their durable settings (SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with `synchronous_commit=on`).
It is a synchronous library, so it is driven by threads, at the number that suited it best here.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from rich.console import Console

from bench import postgres
from bench.report import Row

THREADS = 16
COMMANDS = 3_000


class PeerCatalog(Aggregate):
    """What our catalog is: resources by id."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.resources: dict[str, tuple[str, int]] = {}

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(NAMESPACE_URL, name)

    @event("ResourcePut")
    def put_resource(self, id: str, time_zone: str, capacity: int) -> None:
        self.resources[id] = (time_zone, capacity)


class Catalogs(Application[UUID]):
    def put(self, name: str, id: str, capacity: int) -> None:
        """One command; tried again when another thread's came first."""
        while True:
            try:
                catalog: PeerCatalog = self.repository.get(PeerCatalog.create_id(name))
            except AggregateNotFoundError:
                catalog = PeerCatalog(name)
            catalog.put_resource(id, "Europe/Berlin", capacity)
            try:
                self.save(catalog)
            except IntegrityError:
                continue
            return


async def rows(runs: int, console: Console) -> list[Row]:
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        sqlite = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": f"{folder}/peer.db",
            "AGGREGATE_CACHE_MAXSIZE": "2000",
        }
        console.print("  eventsourcing on SQLite", style="dim")
        found += await asyncio.to_thread(_measure, "SQLite", sqlite, runs, 1)
        program = postgres.programs()
        if program is None:
            console.print(
                "  eventsourcing on PostgreSQL: SKIPPED, there is no PostgreSQL server on this machine",
                style="bold yellow",
            )
            return found
        console.print("  eventsourcing on PostgreSQL", style="dim")
        with postgres.server(program) as port:
            settings = {
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": "postgres",
                "POSTGRES_HOST": "127.0.0.1",
                "POSTGRES_PORT": str(port),
                "POSTGRES_USER": "peer",
                "POSTGRES_PASSWORD": "peer",
                "POSTGRES_POOL_SIZE": str(THREADS),
                "POSTGRES_MAX_OVERFLOW": str(THREADS),
                "AGGREGATE_CACHE_MAXSIZE": "2000",
            }
            found += await asyncio.to_thread(_measure, "PostgreSQL", settings, runs, THREADS)
    return found


def _measure(store: str, settings: dict[str, str], runs: int, threads: int) -> list[Row]:
    with_threads = f"{threads} threads" if threads > 1 else "1 thread"
    hot = Row(f"eventsourcing on {store}: one hot aggregate", "commands/s", beside="1 thread")
    quiet = Row(f"eventsourcing on {store}: 500 quiet aggregates", "commands/s", beside=with_threads)
    application = Catalogs(env=settings)
    try:
        for run in range(runs):

            def one(index: int, run: int = run) -> None:
                application.put(f"hot-{run}", f"room-{index % 100}", index)

            def many(index: int, run: int = run) -> None:
                application.put(f"quiet-{run}-{index % 500}", f"room-{index % 100}", index)

            hot.values.append(_rate(1, COMMANDS // 2, one))
            quiet.values.append(_rate(threads, COMMANDS, many))
    finally:
        application.close()
    return [hot, quiet]


def _rate(threads: int, total: int, put: Callable[[int], None]) -> float:
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(put, range(total)):
            pass
        return total / (time.perf_counter() - started)

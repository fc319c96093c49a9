"""A Redis of our own that writes every command to disk before it answers (`appendfsync always`), for as long as a block
lasts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from events.nats.server import free_port


def program() -> Path | None:
    found = shutil.which("redis-server")
    return None if found is None else Path(found)


@contextmanager
def server(of: Path) -> Iterator[int]:
    """The port at which it answers."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-redis-") as folder:
        port = free_port()
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        running = subprocess.Popen([of, *settings, *durable], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            client = redis.Redis(host="127.0.0.1", port=port)
            deadline = time.monotonic() + 20
            while not _answers(client):
                assert time.monotonic() < deadline and running.poll() is None, "Redis did not start"
                time.sleep(0.05)
            client.close()
            yield port
        finally:
            running.terminate()
            running.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False

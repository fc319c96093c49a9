"""A PostgreSQL of our own, with its default, durable settings; for as long as a block lasts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from events.nats.server import free_port


def programs() -> Path | None:
    """Where `initdb` and `postgres` are, if they are anywhere."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


@contextmanager
def server(folder_of: Path) -> Iterator[int]:
    """The port at which it answers the user `peer`. It refuses to run as root, so root lends it another user."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-pg-") as folder:
        data = Path(folder) / "data"
        if user is not None:
            shutil.chown(folder, user)
        port = free_port()
        subprocess.run(
            [folder_of / "initdb", "-D", data, "-A", "trust", "-U", "peer"], check=True, capture_output=True, user=user
        )
        running = subprocess.Popen(
            [folder_of / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while subprocess.run(
                [folder_of / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True, check=False
            ).returncode:
                assert time.monotonic() < deadline and running.poll() is None, "PostgreSQL did not start"
                time.sleep(0.05)
            yield port
        finally:
            running.terminate()
            running.wait()

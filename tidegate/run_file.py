"""The run file: `<data_dir>/run.json`, where a running stack says how to reach it.

It is written once the servers answer, before the hosts are started, and removed by a clean stop. Commands in the same
folder find the stack by it. It may hold credentials, so only its owner can read it.

`<data_dir>/identity` stays: it says which log this folder's stack has promised to keep. When the log was created anew
since, the start refuses, because what was acknowledged is gone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from events.clock import Instant
from events.codec import canonical
from events.errors import TidegateError
from events.nats.reach import Reach
from tidegate import parts
from tidegate.config import Settings

IDENTITY: Final = "identity"


class NothingRuns(TidegateError):
    """No stack runs on this data folder, and no servers are named."""

    code = "nothing_runs"
    next_step = "start one with `tidegate up`, or name servers with nats.urls, or another folder with --data-dir"


class NotAllowed(TidegateError):
    """The system does not let us see, or stop, what runs on the data folder: another user started it."""

    code = "not_allowed"
    next_step = "ask as the user who started the stack, or name another folder with --data-dir"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What runs on a data folder. `ray_address` is empty when the hosts don't run under a Ray of this machine."""

    keeper: int
    since: Instant
    runtime: str
    hosts: tuple[str, ...]
    reach: Reach
    ray_address: str = ""
    gateway: str = ""
    """Where it answers over HTTP; empty when it does not."""


def url_of(host: str, port: int) -> str:
    """Of a gateway. Who listens everywhere is found here as well."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # that is what it is compared with
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def path_of(data_dir: Path) -> Path:
    return data_dir / "run.json"


def write(data_dir: Path, run: Run) -> None:
    path = path_of(data_dir)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(canonical(run))
    unfinished.replace(path)


def read(path: Path) -> Run | None:
    """What the file says; None when there is none, or it was never finished. `NotAllowed` when we may not read it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    except OSError as error:
        raise NotAllowed(f"{path}: {error.strerror or error}") from error


def forget(data_dir: Path) -> None:
    path_of(data_dir).unlink(missing_ok=True)


def reach_of(settings: Settings) -> Reach:
    """Where the servers are: those that are named, else those of the stack that runs on the data folder."""
    if settings.nats.urls:
        return external(settings)
    run = read(path_of(settings.data_dir))
    if run is None:
        raise NothingRuns(f"no stack runs on {settings.data_dir}")
    if not parts.is_running(settings.data_dir):
        raise NothingRuns(f"the stack on {settings.data_dir} was killed; `tidegate up` recovers it")
    return run.reach


def external(settings: Settings) -> Reach:
    """The servers that are named in the settings."""
    nats = settings.nats
    return Reach(
        servers=nats.urls,
        monitors=nats.monitor_urls,
        stream=nats.stream,
        replicas=nats.replicas,
        bytes_max=nats.max_bytes or None,
    )


def promised_identity(data_dir: Path) -> str | None:
    """Which log this folder's stack has promised to keep, if it has ever run."""
    try:
        return (data_dir / IDENTITY).read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None


def promise(data_dir: Path, identity: str) -> None:
    (data_dir / IDENTITY).write_text(f"{identity}\n", "utf-8")

"""Is it true here that what is acknowledged is on disk? Asked at every start; the start refuses when it is not.

- The version: 2.12.14 and 2.14.4 mended a bug by which an atomic batch was checked against another actor's expectation.
- `sync_interval: always`: by default a server acknowledges first and calls fsync within two minutes, and a power cut in
  between takes acknowledged commits with it.
- The stream's settings: nothing may delete, expire or overwrite what it holds.

What cannot be learnt counts as unsafe.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import structlog

from events import limits, names
from events.errors import UnsafeLog
from events.nats.monitor import ServerReport, reports
from events.nats.wire import StreamConfig

_log = structlog.get_logger(__name__)

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")

REQUIRED: Final[dict[str, Any]] = {
    "subjects": (names.LOG_SUBJECTS,),
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "persist_mode": "default",
    "max_msgs": -1,
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "max_msg_size": -1,
    "deny_delete": True,
    "deny_purge": True,
    "allow_rollup_hdrs": False,
    "allow_msg_ttl": False,
    "allow_direct": True,
    "allow_atomic": True,
    "sealed": False,
    "no_ack": False,
    "mirror": None,
    "sources": (),
    "subject_transform": None,
}


def check_stream(config: StreamConfig, replicas: int) -> None:
    """`UnsafeLog` naming the first setting of the stream that breaks a promise."""
    for setting, required in REQUIRED.items():
        actual = getattr(config, setting)
        if actual != required:
            raise UnsafeLog(f"stream {config.name}: {setting} is {_said(actual)}, must be {_said(required)}")
    if config.num_replicas < replicas:
        raise UnsafeLog(f"stream {config.name}: num_replicas is {config.num_replicas}, must be at least {replicas}")


def check_version(version: str) -> None:
    match = _VERSION.match(version)
    found = tuple(map(int, match.groups())) if match else (0, 0, 0)
    if not ((2, 12, 14) <= found < (2, 13, 0) or found >= (2, 14, 4)):
        raise UnsafeLog(f"nats-server is version {version}, must be 2.14.4 or later, or 2.12.14 or later of 2.12")


def check_payload(bytes_max: int) -> None:
    needed = limits.SERVER_PAYLOAD_BYTES_MAX
    if bytes_max < needed:
        raise UnsafeLog(f"nats-server: max_payload is {bytes_max}, must be at least {needed}")


def check_report(report: ServerReport) -> None:
    check_version(report.version)
    if not report.fsyncs_first:
        raise UnsafeLog(f"nats-server {report.server_name}: jetstream sync_interval must be `always`")


async def check_servers(monitors: Sequence[str], holders: Collection[str]) -> None:
    """`UnsafeLog` unless every server that holds the stream (`holders`, by name) is heard of and safe.

    A minority whose monitors are known but do not answer is let pass, with a warning: those servers are down, and a
    cluster goes on without them. Whoever writes asks again from time to time (`recheck_servers`).
    """
    found, failed = await reports(monitors)
    for report in found:
        check_report(report)
    unheard = sorted(set(holders) - {report.server_name for report in found})
    if found and unheard and len(unheard) <= len(failed) and 2 * len(unheard) < len(set(holders)):
        _log.warning("servers_not_asked", servers=unheard, failed=failed)
    elif unheard or not found:
        why = f" ({'; '.join(failed)})" if failed else ""
        raise UnsafeLog(
            f"cannot learn sync_interval of {', '.join(unheard) or 'the server'}{why}: give its monitoring URL, "
            "nats.monitor_urls (`http: 127.0.0.1:8222` in the server's configuration opens one), or that of a user of "
            "the system account"
        )


async def recheck_servers(monitors: Sequence[str]) -> None:
    """After a reconnect: `UnsafeLog` if a server that can be heard has become unsafe. One that is still down is not
    asked for, so that a cluster can be restarted one by one."""
    found, _ = await reports(monitors)
    for report in found:
        check_report(report)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return "absent" if value is None else str(value)

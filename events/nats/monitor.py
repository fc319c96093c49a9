"""What the servers say about themselves: version, fsync, health.

An ordinary client may not ask for this: `sync_interval` is in no answer that it can get. Two others can, and either
is a *monitor* here, given by its URL. The monitoring port of a server (`http://host:8222`) speaks for that server
alone, so a cluster needs one for each. A user of the system account (`nats://user:password@host:4222`) reaches all
servers at once.
"""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from events.errors import LogUnavailable
from events.nats.connection import connect, without_password

MONITOR_TIMEOUT_MS: Final = 3_000
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The servers are ours: what proxy the environment names for the world outside is no way to them."""
_QUIET_MS: Final = 300
"""The system account answers once per server, and does not say when all have: this long without another."""


class JetStreamSettings(msgspec.Struct, frozen=True):
    sync_always: bool = False


class JetStreamReport(msgspec.Struct, frozen=True):
    config: JetStreamSettings | None = None


class ServerReport(msgspec.Struct, frozen=True):
    """One server's own words. `sync_always` is there from the first version that the log accepts."""

    server_name: str
    version: str
    jetstream: JetStreamReport = JetStreamReport()

    @property
    def fsyncs_first(self) -> bool:
        return self.jetstream.config is not None and self.jetstream.config.sync_always


class _SystemAnswer(msgspec.Struct, frozen=True):
    data: ServerReport


class Complaint(msgspec.Struct, frozen=True):
    """Something that a server finds wrong with itself; `stream` says with which stream, if it is one."""

    error: str
    stream: str = ""


class _Health(msgspec.Struct, frozen=True):
    status: str
    errors: tuple[Complaint, ...] = ()


async def reports(monitors: Sequence[str]) -> tuple[list[ServerReport], list[str]]:
    """What every monitor that can be reached says, and why the others cannot."""
    found: list[ServerReport] = []
    failed: list[str] = []

    async def one(url: str) -> list[ServerReport] | str:
        try:
            return await (_over_http(url) if url.startswith("http") else _over_system_account(url))
        except (OSError, http.client.HTTPException, msgspec.MsgspecError, LogUnavailable) as error:
            return f"{without_password(url)}: {error}"

    for said in await asyncio.gather(*map(one, monitors)):
        if isinstance(said, str):
            failed.append(said)
        else:
            found += said
    return found, failed


async def complaints(monitor: str) -> list[Complaint]:
    """What the server behind a monitoring port finds wrong with its JetStream. `OSError` when it does not answer."""
    try:
        answer = await asyncio.to_thread(_get, f"{monitor.rstrip('/')}/healthz?details=true")
        health = msgspec.json.decode(answer, type=_Health)
    except (http.client.HTTPException, msgspec.MsgspecError) as error:
        raise OSError(f"{monitor} does not answer as a monitoring port does: {error!r}") from error
    if health.status == "ok":
        return []
    return list(health.errors) or [Complaint(health.status)]


async def write_error(monitors: Sequence[str], stream: str) -> str | None:
    """Why nothing can be written to the stream, by the word of a monitoring port; empty if none says so, and None when
    none of them answers. A server does not say this to who writes, and does not try again until it is restarted.

    A system account cannot be asked this: where there are no monitoring ports, nobody says so.
    """
    asked = [url for url in monitors if url.startswith("http")]
    answered = not asked
    for url in asked:
        try:
            found = await complaints(url)
        except OSError:
            continue
        answered = True
        for one in found:
            if one.stream == stream and "write error" in one.error:
                return one.error
    return "" if answered else None


async def _over_http(url: str) -> list[ServerReport]:
    return [msgspec.json.decode(await asyncio.to_thread(_get, f"{url.rstrip('/')}/varz"), type=ServerReport)]


def _get(url: str) -> bytes:
    try:
        with _DIRECT.open(url, timeout=MONITOR_TIMEOUT_MS / 1000) as answer:
            body: bytes = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
        error.close()
    return body


async def _over_system_account(url: str) -> list[ServerReport]:
    connection = await connect(url, name="tidegate-monitor", within_ms=MONITOR_TIMEOUT_MS)
    try:
        return await _ask_all(connection.client)
    finally:
        await connection.close()


async def _ask_all(client: Client) -> list[ServerReport]:
    inbox = client.new_inbox()
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def keep(message: Msg) -> None:
        await answers.put(message.data)

    await client.subscribe(inbox, cb=keep)
    await client.publish("$SYS.REQ.SERVER.PING.VARZ", b"", inbox)
    found: list[ServerReport] = []
    wait_ms = MONITOR_TIMEOUT_MS
    while True:
        try:
            async with asyncio.timeout(wait_ms / 1000):
                body = await answers.get()
        except TimeoutError:
            return found
        if not body:
            raise LogUnavailable("not a user of the system account")
        found.append(msgspec.json.decode(body, type=_SystemAnswer).data)
        wait_ms = _QUIET_MS

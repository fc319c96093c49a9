"""Serving: one gateway process, from reaching the log to leaving in order.

It only asks, so it needs no more of the log than to read it; any number of them may stand before one log. A log that
cannot be reached at the start is waited for, and nobody is let in before; one that is lost later makes requests
*busy*.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec
import structlog

from events.clock import Clock, system_clock
from events.errors import LogHalted, LogUnavailable, UnsafeLog
from events.nats.ground import Ground, reached
from events.nats.reach import Reach
from gateway.aside import Aside
from gateway.edge import Edge
from gateway.http import port
from gateway.http.access_log import Lines
from gateway.http.app import application
from gateway.http.front import Front
from gateway.http.methods import Methods
from gateway.http.prompt import Prompt
from gateway.http.ready import Ready
from gateway.identity.bearer import Bearers
from gateway.identity.fetching import fetching
from gateway.identity.issuers import Issuers
from gateway.identity.register import AccessRegister
from gateway.keys import BadKeyFolder, Keys
from gateway.limiting.addresses import Addresses
from gateway.limiting.crowd import Crowd
from gateway.limiting.guard import Guard
from gateway.limiting.limits import Proxies, RateLimits
from gateway.limiting.rates import Rates
from gateway.mail.carrying import ByScheme, Mail
from gateway.mail.submitting import MailServer, Submitting
from gateway.measuring.counts import StreamsNow, WebhookCounts
from gateway.secret import Secret
from gateway.streams import staying
from gateway.streams.entrance import Entrance
from gateway.streams.socket import sockets
from gateway.watched import WatchSettings, taken_beside, watched
from gateway.webhooks.courier import Courier
from gateway.webhooks.delivering import CourierSettings
from gateway.webhooks.sending import posting
from projections.folding import epoch_of

log = structlog.get_logger(__name__)

REACH_AGAIN_MS: Final = 500
REACH_AGAIN_MS_MAX: Final = 4_000
"""Twice as long each time that the log is out of reach, up to this."""
REREAD_KEYS_S: Final = 60.0
COURIER_LEAVES_WITHIN_S: Final = 9.0
COURIER_AGAIN_MS: Final = 10_000


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Letters to bookers: whom they are handed to, whom they are from, and where people see their bookings."""

    server: MailServer
    sender: str
    base_url: str = ""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`keys` is the folder of the signing keys and the secret, which all gateways of an installation share. `origins`
    are the sites whose pages may call. What is `shared` is a port that other processes listen at too. From each address
    there may be `connections` at a time, and requests at these `rates`, where `proxies` are believed as to who asks."""

    host: str = "127.0.0.1"
    port: int = 0
    keys: Path
    origins: tuple[str, ...] = ()
    shared: bool = False
    rates: RateLimits = RateLimits()
    connections: int = 1_000
    proxies: Proxies = Proxies()
    watch: WatchSettings = WatchSettings()
    courier: bool = True
    """Whether webhooks are delivered from here too. Of all who would, one at a time does."""
    private_webhooks: bool = False
    mail: MailSettings | None = None


async def serve(
    reach: Reach,
    settings: GatewaySettings,
    until: asyncio.Event,
    *,
    name: str = "gateway",
    clock: Clock = system_clock,
    started: Callable[[str, int], None] | None = None,
    lines: Lines | None = None,
) -> None:
    """Run a gateway until `until` is set. `started` is told where it listens, once it answers; `lines` takes the access
    log."""
    taken = port.taken(settings.host, settings.port, shared=settings.shared)
    aside = taken_beside(settings.host, settings.watch)
    again_ms = REACH_AGAIN_MS
    try:
        while not until.is_set():
            try:
                async with reached(reach, name=name) as ground:
                    again_ms = REACH_AGAIN_MS
                    await _serve(ground, settings, taken, aside, until, clock, started, lines)
            except (LogUnavailable, UnsafeLog) as error:
                log.warning("log_out_of_reach", gateway=name, code=error.code, detail=str(error))
                await _either(until, again_ms)
                again_ms = min(again_ms * 2, REACH_AGAIN_MS_MAX)
    finally:
        taken.close()
        if aside is not None:
            aside.close()


async def _serve(
    ground: Ground,
    settings: GatewaySettings,
    taken: socket.socket,
    taken_aside: socket.socket | None,
    until: asyncio.Event,
    clock: Clock,
    started: Callable[[str, int], None] | None,
    lines: Lines | None,
) -> None:
    events = await ground.log()
    keys, secret = Keys.open(settings.keys), Secret.open(settings.keys)
    async with AsyncExitStack() as stops:
        epoch, watch = epoch_of(events.identity), settings.watch
        watching = await stops.enter_async_context(
            watched(ground.bus, events, epoch, clock, watch, lines=lines, shared=settings.shared, taken=taken_aside)
        )
        sender = watching.sender
        edge = Edge(ground.bus, sender, events, epoch, keys, secret, clock)
        fetch = await stops.enter_async_context(fetching())
        register = AccessRegister(ground.bus, clock, Issuers(clock, fetch))
        for subscription in (
            await edge.catalogs.start(ground.bus),
            await edge.keys_seen.start(),
            await register.start(),
        ):
            stops.push_async_callback(subscription.stop)
        await edge.hub.start()
        stops.push_async_callback(edge.hub.stop)
        ground.connection.back.append(edge.hub.doubt)
        ending = asyncio.Event()
        aside = Aside(ending)
        stops.push_async_callback(aside.stop)
        for work in (_reread(keys), edge.hub.run(), edge.living.run(), watching.leave(until, ending)):
            aside.run(work)
        if settings.courier:
            stopping = asyncio.Event()
            delivering = asyncio.ensure_future(_deliver(edge, settings, watching.metrics.webhooks, stopping))
            stops.push_async_callback(asyncio.wait, (delivering,), timeout=COURIER_LEAVES_WITHIN_S)
            stops.callback(stopping.set)
        addresses = Addresses(settings.proxies)
        bearers = Bearers(edge.sessions, register, clock)
        front = Front(edge, bearers, settings.origins, Rates(settings.rates), addresses)
        entrance = Entrance(front)
        aside.run(staying.watch(lambda: entrance.clients, lambda: front.events))
        edge.hub.counts = watching.metrics.streams
        watching.metrics.streams.now = lambda: StreamsNow(
            entrance.sockets, len(front.events), edge.hub.subscriptions, edge.hub.topics, entrance.unsent_bytes
        )
        taken.listen(port.BACKLOG)
        if started is not None:
            started(*taken.getsockname()[:2])
        app = application(front, settings.origins, watching.operating)
        guarded = watching.over(Guard(Ready(Prompt(Methods(app), front)), front.rates, addresses, settings.origins))
        crowd = Crowd(settings.connections, addresses)
        await port.serve(guarded, taken, sockets(entrance), ending, front.leave, crowd)
        aside.failed()


async def _deliver(edge: Edge, settings: GatewaySettings, counts: WebhookCounts, until: asyncio.Event) -> None:
    """What goes wrong here by a bug is told and tried again: those who book are not to suffer from it."""
    while not until.is_set():
        try:
            await _courier(edge, settings, counts, until)
        except LogHalted as error:  # whoever would go on would guess; the rest only asks
            log.error("courier_halted", code=error.code, detail=str(error))  # noqa: TRY400  # no bug of ours
            return
        except Exception:
            log.exception("courier_failed", again_in_s=COURIER_AGAIN_MS // 1000)
            await _either(until, COURIER_AGAIN_MS)


async def _courier(edge: Edge, settings: GatewaySettings, counts: WebhookCounts, until: asyncio.Event) -> None:
    about = CourierSettings(name=f"courier-{token_hex(8)}")
    private = settings.private_webhooks
    async with posting(allow_http=private, allow_private=private) as http:
        sending = ByScheme(http, None if settings.mail is None else _mail(edge, settings.mail))
        courier = Courier(edge.events, edge.sender, edge.clock, edge.secret, about, sending, counts=counts)
        await courier.run(until)


def _mail(edge: Edge, settings: MailSettings) -> Mail:
    return Mail(edge.bus, edge.clock, Submitting(settings.server, settings.sender), settings.base_url)


async def _reread(keys: Keys) -> None:
    """What other processes do to the folder of keys, and what is done by hand."""
    while True:
        await asyncio.sleep(REREAD_KEYS_S)
        try:
            keys.reread()
        except BadKeyFolder as error:  # what was read before is good, and somebody may mend the folder
            log.error("keys_not_reread", code=error.code, detail=str(error))  # noqa: TRY400  # no bug of ours


async def _either(until: asyncio.Event, timeout_ms: int) -> None:
    """Wait until the event is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await until.wait()
    except TimeoutError:
        return

"""`tidegate gateway`: HTTP and streams, in this process or in several that share a port."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate import run_file
from tidegate.cli.shared import Invocation, SettingFlag
from tidegate.config import MailSettings

if TYPE_CHECKING:
    from gateway.serving import MailSettings as Mail

GATEWAY_SETTINGS = (
    SettingFlag(
        "host", "gateway.host", Annotated[str | None, typer.Option(metavar="ADDRESS", help="The setting gateway.host.")]
    ),
    SettingFlag(
        "port", "gateway.port", Annotated[str | None, typer.Option(metavar="PORT", help="The setting gateway.port.")]
    ),
    SettingFlag(
        "workers",
        "gateway.workers",
        Annotated[str | None, typer.Option(metavar="N", help="The setting gateway.workers.")],
    ),
)


async def gateway(
    call: Invocation,
    run_file_path: Annotated[
        Path | None, typer.Option("--run-file", help="Where the servers are, as a stack wrote it.", hidden=True)
    ] = None,
    sharing: Annotated[
        int, typer.Option("--sharing", metavar="N", help="So many listen at that port, with this one.", hidden=True)
    ] = 1,
) -> None:
    """Answer over HTTP, WebSockets and server-sent events, until Ctrl-C.

    For example: tidegate gateway --host 0.0.0.0 --port 8080 --workers 4

    It stands on the servers of the running stack or of nats.urls, and needs nothing else there: any number may run, on
    any machine. They share the folder of signing keys (gateway.keys_dir). Each counts for itself how often somebody
    asks; the workers of one port have equal shares of every rate.
    """
    from actors.runtime.serving import calm_collector
    from gateway.limiting.limits import Proxies, RateLimits
    from gateway.serving import GatewaySettings, serve
    from gateway.watched import WatchSettings
    from tidegate.logs import access_lines
    from tidegate.workers import share

    settings = call.settings.gateway
    until = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    run = run_file.read(run_file_path) if run_file_path is not None else None

    def started(host: str, port: int) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if call.json:
            call.answer({"event": "listening", "url": url})
        else:
            call.out.print(f"listening at {url}; Ctrl-C stops it")

    if settings.workers > 1:
        await share(call.loaded, until, started)
        return
    calm_collector()
    reach = run.reach if run is not None else run_file.reach_of(call.settings)
    about = GatewaySettings(
        host=settings.host,
        port=settings.port,
        keys=call.settings.keys_dir,
        origins=settings.origins,
        shared=sharing > 1,
        rates=RateLimits(factor=settings.rate_factor, sharing=sharing),
        connections=-(-settings.connections_per_address // sharing),
        courier=settings.courier,
        private_webhooks=settings.private_webhooks,
        mail=_mail(call.settings.mail),
        proxies=Proxies(settings.trusted_proxies, settings.forwarded_header),
        watch=WatchSettings(
            metrics=settings.metrics,
            metrics_port=settings.metrics_port,
            access_log=settings.access_log,
            addresses=settings.log_addresses,
            otel_endpoint=settings.otel_endpoint,
            drain_s=settings.drain_s,
        ),
    )
    await serve(reach, about, until, started=started, lines=access_lines(call.settings.log))


def _mail(settings: MailSettings) -> Mail | None:
    """Letters, if they are to be written."""
    from gateway.mail.submitting import MailServer
    from gateway.serving import MailSettings as Mail

    if not settings.host:
        return None
    password = Path(settings.password_file).expanduser() if settings.password_file else None
    server = MailServer(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        username=settings.username,
        password_file=password,
    )
    return Mail(server=server, sender=settings.sender, base_url=settings.base_url)

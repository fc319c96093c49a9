"""`/livez`, `/readyz` and `/metrics`: for what keeps this process running, sends people here, and watches it.

`/livez` says that the process turns, and nothing else: whoever starts a process again because the log is away makes it
worse. It names its log, as positions do, so that whoever started it knows it from another's. `/readyz` says whether
somebody should be sent here now. Both are for everybody, and tell nothing else. What exactly is wrong, and all numbers,
are told to those who may see the metrics: by default only to programs on this machine, which ask by themselves. A
request that came through a proxy is not one of these, wherever the proxy stands.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final, Literal, TypeAlias

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec

from gateway.measuring.around import Around, Standing
from gateway.measuring.metrics import CONTENT_TYPE, Metrics
from gateway.problems import Problem

Visibility: TypeAlias = Literal["local", "open", "off"]

LIVES: Final = "it runs\n"
LOG_HEADER: Final = "Tidegate-Log"
ALONE: Final = "alone"
"""In the state of an application that has a port of its own."""
PLAIN: Final = "text/plain"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """`leaving`: it is about to stop. Without `standing`, whoever asks may not see what is wrong."""

    ready: bool
    leaving: bool = False
    standing: Standing | None = None


class Operating:
    """`log` is the short name of what it answers from. `shared` is a port that other processes listen at too: nobody
    can say which of them is asked there."""

    def __init__(
        self, metrics: Metrics, around: Around, log: str, visibility: Visibility = "local", *, shared: bool = False
    ) -> None:
        self.log: Final = log
        self.metrics: Final = metrics
        self.visibility: Final = visibility
        self.shared: Final = shared
        self.leaving = False
        """From here on nobody is to be sent here."""
        self._around: Final = around

    async def ready(self) -> tuple[bool, Standing]:
        standing = await self._around.standing()
        return standing.ready and not self.leaving, standing

    def shows(self, request: AnyRequest) -> bool:
        """Whether whoever asks may see it all."""
        return self.visibility == "open" or (self.visibility == "local" and _is_local(request))


AnyRequest: TypeAlias = Request[Any, Any, Any]


def _is_local(request: AnyRequest) -> bool:
    client = request.scope["client"]
    if client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


@get(
    "/livez", opt={"public": True}, tags=["Operations"], summary="Does it run?", media_type=PLAIN,
    response_headers=[ResponseHeader(LOG_HEADER, value="", description="Of the log.", documentation_only=True)],
)  # fmt: skip
async def livez(request: AnyRequest) -> Response[str]:
    """200, for as long as the process gets round to saying so; `Tidegate-Log` is the short name of the log that it
    answers from, which positions begin with."""
    operating: Operating = request.app.state.operating
    return Response(LIVES, media_type=PLAIN, headers={"Cache-Control": "no-store", LOG_HEADER: operating.log})


@get(
    "/readyz", opt={"public": True}, tags=["Operations"], summary="Should anybody be sent here?",
    responses={503: ResponseSpec(Ready, description="Not now.")},
)  # fmt: skip
async def readyz(request: AnyRequest) -> Response[Ready]:
    """200 when the log answers, hosts are heard for all partitions, and the read models as well; 503 otherwise, and as
    soon as it is about to stop."""
    operating: Operating = request.app.state.operating
    ready, standing = await operating.ready()
    said = Ready(ready, operating.leaving, standing if operating.shows(request) else None)
    return Response(said, status_code=200 if ready else 503, headers={"Cache-Control": "no-store"})


@get("/metrics", opt={"public": True}, tags=["Operations"], summary="In numbers", media_type=PLAIN)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """As Prometheus reads it. For programs on the same machine, unless that was set otherwise."""
    operating: Operating = request.app.state.operating
    if operating.visibility == "off":
        raise Problem("unknown_path", "there are no metrics here")
    if not operating.shows(request):
        raise Problem("not_permitted", "metrics are for programs on this machine (gateway.metrics)")
    if operating.shared and not request.app.state.get(ALONE):
        raise Problem(
            "ask_each_worker", "several processes share this port: each has metrics of its own (gateway.metrics_port)"
        )
    body = await operating.metrics.written()
    return Response(body, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


ROUTES: Final = (livez, readyz, metrics)

"""`/v1/{org}/events`: topics as server-sent events. Sockets, `/v1/{org}/stream`, are no business of the framework."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from gateway.http.front import AnyRequest, Front, Org, called, needs
from gateway.problems import Problem
from gateway.streams.events import Events, wanted
from gateway.streams.staying import shown


@get(
    "/v1/{org:str}/events",
    opt=needs("streams.read"), tags=["Streams"], summary="Follow topics", media_type="text/event-stream",
)  # fmt: skip
async def follow(
    request: AnyRequest,
    org: Org,
    topic: Annotated[
        list[str], QueryParameter(max_items=64, description="day/studio-north/2026-12-07, room/launch, …")
    ],
    last_id: Annotated[str, HeaderParameter(name="Last-Event-ID", max_length=400, required=False)] = "",
) -> Stream:
    """Each topic begins with one of `snapshot`, `resumed` and `reset`; then come `delta`s. Sent back as
    `Last-Event-ID`, which browsers do by themselves, the id of the last event goes on from there."""
    call = called(request)
    front: Front = request.app.state.front
    topics = wanted(call, topic)
    still = shown(front.caller, org, request.headers)
    address = front.rates.counted(call.caller, "" if request.client is None else request.client.host)

    async def run() -> AsyncGenerator[bytes, None]:
        events = Events(front.edge, topics, still)
        try:
            await events.start(call.caller, last_id, address)
            front.events.add(events)
            yield b""
            async for said in events.run():
                yield said
        finally:
            front.events.discard(events)
            events.stop()

    async def end() -> None:
        """Whoever has gone may not have read any of it."""
        await stream.aclose()

    stream = run()
    await anext(stream)  # what cannot begin is told as a problem
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(stream, media_type="text/event-stream", headers=headers, background=BackgroundTask(end))


@get(
    "/v1/{org:str}/stream",
    opt=needs("streams.read"), tags=["Streams"], summary="Follow topics, and ask, by a WebSocket", status_code=426,
)  # fmt: skip
async def socket(request: AnyRequest, org: Org) -> None:
    """With `Upgrade: websocket` and the sub-protocol `tidegate.v1`; what is said there stands in `/docs/streams`.
    Whoever does not ask for a socket is told 426. For one who does, only the headers that say who asks are heeded: the
    others are for requests, and what is asked over a socket says such things itself. Its handshake has no id."""
    called(request)
    said = "this is a WebSocket: connect with `Upgrade: websocket`"
    raise Problem("upgrade_required", said, headers={"Upgrade": "websocket"})


ROUTES = (follow, socket)

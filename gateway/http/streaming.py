"""`/v1/{org}/events`: topics as server-sent events. Sockets, `/v1/{org}/stream`, are no business of the framework."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from gateway.http.front import AnyRequest, Front, Org, called, needs
from gateway.streams.events import Events, wanted


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
    call = await called(request, org)
    front: Front = request.app.state.front
    events = Events(front.edge.hub, wanted(call, topic))
    await events.start(org, last_id)
    front.events.add(events)

    async def run() -> AsyncIterator[bytes]:
        try:
            async for said in events.run():
                yield said
        finally:
            front.events.discard(events)
            events.stop()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(run(), media_type="text/event-stream", headers=headers)


ROUTES = (follow,)

"""`/v1/{org}/webhooks`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar import Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from gateway.http.front import AnyRequest, Org, answered, called, needs, told_once
from gateway.operations import webhooks
from gateway.operations.webhooks import (
    DeadLetters,
    Deliveries,
    Disabling,
    Enabling,
    Replayed,
    ReplayWanted,
    SecretRotation,
    SecretTold,
    Switched,
    Tried,
    WebhookGone,
    WebhookPut,
    WebhookShown,
    WebhookWanted,
)

Endpoint: TypeAlias = Annotated[
    str, PathParameter(description="What it is called here.", max_length=64, schema_extra={"examples": ["shop"]})
]
_PATH = "/v1/{org:str}/webhooks"


@get(_PATH, opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Webhooks")
async def listed(request: AnyRequest, org: Org) -> Response[tuple[WebhookShown, ...]]:
    """By their ids."""
    call = called(request)
    return answered(call, await webhooks.listed(call))


@get(_PATH + "/{id:str}", opt=needs("webhooks.manage"), tags=["Webhooks"], summary="A webhook")
async def show(request: AnyRequest, org: Org, id: Endpoint) -> Response[WebhookShown]:
    """Where it goes, and what is sent there."""
    call = called(request)
    return answered(call, await webhooks.show(call, id))


@put(
    _PATH + "/{id:str}",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Put a webhook",
    responses={201: ResponseSpec(WebhookPut, generate_examples=False, description="It is new.")},
)  # fmt: skip
async def put_endpoint(
    request: AnyRequest, org: Org, id: Endpoint, data: JSONBody[WebhookWanted]
) -> Response[WebhookPut]:
    """All that is said of it; what is left out has its default. A new one is told what happens from here on, and its
    secret is shown this once."""
    call = called(request)
    done = await webhooks.put(call, id, data)
    return told_once(answered(call, done, 200 if done.secret is None else 201))


@delete(
    _PATH + "/{id:str}", opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Remove a webhook", status_code=200
)
async def remove(request: AnyRequest, org: Org, id: Endpoint) -> Response[WebhookGone]:
    """What was late is not delivered any more."""
    call = called(request)
    return answered(call, await webhooks.remove(call, id))


@post(
    _PATH + "/{id:str}/rotate",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Give a webhook another secret", status_code=200,
)  # fmt: skip
async def rotate(
    request: AnyRequest, org: Org, id: Endpoint, data: JSONBody[SecretRotation | None] = None
) -> Response[SecretTold]:
    """Every delivery carries a signature by each of its secrets that is good: whoever receives has time to change. The
    overlap bounds every secret before the new one: rotating again with a shorter one ends them earlier than the
    `old_until` that was told before, and never later."""
    call = called(request)
    return told_once(answered(call, await webhooks.rotate(call, id, data or SecretRotation())))


@post(
    _PATH + "/{id:str}/enable",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Go on with a webhook", status_code=200,
)  # fmt: skip
async def enable(
    request: AnyRequest, org: Org, id: Endpoint, data: JSONBody[Enabling | None] = None
) -> Response[Switched]:
    """Where it stood: what happened meanwhile is sent first, unless it is to begin `afresh`."""
    call = called(request)
    return answered(call, await webhooks.enable(call, id, data or Enabling()))


@post(
    _PATH + "/{id:str}/disable",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Stop a webhook for now", status_code=200,
)  # fmt: skip
async def disable(
    request: AnyRequest, org: Org, id: Endpoint, data: JSONBody[Disabling | None] = None
) -> Response[Switched]:
    """What happens waits in the log."""
    call = called(request)
    return answered(call, await webhooks.disable(call, id, data or Disabling()))


@post(
    _PATH + "/{id:str}/test",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Try a webhook", status_code=200,
)  # fmt: skip
async def test(request: AnyRequest, org: Org, id: Endpoint) -> Response[Tried]:
    """Something is sent that did not happen, `webhook.test`; what comes of it stands among the deliveries."""
    call = called(request)
    return answered(call, await webhooks.test(call, id))


@get(_PATH + "/{id:str}/deliveries", opt=needs("webhooks.manage"), tags=["Webhooks"], summary="How a webhook goes")
async def deliveries(request: AnyRequest, org: Org, id: Endpoint) -> Response[Deliveries]:
    """The last attempts, and what is late."""
    call = called(request)
    return answered(call, await webhooks.deliveries(call, id))


@get(_PATH + "/{id:str}/dead", opt=needs("webhooks.manage"), tags=["Webhooks"], summary="What was given up")
async def dead(request: AnyRequest, org: Org, id: Endpoint) -> Response[DeadLetters]:
    """After a day of trying."""
    call = called(request)
    return answered(call, await webhooks.dead(call, id))


@post(
    _PATH + "/{id:str}/replay",
    opt=needs("webhooks.manage"), tags=["Webhooks"], summary="Deliver what was given up", status_code=200,
)  # fmt: skip
async def replay(request: AnyRequest, org: Org, id: Endpoint, data: JSONBody[ReplayWanted]) -> Response[Replayed]:
    """As many as may be late together."""
    call = called(request)
    return answered(call, await webhooks.replay(call, id, data))


ROUTES = (
    listed, show, put_endpoint, remove, rotate, enable, disable, test, deliveries, dead, replay,
)  # fmt: skip

"""What the webhook commands share: how an endpoint is named, how it is asked about, and what to do when it is
refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from events.clock import Instant
from tidegate.refused import Refused

if TYPE_CHECKING:
    from actors.decider import Refusal
    from actors.runtime.wire import Accepted
    from actors.webhooks.delivery import WebhookCommand
    from actors.webhooks.registry import WebhooksCommand
    from tidegate.asking import Asking

EndpointArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="Its id, as `webhook list` shows it.")
]
TzOption: TypeAlias = Annotated[str, typer.Option("--tz", metavar="ZONE", help="By whose clocks times are shown.")]

_NEXT: Final = {
    "unknown_endpoint": "`tidegate webhook list` shows what there is, `tidegate webhook put` makes one",
    "too_many_endpoints": "`tidegate webhook remove ENDPOINT` makes room",
    "bad_url": "for example https://example.org/hooks",
    "unknown_event": "`tidegate webhook put --help` names them all",
    "endpoint_disabled": "`tidegate webhook enable ENDPOINT` delivers to it again",
    "too_many_secrets": "`tidegate webhook rotate ENDPOINT --overlap 0` ends the older ones at once",
    "bad_overlap": "up to 30 days: 24h",
    "unknown_letter": "`tidegate webhook dead ENDPOINT` shows what was given up",
    "nothing_named": "say which, as `tidegate webhook dead` shows them, or --all",
    "too_much_late": "wait until some of it is delivered: `tidegate webhook deliveries ENDPOINT`",
}


class WebhookRefused(Refused):
    """Nothing has changed, and what to do next is a matter of endpoints."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.next_step = _NEXT.get(refusal.code, self.next_step)  # type: ignore[misc]  # as the code: each rule has one


async def of_webhooks(asking: Asking, command: WebhooksCommand) -> Accepted:
    """What the organisation's endpoints' actor answers."""
    from events.names import actor_name

    return await _asked(asking, actor_name(asking.org, "webhooks"), command)


async def of_delivery(asking: Asking, id: str, command: WebhookCommand) -> Accepted:
    """What one endpoint's delivery answers."""
    from events.names import actor_name, is_identifier

    if not is_identifier(id):
        raise _unknown(id)
    return await _asked(asking, actor_name(asking.org, "webhook", id), command)


async def _asked(asking: Asking, actor: str, command: Any) -> Accepted:
    try:
        return await asking.ask(actor, command)
    except Refused as refused:
        raise WebhookRefused(refused.refusal) from refused


def _unknown(id: str) -> WebhookRefused:
    from actors.decider import Refusal

    return WebhookRefused(Refusal("unknown_endpoint", f"there is no endpoint {id[:64]!r}"))


async def endpoint_of(asking: Asking, id: str) -> dict[str, Any]:
    """An endpoint as it is listed."""
    from actors.webhooks.commands import ListEndpoints

    listed: list[dict[str, Any]] = (await of_webhooks(asking, ListEndpoints())).reply["endpoints"]
    for endpoint in listed:
        if endpoint["id"] == id:
            return endpoint
    raise _unknown(id)


def instant_shown(instant: Instant, tz: str) -> str:
    from tidegate.local_time import second, shown

    return f"{shown(instant, tz)[:-5]}{second(instant, tz)}" if instant else "–"


def answer_shown(status: int, why: str) -> str:
    """`200`, or why there was no answer."""
    return str(status) if status else why.replace("_", " ")

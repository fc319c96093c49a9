"""`tidegate webhook put|list|remove|enable|disable`: which endpoints there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from events.webhooks import EVENTS
from tidegate.cli.booking.common import done, plain_table
from tidegate.cli.shared import Invocation
from tidegate.cli.webhook.common import EndpointArgument, of_webhooks

_EVENTS_HELP = f"What it is told, a group, or everything ('*'). May be repeated. There are: {', '.join(EVENTS)}."


async def put(
    call: Invocation,
    endpoint: EndpointArgument,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where what happens is posted to.")],
    event: Annotated[list[str] | None, typer.Option("--event", metavar="EVENT", help=_EVENTS_HELP)] = None,
    description: Annotated[str, typer.Option(help="For whoever looks after it.")] = "",
    active: Annotated[bool, typer.Option("--active/--inactive", help="Whether it is delivered to.")] = True,
) -> None:
    """Have what happens told to an address from here on; or change all that is said of an endpoint.

    For example: tidegate webhook put shop https://example.org/hooks --event 'booking.*' --event room.phase
    """
    from actors.webhooks.commands import PutEndpoint
    from tidegate.asking import opened

    command = PutEndpoint(endpoint, url, tuple(event or ("*",)), description, active)
    async with opened(call.settings) as asking:
        answer = await of_webhooks(asking, command)
    told = f"{endpoint} is told what happens" if active else f"{endpoint} is there, and nothing is delivered to it"
    rows = {"secret": f"tidegate webhook secret {endpoint}", "try it": f"tidegate webhook test {endpoint}"}
    done(call, {**answer.reply, "url": url, "sequence": answer.sequence}, told, **rows)


async def list_(call: Invocation) -> None:
    """List the endpoints.

    For example: tidegate webhook list
    """
    from actors.webhooks.commands import ListEndpoints
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        listed: list[dict[str, Any]] = (await of_webhooks(asking, ListEndpoints())).reply["endpoints"]
    if call.json:
        call.answer(listed)
        return
    table = plain_table("endpoint", "is", "url", "events", "description")
    for one in listed:
        state = Text("active", "green") if one["active"] else Text(f"disabled: {one['why']}", "yellow")
        table.add_row(one["id"], state, one["url"], ", ".join(one["events"]), one["description"])
    nothing = "there are no endpoints: `tidegate webhook put` makes one"
    call.out.print(table if listed else nothing, soft_wrap=not listed)


async def remove(call: Invocation, endpoint: EndpointArgument) -> None:
    """Deliver nothing there any more, and forget what was late. Put again, it is another endpoint.

    For example: tidegate webhook remove shop
    """
    from actors.webhooks.commands import RemoveEndpoint
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await of_webhooks(asking, RemoveEndpoint(endpoint))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"removed: {endpoint}")


async def enable(
    call: Invocation,
    endpoint: EndpointArgument,
    afresh: Annotated[bool, typer.Option("--afresh", help="Leave out what happened until now.")] = False,
) -> None:
    """Deliver to it again, from where it stood: nothing was lost meanwhile.

    For example: tidegate webhook enable shop

    With --afresh it begins with what happens from now on.
    """
    from actors.webhooks.commands import EnableEndpoint
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await of_webhooks(asking, EnableEndpoint(endpoint, afresh))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"delivered to again: {endpoint}")


async def disable(
    call: Invocation,
    endpoint: EndpointArgument,
    why: Annotated[str, typer.Option(help="For whoever looks after it.")] = "",
) -> None:
    """Deliver nothing there for now. What happens meanwhile waits.

    For example: tidegate webhook disable shop --why 'they are moving'
    """
    from actors.webhooks.commands import DisableEndpoint
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await of_webhooks(asking, DisableEndpoint(endpoint, why))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"nothing is delivered to {endpoint} for now")

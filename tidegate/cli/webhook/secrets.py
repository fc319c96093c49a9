"""`tidegate webhook secret|rotate`: what deliveries are signed with."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.booking.common import done
from tidegate.cli.room.common import span_from
from tidegate.cli.shared import Invocation
from tidegate.cli.webhook.common import EndpointArgument, endpoint_of, of_webhooks


async def secret(call: Invocation, endpoint: EndpointArgument) -> None:
    """Print the secret that whoever receives checks signatures with. After a rotation, the new one.

    For example: tidegate webhook secret shop

    Any library of Standard Webhooks takes it as it is. It is worked out from the installation's own secret, in its
    folder of keys (gateway.keys_dir); so it can be printed where that is, and nowhere else.
    """
    from gateway.webhooks.signing import key_of, shown
    from tidegate.asking import opened
    from tidegate.key_folder import installation_secret

    async with opened(call.settings) as asking:
        found = await endpoint_of(asking, endpoint)
    installation = installation_secret(call.settings)
    keys = {number: shown(key_of(installation, call.settings.org, endpoint, number)) for number in found["generations"]}
    newest = found["generations"][0]
    if call.json:
        older = [{"generation": number, "secret": text} for number, text in keys.items() if number != newest]
        call.answer({"id": endpoint, "generation": newest, "secret": keys[newest], "older": older})
        return
    call.out.print(keys[newest], markup=False, soft_wrap=True)


async def rotate(
    call: Invocation,
    endpoint: EndpointArgument,
    overlap: Annotated[str, typer.Option(metavar="SPAN", help="How long the old secret signs too: 24h, 0.")] = "24h",
) -> None:
    """Sign with a new secret from here on, and for a while with the old one too.

    For example: tidegate webhook rotate shop --overlap 48h

    Give whoever receives the new one within that time: tidegate webhook secret shop

    The overlap bounds all secrets before the new one: rotating again with a shorter one ends them earlier.
    """
    from actors.webhooks.commands import RotateSecret
    from tidegate.asking import opened

    seconds = span_from("--overlap", overlap)
    async with opened(call.settings) as asking:
        answer = await of_webhooks(asking, RotateSecret(endpoint, seconds))
    told = f"{endpoint} has a new secret" + (f"; the old one signs for {overlap} more" if seconds else "")
    done(call, {**answer.reply, "sequence": answer.sequence}, told, secret=f"tidegate webhook secret {endpoint}")

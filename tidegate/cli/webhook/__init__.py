"""`tidegate webhook …`: to whom an organisation tells what happens, and how telling them goes."""

from __future__ import annotations

import typer

from tidegate.cli.shared import add
from tidegate.cli.webhook.endpoints import disable, enable, list_, put, remove
from tidegate.cli.webhook.going import dead, deliveries, replay, try_out
from tidegate.cli.webhook.secrets import rotate, secret

webhook_app = typer.Typer(
    name="webhook",
    no_args_is_help=True,
    help="Webhooks: put endpoints, look how delivery goes, replay what was given up.",
)

add(webhook_app, put)
add(webhook_app, list_, "list")
for switching in (remove, enable, disable):
    add(webhook_app, switching)
for of_secrets in (secret, rotate):
    add(webhook_app, of_secrets)
add(webhook_app, try_out, "test")
for going in (deliveries, dead, replay):
    add(webhook_app, going)

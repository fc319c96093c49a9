"""The command line. Each command is a file of its own here; a new one is one line below."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.access import issuer_app, key_app
from tidegate.cli.ask import ask
from tidegate.cli.booking import booking_app
from tidegate.cli.commands import commands
from tidegate.cli.config import config
from tidegate.cli.demo import demo
from tidegate.cli.doctor import doctor
from tidegate.cli.down import down
from tidegate.cli.gateway import GATEWAY_SETTINGS, gateway
from tidegate.cli.host import host
from tidegate.cli.log import log_app
from tidegate.cli.projector import projector
from tidegate.cli.room import room_app
from tidegate.cli.send import send
from tidegate.cli.shared import add
from tidegate.cli.status import status
from tidegate.cli.up import SETTINGS as UP_SETTINGS
from tidegate.cli.up import up
from tidegate.cli.version import print_version, version
from tidegate.cli.webhook import webhook_app

app = typer.Typer(
    name="tidegate",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print the values of variables, which may be personal
)


@app.callback()
def tidegate(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A fair, provable queue in front of a rush, and an inventory that cannot be double-booked."""


add(app, up, settings=UP_SETTINGS)
add(app, down)
add(app, status)
add(app, demo)
app.add_typer(booking_app)
app.add_typer(room_app)
app.add_typer(key_app)
app.add_typer(issuer_app)
app.add_typer(webhook_app)
add(app, send)
add(app, commands)
add(app, ask)
app.add_typer(log_app)
add(app, host)
add(app, projector)
add(app, gateway, settings=GATEWAY_SETTINGS)
add(app, config)
add(app, doctor)
add(app, version)


def main() -> None:
    app()

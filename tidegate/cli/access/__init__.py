"""`tidegate key …` and `tidegate issuer …`: who may ask an organisation's gateway, and whose tokens it believes."""

from __future__ import annotations

import typer

from tidegate.cli.access.issuers import list_ as list_issuers
from tidegate.cli.access.issuers import put, remove
from tidegate.cli.access.keys import create, revoke, rotate
from tidegate.cli.access.keys import list_ as list_keys
from tidegate.cli.shared import add

key_app = typer.Typer(
    name="key",
    no_args_is_help=True,
    help="API keys: issue, list, rotate and revoke them.",
)
issuer_app = typer.Typer(
    name="issuer",
    no_args_is_help=True,
    help="Token issuers: whose JSON Web Tokens are believed, and what they make of their bearer.",
)

add(key_app, create)
add(key_app, list_keys, "list")
add(key_app, rotate)
add(key_app, revoke)
add(issuer_app, put)
add(issuer_app, list_issuers, "list")
add(issuer_app, remove)

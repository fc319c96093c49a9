"""`tidegate room …`: a waiting room by hand, as its operator, as its visitors, and as whoever does not believe it."""

from __future__ import annotations

import typer

from tidegate.cli.room.crowding import crowd
from tidegate.cli.room.drawing import verify_draw
from tidegate.cli.room.looking import list_, show, ticket
from tidegate.cli.room.passing import check, claim, exit_, leave, prolong, remove, revoke, rotate
from tidegate.cli.room.passing import show as show_keys
from tidegate.cli.room.phases import announce, close, drain, draw, open_, pause, resume, start
from tidegate.cli.room.setting import create, set_
from tidegate.cli.room.standing import join, wait
from tidegate.cli.room.watching import watch
from tidegate.cli.shared import add

room_app = typer.Typer(
    name="room",
    no_args_is_help=True,
    help="Waiting rooms: make, open and watch them; stand in line, claim, get a pass.",
)
pass_app = typer.Typer(name="pass", no_args_is_help=True, help="Check passes, as any server can.")
keys_app = typer.Typer(name="keys", no_args_is_help=True, help="The keys that passes are signed with.")

add(room_app, create)
add(room_app, set_, "set")
add(room_app, list_, "list")
add(room_app, show)
add(room_app, start)
add(room_app, open_, "open")
for operating in (pause, resume, drain, close, announce, draw, verify_draw, watch, crowd):
    add(room_app, operating)
for visiting in (join, wait, ticket, claim, prolong):
    add(room_app, visiting)
add(room_app, exit_, "exit")
for ending in (leave, revoke, remove):
    add(room_app, ending)
add(pass_app, check)
add(keys_app, show_keys, "show")
add(keys_app, rotate)
room_app.add_typer(pass_app)
room_app.add_typer(keys_app)

"""`tidegate booking …`: everything that one can do with bookings, by hand."""

from __future__ import annotations

import typer

from tidegate.cli.booking.changing import cancel, complete, confirm, decline, no_show, reschedule
from tidegate.cli.booking.closing import block, standby, unblock
from tidegate.cli.booking.creating import event_type, link, resource, schedule, shrink, withdraw
from tidegate.cli.booking.files import feed, ics
from tidegate.cli.booking.looking import list_, month, show, slots
from tidegate.cli.booking.repeating import series
from tidegate.cli.booking.taking import book, hold
from tidegate.cli.booking.watching import watch
from tidegate.cli.shared import add

booking_app = typer.Typer(
    name="booking", no_args_is_help=True, help="Browse, hold, book, move and cancel; create what can be booked."
)
create_app = typer.Typer(name="create", no_args_is_help=True, help="Add what can be booked, or change all of it.")

for creating in (resource, schedule, event_type, link):
    add(create_app, creating)
booking_app.add_typer(create_app)
add(booking_app, list_, "list")
for looking in (slots, month, show):
    add(booking_app, looking)
for taking in (hold, book, series, confirm, decline, cancel, reschedule, complete, no_show):
    add(booking_app, taking)
for closing in (shrink, withdraw, block, unblock, standby, watch, ics, feed):
    add(booking_app, closing)

"""`tidegate booking confirm|decline|cancel|reschedule|complete|no-show`: what becomes of a booking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from events.day import Booking, Wish
from tidegate.cli.booking.common import (
    BookingArgument,
    DurationOption,
    ReasonOption,
    StartOption,
    TokenOption,
    TzOption,
    bookable,
    done,
    items_shown,
    minutes_of,
    wish_data,
    wish_when,
    zone_of,
)
from tidegate.cli.shared import Invocation
from tidegate.local_time import instant_from
from tidegate.refused import Refused

if TYPE_CHECKING:
    from actors.booking.asking import Parts
    from tidegate.asking import Asking

Composing: TypeAlias = "Callable[[Asking, Booking], Parts]"
CHANGED_TRIES_MAX: Final = 5


async def confirm(call: Invocation, booking: BookingArgument, token: TokenOption = None) -> None:
    """Confirm a provisional booking, or approve one that is pending.

    For example: tidegate booking confirm studio-south.2026-12-01.b-1f3a5c
    """
    from actors.booking.asking import for_booking
    from actors.booking.commands import Confirm

    await _change(call, booking, lambda asking, now: for_booking(asking.org, now, Confirm(booking, token)))


async def decline(call: Invocation, booking: BookingArgument, reason: ReasonOption = "") -> None:
    """Decline a booking that waits for approval; its slots are free again.

    For example: tidegate booking decline studio-south.2026-12-01.b-1f3a5c --reason 'The crane is broken'
    """
    from actors.booking.asking import for_booking
    from actors.booking.commands import Decline

    await _change(call, booking, lambda asking, now: for_booking(asking.org, now, Decline(booking, reason)))


async def cancel(
    call: Invocation, booking: BookingArgument, token: TokenOption = None, reason: ReasonOption = ""
) -> None:
    """Cancel a booking; its slots are free again. Its booker, who shows the token, can until the deadline.

    For example: tidegate booking cancel studio-north.2026-12-07.b-1f3a5c --token 'kWm…'
    """
    from actors.booking.asking import for_booking
    from actors.booking.commands import Cancel

    await _change(call, booking, lambda asking, now: for_booking(asking.org, now, Cancel(booking, token, reason)))


async def reschedule(
    call: Invocation,
    booking: BookingArgument,
    start: StartOption,
    duration: DurationOption = None,
    token: TokenOption = None,
    tz: TzOption = None,
) -> None:
    """Move a booking with all that belongs to it, in one step; it may overlap its own old time.

    For example: tidegate booking reschedule studio-north.2026-12-07.b-1f3a5c --start '2026-12-08 11:00'

    It keeps its id, which says where it was made.
    """
    from actors.booking.asking import for_move
    from actors.booking.commands import Move
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        wish = (await asking.booking(booking)).wish
        catalog = await asking.catalog(wish.items[0].resource, event_type=wish.event_type)

        def move(asking: Asking, now: Booking) -> Parts:
            leading = now.wish.items[0].resource
            way, _ = bookable(catalog, now.wish.event_type, leading)
            instant = instant_from(start, asking.clock(), zone_of(catalog, leading, tz))
            minutes = now.wish.minutes if duration is None else minutes_of(way, duration)
            wish = Wish(way.slug, instant, minutes, now.wish.items, now.wish.admitted)
            return for_move(asking.org, now, way, Move(booking, wish, now.until, token, catalog=asking.catalog_at))

        await _patiently(asking, booking, move)
        found = await asking.booking(booking)
    clocks = zone_of(catalog, found.wish.items[0].resource, tz)
    data = {"booking": booking, "status": found.status, "version": found.version, **wish_data(found.wish, clocks)}
    when = f"{wish_when(found.wish, clocks)} ({clocks})"
    done(call, data, f"moved: {items_shown(found.wish.items)}", booking=booking, when=when)


async def complete(call: Invocation, booking: BookingArgument) -> None:
    """Say that a booking has taken place; most do so by themselves, at their end.

    For example: tidegate booking complete studio-north.2026-12-07.b-1f3a5c
    """
    from actors.booking.commands import Complete
    from events.day import owner_of

    await _change(call, booking, lambda asking, now: ((owner_of(asking.org, booking), Complete(booking)),))


async def no_show(call: Invocation, booking: BookingArgument) -> None:
    """Say that nobody showed up.

    For example: tidegate booking no-show studio-north.2026-12-07.b-1f3a5c
    """
    from actors.booking.commands import Miss
    from events.day import owner_of

    await _change(call, booking, lambda asking, now: ((owner_of(asking.org, booking), Miss(booking)),))


async def _change(call: Invocation, booking: str, parts: Composing) -> None:
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        reply = await _patiently(asking, booking, parts)
    done(call, msgspec.to_builtins(reply), reply["status"].replace("_", " "), booking=booking)


async def _patiently(asking: Asking, booking: str, parts: Composing) -> dict[str, Any]:
    """Who takes part follows from the booking as it is now; when it has just changed, it is looked at again."""
    for left in reversed(range(CHANGED_TRIES_MAX)):
        try:
            reply: dict[str, Any] = (await asking.together(parts(asking, await asking.booking(booking)))).reply
        except Refused as refused:
            if refused.code != "changed_meanwhile" or not left:
                raise
        else:
            return reply
    raise AssertionError

"""Withdrawing: an event type goes when it has no bookings to come.

It is made inactive, every host hears of it, and then nobody books by it any more. What is still to come by then is
looked up: either it is taken away, or those bookings are named and it stays inactive. Asking for the same again goes on
from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from actors.booking.lifecycle import ALIVE
from actors.catalog import PutEventType, RemoveEventType
from actors.decider import Refusal
from gateway.shrinking import LATER
from projections.questions import Bookings, Page, Row
from tidegate.asking import Asking
from tidegate.refused import Refused

NAMED_MAX: Final = 20


async def withdraw(asking: Asking, slug: str, told: Callable[[str], None]) -> tuple[Row, ...]:
    """Take an event type away; or the first bookings of it that are still to come, and then it is only inactive."""
    known = (await asking.catalog(event_type=slug)).event_types.get(slug)
    if known is None:
        raise Refused(Refusal("unknown_event_type", f"there is no event type {slug!r}"))
    inactive = msgspec.structs.replace(known, active=False)
    await asking.of_catalog(PutEventType(**{name: getattr(inactive, name) for name in inactive.__struct_fields__}))
    told(f"nothing more is booked by {slug}; making sure that every host knows")
    while True:
        looked_at = asking.clock()
        page: Page = await asking.look(
            Bookings(org=asking.org, event_type=slug, statuses=tuple(sorted(ALIVE)), start=looked_at, limit=NAMED_MAX)
        )
        if page.rows:
            return page.rows
        try:
            await asking.of_catalog(RemoveEventType(slug, looked_at))
        except Refused as refused:
            if refused.code not in LATER:
                raise
            await asyncio.sleep((refused.refusal.retry_after_ms or 500) / 1000)
        else:
            return ()

"""What the room commands share: how rooms, tickets and times are typed, and how a ticket is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from events.clock import Instant
from events.errors import TidegateError
from tidegate.cli.booking.common import done
from tidegate.cli.shared import Invocation

if TYPE_CHECKING:
    from projections.estimates import Estimate
    from projections.questions import TicketAnswer

RoomArgument: TypeAlias = Annotated[str, typer.Argument(metavar="ROOM", help="Its name, as `room list` shows it.")]
TicketArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="TICKET", help="As `room join` printed it: launch.0.17.")
]
KeyOption: TypeAlias = Annotated[
    str, typer.Option("--key", help="The visitor's key, as `room join` printed it.", show_default=False)
]
TzOption: TypeAlias = Annotated[
    str, typer.Option("--tz", metavar="ZONE", help="By whose clocks times are typed and shown.")
]

_SPAN: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?", re.ASCII)
_UNITS_S: Final = (86_400, 3_600, 60, 1)
REASONS: Final = {
    "measuring": "there is little to go by yet",
    "slower": "it goes slower than before",
    "paused": "the room is paused",
    "not_open_yet": "the room has not opened yet",
    "draining": "nobody joins any more",
    "closed": "the room is closed",
}
"""Why an estimate is not narrower, or why there is none."""
STATES: Final = {
    "drawing": "waits for the draw",
    "waiting": "waits",
    "absent": "absent: passed over until it is heard of again",
    "called": "called",
    "claim_waits": "called, and waits for a seat",
    "active": "in",
    "missed": "over: it was called, and nobody claimed it in time",
    "left": "over: it was given up, or taken away",
    "expired": "over: nobody was there for too long",
    "pass_expired": "over: its pass has expired",
    "exited": "over: its pass was given back, or taken away",
    "closed": "over: the room has closed",
}


class BadRoom(TidegateError):
    """What was typed says no span, time, lane or share."""

    code = "bad_room"
    next_step = "`tidegate room create --help` has examples"


def span_from(option: str, text: str) -> int:
    """`90`, `60s`, `10m`, `1h30m`, `2d`, in seconds."""
    parts = _SPAN.fullmatch(text.strip().lower())
    if parts is None or not text.strip():
        raise BadRoom(f"{option} {text}: expected a span such as 60s, 10m or 1h30m")
    return sum(int(part) * unit for part, unit in zip(parts.groups(), _UNITS_S, strict=True) if part)


def when_from(option: str, text: str, now: Instant, tz: str) -> Instant | None:
    """An instant as in a calendar, `+10m` from now, or `none`."""
    from tidegate.local_time import instant_from

    word = text.strip().lower()
    if word in ("", "none"):
        return None
    if word.startswith("+") and " " not in word:
        return now + span_from(option, word[1:]) * 1_000
    return instant_from(text, now, tz)


def span_shown(seconds: float) -> str:
    """`45 s`, `3 min`, `1 h 20 min`."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def estimate_shown(estimate: Estimate | None) -> str:
    """`2 min, between 90 s and 4 min`; or why it is not known."""
    if estimate is None:
        return "–"
    why = REASONS.get(estimate.reason, "")
    if estimate.middle_s is None or estimate.low_s is None:
        return f"not known: {why}" if why else "not known"
    highest = "more than a day" if estimate.high_s is None else span_shown(estimate.high_s)
    about = span_shown(estimate.middle_s)
    return f"{about}, between {span_shown(estimate.low_s)} and {highest}" + (f"; {why}" if why else "")


def ticket_data(ticket: TicketAnswer, tz: str = "UTC") -> dict[str, Any]:
    import msgspec

    from events.calendar.moments import local_iso

    data: dict[str, Any] = msgspec.to_builtins(ticket)
    data["ticket"] = data.pop("id")
    for name in ("until", "absent_since", "joined_at"):
        data[name] = data[name] and local_iso(data[name], tz)
    return data


def ticket_rows(ticket: TicketAnswer, tz: str) -> dict[str, str]:
    from tidegate.local_time import second

    rows = {"ticket": ticket.id}
    if ticket.lane:
        rows["lane"] = ticket.lane
    if ticket.ahead is not None:
        rows["ahead"] = f"{ticket.ahead:,}"
    if ticket.estimate is not None:
        rows["called in"] = estimate_shown(ticket.estimate)
    if ticket.until is not None:
        rows["until"] = f"{second(ticket.until, tz)} ({tz})"
    return rows


def show_ticket(
    call: Invocation, ticket: TicketAnswer, tz: str, about: Mapping[str, Any] | None = None, **more: str
) -> None:
    """How a ticket stands. `more` is what only its visitor knows, and `about` what only programs are told."""
    from tidegate.local_time import shown

    rows = ticket_rows(ticket, tz) | {"joined": f"{shown(ticket.joined_at, tz)} ({tz})"} | more
    done(call, ticket_data(ticket, tz) | dict(about or {}) | more, STATES[ticket.state], **rows)

"""What every client does with a real gateway, step by step, and what comes of it.

A scenario is a list of steps; each has one of these:

    do        `who` asks for the operation of that name, `with` these arguments: over HTTP, or over the socket where it
              says `"over": "stream"`; under an Idempotency-Key of its own where it has a `key`
    watch     `who` follows a `day`, a `month`, a `room`, a `ticket` or any `topic`: `of` says which
    topics    `who` follows all of these, and each begins
    until     what is watched by that name comes to show `shows`
    now       what is watched by that name shows `shows` already
    reaches   the stream of `who` has told everything that the client named here has done
    holding   `who` holds what is wanted, and it is kept by heartbeats
    outlives  what is held so is held by `who` still when it would have ended
    lets_go   and now it is not
    same      these values are equal; with `sorted`, they are so in some order

`as` gives the answer, or what is watched, a name. `{name.field}` in any later step is what it says there; `{run}` is a
word of this run's own, `{date}` a date of UTC three weeks ahead and `{month}` its month. An answer has what is said by
`gives`, or there is the problem that is said by `refused`: objects have these fields at least, lists are equal, and
`{"has": …}` is a list with such a member, `{"one_of": […]}` any of these.

A command with a `guess`, `{"of": a day, "holds": [first, end, units]}`, is asked for over the socket; what is guessed
`shows` at once, and is shown no more when the answer was reached.

A day shows its `runs`, `[first, end, use, units left]`, and `visits`, `[first, end, state, units left]`; a month the
slots that are `busy` by dates, where there are any; a room its `phase` and how many are `waiting`; a ticket its `state`
and how many are `ahead`; any other topic the fields of its state.

Who asks: `owner` shows the API key; `visitor`, `other` and `early` have begun a session each; `forged` shows a token
that nobody gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

COURT: Final = "court-{run}"
BRIEF: Final = "brief-{run}"
"""A way to book the court whose holds end soon."""
ROOM: Final = "room-{run}"
DAY: Final = {"resource": COURT, "date": "{date}"}
SECRET: Final = "nobody knows this before"  # noqa: S105  # it is told by the scenario itself


def start(slot: int) -> str:
    return f"{{date}}T{slot // 4:02}:{slot % 4 * 15:02}:00Z"


def court(slot: int, minutes: int = 60, event_type: str = COURT) -> dict[str, Any]:
    return {"event_type": event_type, "resource": COURT, "start": start(slot), "duration": minutes}


def asks(who: str, operation: str, **about: Any) -> dict[str, Any]:
    """What stands beside the arguments in a step has an underscore before it."""
    beside = {name[1:]: value for name, value in about.items() if name.startswith("_")}
    given = {name: value for name, value in about.items() if not name.startswith("_")}
    return {"who": who, "do": operation, "with": given} | beside


def runs(*taken: tuple[int, int, str]) -> dict[str, Any]:
    """A day of one court, free but for these."""
    found: list[list[Any]] = []
    at = 0
    for first, end, use in (*taken, (96, 96, "")):
        found += [[at, first, "free", 1]] if first > at else []
        found += [[first, end, use, 0]] if use else []
        at = end
    return {"runs": found}


def until(name: str, **shows: Any) -> dict[str, Any]:
    return {"until": name, "shows": shows}


def steps_of_room(who: str, room: str, *steps: str) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield asks(who, "step_room", room=room, step=step)


def bookings() -> Iterator[tuple[str, list[Any]]]:
    yield (
        "what an owner puts is there",
        [
            asks("owner", "put_resource", id=COURT, time_zone="UTC", capacity=1, _gives={"id": COURT}),
            asks("owner", "put_event_type", slug=COURT, durations=[15, 60], interval=15, resources=[COURT]),
            asks("owner", "put_event_type", slug=BRIEF, durations=[60], interval=15, hold_seconds=2, resources=[COURT]),
            asks("owner", "resource", id=COURT, _gives={"id": COURT, "time_zone": "UTC", "capacity": 1}),
            asks("owner", "put_schedule", id=COURT, time_zone="UTC", region="DE", _gives={"id": COURT}),
            asks("owner", "schedule", id=COURT, _gives={"id": COURT, "region": "DE"}),
            asks(
                "owner",
                "put_schedule",
                id=COURT,
                time_zone="UTC",
                region="DE",
                holidays={"2027-01-01": "Neujahr"},
                _gives={"id": COURT},
            ),  # as it was shown
            {"who": "visitor", "reaches": "owner"},
        ],
    )
    yield "a day is shown, and a hold, a booking, its move and its end change it", [
        {"who": "visitor", "watch": "day", "of": DAY, "as": "day"},
        until("day", **runs()),
        asks("other", "hold", **court(40), _as="held"),
        until("day", **runs((40, 44, "held"))),
        asks("other", "keep_hold", hold="{held.hold}", _gives={"hold": "{held.hold}"}),
        asks("other", "book", **court(40), hold="{held.hold}", booker={"name": "Ann"}, _as="booked",
             _gives={"status": "confirmed"}),
        until("day", **runs((40, 44, "full")), visits=[[40, 44, "full", 0], [44, 48, "free", 1]]),
        asks("other", "booking", booking="{booked.booking}", manage_token="{booked.manage_token}",
             _gives={"status": "confirmed", "booker": {"name": "Ann"}}),
        asks("other", "reschedule", booking="{booked.booking}", start=start(60), manage_token="{booked.manage_token}",
             _gives={"status": "confirmed", "version": 1}),
        {"who": "visitor", "reaches": "other"},
        {"now": "day", "shows": runs((60, 64, "full"))},
        asks("visitor", "cancel", booking="{booked.booking}", manage_token="made-up",
             _refused={"code": "wrong_token", "status": 403}),
        asks("other", "cancel", booking="{booked.booking}", manage_token="{booked.manage_token}", reason="ill",
             _gives={"status": "cancelled"}),
        until("day", **runs()),
    ]  # fmt: skip
    yield (
        "a month says how much of each date is busy",
        [
            {"who": "visitor", "watch": "month", "of": {"resource": COURT, "month": "{month}"}, "as": "month"},
            until("month", busy={}),
            asks("owner", "book", **court(80), _as="late"),
            until("month", busy={"{date}": 4}),
            asks("owner", "cancel", booking="{late.booking}"),
            until("month", busy={}),
        ],
    )
    yield (
        "a hold is kept by heartbeats, and is somebody else's until it is let go",
        [
            {"who": "other", "holding": court(8, event_type=BRIEF), "as": "kept"},
            {"who": "other", "outlives": "kept"},
            asks("visitor", "hold", **court(8), _refused={"code": "taken", "fault": "late", "status": 409}),
            {"lets_go": "kept"},
            {"who": "visitor", "reaches": "other"},
            asks("visitor", "hold", **court(8), _as="mine"),
            asks("visitor", "release_hold", hold="{mine.hold}"),
        ],
    )
    yield (
        "the same key has one effect and gets the first answer",
        [
            asks("other", "hold", **court(20), _as="one", _key="conformance-{run}"),
            asks("other", "hold", **court(20), _as="again", _key="conformance-{run}"),
            {"same": ["{one.hold}", "{again.hold}"]},
            asks("other", "hold", **court(24), _key="conformance-{run}", _refused={"code": "idempotency_key_reused"}),
            asks("other", "release_hold", hold="{one.hold}"),
            {"who": "visitor", "reaches": "other"},
        ],
    )
    guess = {"of": "day", "holds": [60, 64, 1], "shows": runs((60, 64, "held"))}
    yield (
        "a guess is shown at once, and gone when the answer has come",
        [
            {"now": "day", "shows": runs()},
            asks("visitor", "hold", **court(40), _guess=guess, _as="guessed"),
            {"who": "visitor", "reaches": "visitor"},
            {"now": "day", "shows": runs((40, 44, "held"))},
            asks("visitor", "release_hold", hold="{guessed.hold}", _over="stream"),
            {"who": "visitor", "reaches": "visitor"},
            {"now": "day", "shows": runs()},
            asks("visitor", "hold", **court(40, minutes=7), _guess=guess, _refused={"fault": "caller"}),
            {"now": "day", "shows": runs()},
        ],
    )
    yield (
        "all pages are gone through, in order",
        [
            *(asks("owner", "book", **court(slot, minutes=15), _as=f"b{slot}") for slot in range(5)),
            asks("owner", "bookings", resource=COURT, status=["confirmed"], limit=2, _as="pages"),
            {"same": ["{pages.bookings}", [f"{{b{slot}.booking}}" for slot in range(5)]]},
        ],
    )


def rooms() -> Iterator[tuple[str, list[Any]]]:
    called = {"one_of": ["called", "claim_waits", "active"]}
    yield "a line is stood in; a place is exact without being asked for, and the room's end is everybody's", [
        asks("owner", "put_room", room=ROOM, title="Conformance", capacity=1, per_minute=600, straight_through=False),
        {"who": "owner", "reaches": "owner"},
        {"who": "owner", "watch": "room", "of": {"room": ROOM}, "as": "room"},
        *steps_of_room("owner", ROOM, "open"),
        until("room", phase="open", waiting=0),
        asks("early", "join", room=ROOM, _as="inside"),
        asks("early", "wait", ticket="{inside.ticket}"),
        asks("early", "claim", ticket="{inside.ticket}", _as="seat", _gives={"status": "active"}),
        asks("visitor", "check_pass", room=ROOM, shown="{seat.pass}", _gives={"ticket": "{inside.ticket}"}),
        asks("visitor", "check_pass", room=ROOM, shown="made.up.pass", _refused={"status": 403}),
        asks("visitor", "join", room=ROOM, _as="mine"),
        asks("other", "join", room=ROOM, _as="theirs"),
        asks("other", "join", room=ROOM, _gives={"ticket": "{theirs.ticket}"}),
        {"who": "other", "watch": "ticket", "of": {"ticket": "{theirs.ticket}"}, "as": "standing"},
        until("standing", state="waiting", ahead=1),
        until("room", waiting=2),
        asks("visitor", "leave", ticket="{mine.ticket}"),
        until("standing", state="waiting", ahead=0),
        asks("early", "leave", ticket="{inside.ticket}"),
        asks("other", "wait", ticket="{theirs.ticket}", _gives={"state": called}),
        asks("other", "claim", ticket="{theirs.ticket}", _gives={"status": "active"}),
        until("standing", state="active", ahead=None),
        until("room", waiting=0),
        asks("early", "join", room=ROOM, _as="late"),
        {"who": "early", "watch": "ticket", "of": {"ticket": "{late.ticket}"}, "as": "late_standing"},
        until("late_standing", state="waiting", ahead=0),
        *steps_of_room("owner", ROOM, "close"),
        until("room", phase="closed"),
        until("late_standing", state="closed", ahead=None),
        asks("visitor", "wait", ticket="{mine.ticket}", _refused={"code": "ticket_over", "fault": "late"}),
    ]  # fmt: skip
    drawn = f"{ROOM}-drawn"
    yield "who joined before a draw has no place, and then the one that was drawn", [
        asks("owner", "put_room", room=drawn, draw=True, commitment=sha256(SECRET.encode()).hexdigest(), capacity=1,
             straight_through=False),
        *steps_of_room("owner", drawn, "start"),
        asks("visitor", "join", room=drawn, _as="one", _gives={"state": "drawing"}),
        asks("other", "join", room=drawn, _as="two", _gives={"state": "drawing"}),
        {"who": "visitor", "watch": "ticket", "of": {"ticket": "{one.ticket}"}, "as": "first"},
        {"who": "other", "watch": "ticket", "of": {"ticket": "{two.ticket}"}, "as": "second"},
        until("first", state="drawing", ahead=None),
        until("second", state="drawing", ahead=None),
        asks("owner", "draw", room=drawn, secret=SECRET),
        until("first", state="waiting", ahead={"one_of": [0, 1]}),
        until("second", state="waiting", ahead={"one_of": [0, 1]}),
        asks("visitor", "ticket", ticket="{one.ticket}", _as="one"),
        asks("other", "ticket", ticket="{two.ticket}", _as="two"),
        {"same": [["{one.place}", "{two.place}"], [0, 1]], "sorted": True},
        *steps_of_room("owner", drawn, "close"),
    ]  # fmt: skip
    for whose, one_per_identity in (("whoever asks", False), ("who they say they are", True)):
        busy = f"{ROOM}-work-{'who' if one_per_identity else 'any'}"
        yield (
            f"work is done where a room asks for it, for {whose}",
            [
                asks("owner", "put_room", room=busy, capacity=5, work_bits=8, one_per_identity=one_per_identity),
                *steps_of_room("owner", busy, "open"),
                {"who": "visitor", "reaches": "owner"},
                asks("visitor", "join", room=busy, identity="ann@example.org", _refused={"code": "work_needed"}),
                asks("visitor", "stand_in_line", room=busy, identity="ann@example.org", _as="worked"),
                asks("visitor", "leave", ticket="{worked.ticket}", _gives={"ticket": "{worked.ticket}"}),
                *steps_of_room("owner", busy, "close"),
            ],
        )


def following() -> Iterator[tuple[str, list[Any]]]:
    numbers, nothing = {"topic": f"numbers/{ROOM}"}, {"topic": "day/nothing/{date}"}
    yield (
        "what may not be followed is told so, and what can goes on",
        [
            {"who": "visitor", "watch": "topic", "of": numbers, "refused": {"code": "not_permitted"}},
            {"who": "visitor", "watch": "topic", "of": nothing, "refused": {"code": "unknown_resource"}},
            {"who": "owner", "watch": "topic", "of": numbers, "as": "numbers"},
            until("numbers", phase="closed"),
            {"now": "room", "shows": {"phase": "closed", "waiting": 0}},
        ],
    )
    yield (
        "forty topics at once begin, though the gateway takes sixteen requests at a time",
        [
            {
                "who": "owner",
                "topics": [f"day/{COURT}/2031-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 21)],
            }
        ],
    )
    yield (
        "whoever shows a forged token is told so, and does not try for ever",
        [
            asks("forged", "resources", _refused={"code": "bad_token", "status": 401}),
            {"who": "forged", "watch": "topic", "of": {"topic": f"room/{ROOM}"}, "refused": {"code": "bad_token"}},
        ],
    )
    yield "keys and webhooks are given out, found and ended", [
        asks("owner", "issue_key", role="viewer", name="conformance", _as="key", _gives={"role": "viewer"}),
        asks("owner", "keys", _gives={"keys": {"has": {"id": "{key.id}", "name": "conformance"}}}),
        asks("owner", "revoke_key", id="{key.id}", _gives={"id": "{key.id}"}),
        asks("owner", "put_webhook", id="hook-{run}", url="https://example.com/hooks", events=["booking.*"],
             _gives={"id": "hook-{run}", "active": True}),
        asks("owner", "webhooks", _gives={"has": {"id": "hook-{run}", "url": "https://example.com/hooks"}}),
        asks("owner", "remove_webhook", id="hook-{run}", _gives={"id": "hook-{run}"}),
    ]  # fmt: skip


def cases() -> Iterator[Any]:
    for name, steps in (*bookings(), *rooms(), *following()):
        yield {"name": name, "steps": steps}

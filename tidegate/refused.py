"""Refused: an actor's answer that a rule stands against a command, for whoever cannot go on without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from actors.decider import Refusal
from events.errors import TidegateError

T = TypeVar("T")

_NEXT: Final = {
    "late": "look at what is free now, `tidegate booking slots`, and ask for that",
    "busy": "ask again in a moment",
    "ours": "this should not happen: the hosts' logs say more",
}
_SETTINGS: Final = "`tidegate room set --help` says what it may be"
_OF_ROOMS: Final = {
    # Standing in line
    "unknown_room": "`tidegate room list` shows what there is, `tidegate room create` makes one",
    "room_not_open": "`tidegate room show` says when it opens; `room start` or `room open` lets people join now",
    "room_draining": "nobody joins any more; who is in the line is still called",
    "room_closed": "it is closed for good: make another room",
    "queue_full": "wait until some were called, or allow a longer line: `tidegate room set ROOM --queue-max N`",
    "unknown_lane": "`tidegate room show` lists its lanes; without --lane it is the ordinary one",
    "wrong_code": "ask for the code again, or join without --lane",
    "identity_needed": "say who it is, --identity: one place for each",
    "identity_has_place": "use the --key that their place was given to",
    "bad_key": "leave --key out, and one is made",
    "bad_email": "an address is like ann@example.org, or leave --email out",
    "work_stale": "join again: the work is done anew",
    "work_replayed": "join again: the work is done anew",
    # Tickets
    "unknown_ticket": "`tidegate room join` says what the ticket is called, and its key",
    "not_your_ticket": "say the --key that was printed with the ticket",
    "ticket_over": "join again for a new place: `tidegate room join`",
    "not_called": "`tidegate room wait TICKET --key KEY` stays until it is, and claims",
    "not_in": "`tidegate room ticket TICKET` says how it stands",
    # Rooms
    "room_exists": "change it with `tidegate room set`, or give the new one another name",
    "wrong_phase": "`tidegate room show` says in which phase it is",
    "not_drawn": "`tidegate room draw ROOM`, then open it",
    "no_draw_yet": "a room that was made with --draw is drawn by `tidegate room draw ROOM` before it opens",
    "nothing_to_draw": "make the room with --draw, and begin its pre-queue: `tidegate room start ROOM`",
    "drawn_already": "`tidegate room verify-draw ROOM` recomputes it, `tidegate room open ROOM` goes on",
    "wrong_secret": "say the --secret that was printed when the room was made",
    "bad_secret": "say the --secret that was printed when the room was made",
    "draw_fixed": "make another room for another draw",
    "shards_fixed": "make another room with as many shards",
    "one_per_identity_fixed": "make another room for that",
    "lane_in_use": "drain the lane first; its codes can be changed at any time, --lane LANE:CODE",
    "admits_nobody": "say --capacity, how many may be in, or --per-minute, how many are let in, or both",
    "burst_over_rate": "make --burst smaller, or --per-minute larger",
    "active_over_max": "make --active shorter, or --active-max longer",
    "opens_before_pre_queue": "--pre-queue-at comes before --opens-at; `none` takes either away",
    "closes_before_opening": "--closes-at comes last, and lies ahead; `none` takes it away",
    **{
        f"bad_{name}": _SETTINGS
        for name in (
            "per_minute", "burst", "shards", "ordinary_share", "work_bits", "queue_max", "active_s", "active_max_s",
            "claim_s", "absent_after_s", "absence_max_s", "near_ahead", "title", "announcement", "lanes", "lane",
            "codes",
        )
    },
}  # fmt: skip


class Refused(TidegateError):
    """Nothing has changed. Its code is the refusal's own. `rooms` guard what was asked for, where that is known."""

    def __init__(self, refusal: Refusal, rooms: Iterable[str] = ()) -> None:
        super().__init__(refusal.detail)
        self.refusal: Final = refusal
        self.code = refusal.code  # type: ignore[misc]  # each rule has a code; the class has none of its own
        self.next_step = _next_step(refusal, rooms)  # type: ignore[misc]  # as above


def agreed(answer: T | Refusal) -> T:
    """What was answered; raised, when it is a refusal."""
    if isinstance(answer, Refusal):
        raise Refused(answer)
    return answer


def _next_step(refusal: Refusal, rooms: Iterable[str]) -> str:
    if refusal.code == "pass_needed":
        room = next(iter(rooms), "ROOM")
        return f"stand in line for it: `tidegate room join {room} --wait` ends with its pass"
    return _OF_ROOMS.get(refusal.code) or _NEXT.get(refusal.fault, "")

"""What a room may be set to: contradictions are refused, and nothing changes."""

from __future__ import annotations

from actors.decider import Refusal
from actors.text import unfit_text
from actors.waiting.admission import burst_of
from actors.waiting.limits import (
    CODES_PER_LANE_MAX,
    IN_AT_ONCE_MAX,
    LANES_MAX,
    LIVING_PER_SHARD_MAX,
    NEAR_AHEAD_MAX,
    PER_MINUTE_MAX,
    SECONDS_MAX,
    TEXT_CHARACTERS_MAX,
)
from actors.waiting.standing import Room
from events.clock import Instant
from events.names import is_identifier
from events.room import RoomSettings
from events.waiting.sessions import PASS_LIFE_S_MAX, SHARDS_MAX, is_session
from events.waiting.work import WORK_BITS_MAX


def unfit(settings: RoomSettings, at: Instant) -> Refusal | None:
    """What is wrong with the settings by themselves, if anything."""
    return _unfit_bounds(settings) or _unfit_spans(settings) or _unfit_times(settings, at) or _unfit_texts(settings)


def _unfit_bounds(settings: RoomSettings) -> Refusal | None:
    bounds = (
        ("capacity", settings.capacity, 0, IN_AT_ONCE_MAX),
        ("per_minute", settings.per_minute, 0, PER_MINUTE_MAX),
        ("burst", settings.burst, 0, PER_MINUTE_MAX),
        ("shards", settings.shards, 1, SHARDS_MAX),
        ("ordinary_share", settings.ordinary_share, 0, 100),
        ("work_bits", settings.work_bits, 0, WORK_BITS_MAX),
        ("near_ahead", settings.near_ahead, 0, NEAR_AHEAD_MAX),
    )
    for name, value, least, most in bounds:
        if not least <= value <= most:
            return Refusal(f"bad_{name}", f"{name} is between {least} and {most}, not {value}")
    if not settings.capacity and not settings.per_minute:
        return Refusal("admits_nobody", "a room with capacity 0 and rate 0 has nothing to go by: set one of them")
    if settings.per_minute and burst_of(settings) > settings.per_minute:
        return Refusal("burst_over_rate", "no more are called in a second than are admitted in a minute")
    if not settings.shards <= settings.queue_max <= settings.shards * LIVING_PER_SHARD_MAX:
        most = settings.shards * LIVING_PER_SHARD_MAX
        return Refusal("bad_queue_max", f"{settings.shards} shards hold between {settings.shards} and {most} in line")
    return None


def _unfit_spans(settings: RoomSettings) -> Refusal | None:
    for name in ("active_s", "active_max_s", "claim_s", "absent_after_s", "absence_max_s"):
        value = getattr(settings, name)
        if not 1 <= value <= SECONDS_MAX:
            return Refusal(f"bad_{name}", f"{name} is between 1 and {SECONDS_MAX} seconds, not {value}")
    if settings.active_max_s > PASS_LIFE_S_MAX:
        return Refusal("bad_active_max_s", f"a pass is good for at most {PASS_LIFE_S_MAX} seconds in all")
    if settings.active_s > settings.active_max_s:
        return Refusal("active_over_max", "a pass cannot be good for longer at a time than it is in all")
    return None


def _unfit_times(settings: RoomSettings, at: Instant) -> Refusal | None:
    begins, opens, closes = settings.pre_queue_at, settings.opens_at, settings.closes_at
    if begins is not None and opens is not None and begins >= opens:
        return Refusal("opens_before_pre_queue", "the pre-queue begins before the room opens")
    begins = opens if begins is None else begins
    if closes is not None and (closes <= at or (begins is not None and closes <= begins)):
        return Refusal("closes_before_opening", "a room closes after it has opened, and not in the past")
    if closes is not None and opens is not None and closes <= opens:
        return Refusal("closes_before_opening", "a room closes after it has opened")
    return None


def _unfit_texts(settings: RoomSettings) -> Refusal | None:
    for name in ("title", "announcement"):
        text = getattr(settings, name)
        if len(text) > TEXT_CHARACTERS_MAX or (why := unfit_text(text, lines=name == "announcement")):
            why = f"at most {TEXT_CHARACTERS_MAX} characters" if len(text) > TEXT_CHARACTERS_MAX else why
            return Refusal(f"bad_{name}", f"{name}: {why}")
    if len(settings.lanes) > LANES_MAX or len({lane.id for lane in settings.lanes}) < len(settings.lanes):
        return Refusal("bad_lanes", f"at most {LANES_MAX} lanes, each of them once")
    for lane in settings.lanes:
        if not is_identifier(lane.id) or len(lane.title) > TEXT_CHARACTERS_MAX or unfit_text(lane.title):
            return Refusal("bad_lane", f"{lane.id!r} is no lane: an identifier, and a title that can be shown")
        if not 1 <= len(lane.codes) <= CODES_PER_LANE_MAX or not all(map(is_session, lane.codes)):
            return Refusal("bad_codes", f"the lane {lane.id!r} has 1 to {CODES_PER_LANE_MAX} codes, each as its hash")
    return None


def unfit_change(room: Room, settings: RoomSettings) -> Refusal | None:
    """What of the settings cannot change any more, if it would."""
    if room.phase == "closed":
        return Refusal("room_closed", f"the room {room.id!r} is closed for good", "late")
    if not room.exists or room.phase == "scheduled":
        return None
    for name in ("shards", "one_per_identity", "draw"):
        if getattr(settings, name) != getattr(room.settings, name):
            return Refusal(f"{name}_fixed", f"{name} cannot change once people may have joined", "late")
    kept = {lane.id for lane in settings.lanes}
    for lane in room.settings.lanes:
        if lane.id not in kept and room.in_lane(lane.id):
            return Refusal("lane_in_use", f"somebody waits in the lane {lane.id!r}")
    return None

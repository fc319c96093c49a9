"""A room goes through its phases along one table, is set to what makes sense, and hears its lines while it lives. All
that an operator can ask of a room is here, and whole: the tests share what a room in each phase is.
"""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from actors.decider import CONSULTED_BY_ALL_AFTER_MS, TICK, Followed, News
from actors.specification import Given, given
from actors.waiting import limits
from actors.waiting.commands import (
    Claim,
    CloseRoom,
    DrainRoom,
    Draw,
    Exit,
    OpenRoom,
    PauseRoom,
    Prolong,
    PutRoom,
    ResumeRoom,
    Revoke,
    ShowRoom,
    ShowTicket,
    StartPreQueue,
)
from actors.waiting.lifecycle import CALLS, JOINS, LISTENS, ROOM, TICKET, Step, TicketState, TicketStep
from actors.waiting.room import ALWAYS, ROOM_KIND, STEPS, RoomCommand
from actors.waiting.standing import Room
from events.clock import Instant
from events.line import Joined
from events.room import Lane, Phase, PhaseEntered, RoomFact, RoomPut, RoomSettings
from events.waiting.sessions import hidden
from tests.support.launch import (
    MINUTE_MS,
    NOON,
    ROOM_ACTOR,
    Launch,
    code_of,
    key_of,
    session,
    through_the_shelf,
)

PLAIN = RoomSettings(capacity=10)
PUT = RoomPut(PLAIN)
HOUR_MS = 60 * MINUTE_MS
CODES = (hidden("open sesame"),)
COMMANDS: dict[Step, RoomCommand] = {
    "start": StartPreQueue(), "open": OpenRoom(), "pause": PauseRoom(), "resume": ResumeRoom(), "drain": DrainRoom(),
    "close": CloseRoom(),
}  # fmt: skip


def room(*facts: RoomFact, at: Instant = NOON) -> Given[Room, RoomCommand, RoomFact, Followed]:
    return given(ROOM_KIND, *facts, at=at, actor=ROOM_ACTOR)


def in_phase(phase: Phase, settings: RoomSettings = PLAIN) -> Given[Room, RoomCommand, RoomFact, Followed]:
    return room(RoomPut(settings)) if phase == "scheduled" else room(RoomPut(settings), PhaseEntered(phase))


def phase_of(launch: Launch) -> str:
    return launch.room.phase


def joins(*names: str) -> Followed:
    """News: they have joined, in one commit of the first shard."""
    facts = tuple(Joined(number, session(name), 1) for number, name in enumerate(names))
    return Followed((News(5, "demo.line.launch.0", "5" * 64, facts),))


class TestPhases:
    @pytest.mark.parametrize("phase", get_args(Phase))
    @pytest.mark.parametrize("step", COMMANDS)
    def test_the_table_is_true(self, phase: Phase, step: Step) -> None:
        """What stands in it is done; every other pair is refused, and nothing changes."""
        asked = in_phase(phase).when(COMMANDS[step])
        after = ROOM[phase].get(step)
        if after is None:
            asked.then_refused("wrong_phase")
        else:
            asked.then(PhaseEntered(after)).replies({"room": "launch", "phase": after})

    def test_the_table_is_whole(self) -> None:
        """Every phase is in it, every command is a step of it, and nothing leads back from the end."""
        phases = set(get_args(Phase))
        assert set(ROOM) == phases and set(STEPS.values()) == set(COMMANDS) and not ROOM["closed"]
        assert CALLS | JOINS <= LISTENS == phases - {"scheduled", "closed"}

    @pytest.mark.parametrize(
        "command",
        [
            *COMMANDS.values(), Draw("a secret of sixteen"), Claim("launch.0.0", key_of("ann")), ShowRoom(),
            Prolong("launch.0.0", key_of("ann")), Exit("launch.0.0", key_of("ann")), Revoke("launch.0.0"),
            ShowTicket("launch.0.0"),
        ],
        ids=lambda command: type(command).__name__,
    )  # fmt: skip
    def test_a_room_that_there_is_not(self, command: RoomCommand) -> None:
        """Nobody has put one there; and it wants nothing."""
        room().when(command).then_refused("unknown_room")
        room().when(TICK).then_nothing().wakes_at(None)
        room().when(TICK, policy=joins("ann")).then_nothing()

    def test_by_the_clock(self) -> None:
        """It starts, opens and closes when it is said to; not a millisecond before."""
        timed = msgspec.structs.replace(
            PLAIN, pre_queue_at=NOON + HOUR_MS, opens_at=NOON + 2 * HOUR_MS, closes_at=NOON + 3 * HOUR_MS
        )
        past = room(RoomPut(timed))
        past.when(ShowRoom()).wakes_at(NOON + HOUR_MS)
        for phase, at in (("pre_queue", HOUR_MS), ("open", 2 * HOUR_MS), ("closed", 3 * HOUR_MS)):
            past.when(TICK, at=NOON + at - 1).then_nothing()
            past.when(TICK, at=NOON + at).then(PhaseEntered(phase))  # type: ignore[arg-type]
            past = past.given(PhaseEntered(phase), at=NOON + at)  # type: ignore[arg-type]
        past.when(TICK, at=NOON + 4 * HOUR_MS).then_nothing().wakes_at(None)

    def test_an_instant_that_has_passed_comes_at_once(self) -> None:
        """And a room that was to open long ago opens, without a pre-queue that nobody could have joined."""
        late = msgspec.structs.replace(PLAIN, pre_queue_at=NOON - 2, opens_at=NOON - 1)
        room(RoomPut(late)).when(TICK).then(PhaseEntered("open"))

    def test_who_opens_it_earlier_has_opened_it(self) -> None:
        """The clock does not open it again, nor what is paused."""
        timed = msgspec.structs.replace(PLAIN, opens_at=NOON + HOUR_MS)
        for phases in (("open",), ("open", "paused"), ("open", "draining")):
            past = room(RoomPut(timed), *map(PhaseEntered, phases))  # type: ignore[arg-type]
            asked = past.when(TICK, at=NOON + HOUR_MS)
            asked.then_nothing() if phases[-1] != "draining" else asked.then(PhaseEntered("closed"))

    @pytest.mark.parametrize("phase", ["scheduled", "pre_queue", "open", "paused", "draining"])
    def test_the_clock_closes_every_room(self, phase: Phase) -> None:
        """In whatever phase it is."""
        timed = msgspec.structs.replace(PLAIN, closes_at=NOON + HOUR_MS)
        past = in_phase(phase, timed)
        past.when(TICK, at=NOON + HOUR_MS).then(PhaseEntered("closed"))

    def test_one_that_drains_closes_when_nobody_is_left(self) -> None:
        """Absent ones are somebody, and so is who is called; who is in is not in the line."""
        launch = Launch(RoomSettings(capacity=1, absent_after_s=60, absence_max_s=300, claim_s=60))
        launch.join_all(["ann", "bob", "cem"])
        assert launch.claim("ann") == "active"
        launch.later(121)
        assert launch.statuses("bob", "cem") == ["absent", "absent"]
        assert launch.control("drain") == "ok"
        assert phase_of(launch) == "draining"
        assert launch.touch("bob") == "ok"
        assert launch.exit("ann") == "exited"
        assert launch.statuses("bob", "cem") == ["called", "absent"]
        launch.later(61)
        assert launch.claim("bob") == "active"
        assert phase_of(launch) == "draining"
        launch.later(300)
        assert phase_of(launch) == "closed"
        assert launch.statuses("bob", "cem") == ["active", "over"]

    def test_one_that_drains_without_anybody_closes_when_nobody_can_have_joined(self) -> None:
        """A line that has not heard yet that the room drains may let somebody join, and they are called."""
        launch = Launch(PLAIN)
        launch.control("drain")
        phases = []
        for wait_s in (CONSULTED_BY_ALL_AFTER_MS / 1_000 - 1, 1):
            launch.later(wait_s)
            phases.append(launch.room.phase)
        assert phases == ["draining", "closed"]

    def test_it_listens_for_as_long_as_it_lives(self) -> None:
        """A room that may hear of somebody is kept awake; one that may not sleeps."""
        for phase in ROOM:
            wake = ROOM_KIND.wake(in_phase(phase).state())
            drained = NOON + CONSULTED_BY_ALL_AFTER_MS
            assert wake == (drained if phase == "draining" else ALWAYS if phase in LISTENS else None)

    def test_a_closed_room_hears_nothing(self) -> None:
        """Whoever joined a moment too late stands in no line."""
        in_phase("closed").when(TICK, policy=joins("ann")).then_nothing()
        in_phase("closed").when(ShowTicket("launch.0.0"), policy=joins("ann")).then_refused("unknown_ticket")


class TestSettings:
    def test_creating(self) -> None:
        """A room is scheduled at first."""
        room().when(PutRoom(PLAIN)).then(PUT).replies({"room": "launch"})
        shown = room(PUT).when(ShowRoom())
        shown.then_nothing().wakes_at(None)

    def test_the_same_again_changes_nothing(self) -> None:
        """Nor does it write anything."""
        room(PUT).when(PutRoom(PLAIN)).then_nothing(reply={"room": "launch"})

    def test_changing(self) -> None:
        """In every phase but the last."""
        other = msgspec.structs.replace(PLAIN, capacity=20, title="Soon", missed="out", burst=3, per_minute=600)
        for phase in ROOM:
            asked = in_phase(phase).when(PutRoom(other))
            asked.then_refused("room_closed") if phase == "closed" else asked.then(RoomPut(other))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"capacity": 0}, "admits_nobody"),
            ({"capacity": -1}, "bad_capacity"),
            ({"capacity": limits.IN_AT_ONCE_MAX + 1}, "bad_capacity"),
            ({"per_minute": -1}, "bad_per_minute"),
            ({"per_minute": limits.PER_MINUTE_MAX + 1}, "bad_per_minute"),
            ({"per_minute": 10, "burst": 11}, "burst_over_rate"),
            ({"burst": -1}, "bad_burst"),
            ({"shards": 0}, "bad_shards"),
            ({"shards": 65}, "bad_shards"),
            ({"ordinary_share": -1}, "bad_ordinary_share"),
            ({"ordinary_share": 101}, "bad_ordinary_share"),
            ({"work_bits": 29}, "bad_work_bits"),
            ({"work_bits": -1}, "bad_work_bits"),
            ({"queue_max": 0}, "bad_queue_max"),
            ({"queue_max": 3, "shards": 4}, "bad_queue_max"),
            ({"queue_max": limits.LIVING_PER_SHARD_MAX + 1}, "bad_queue_max"),
            ({"active_s": 0}, "bad_active_s"),
            ({"active_s": 3_601}, "active_over_max"),
            ({"active_max_s": 86_401}, "bad_active_max_s"),
            ({"active_max_s": 10**12}, "bad_active_max_s"),
            ({"claim_s": 0}, "bad_claim_s"),
            ({"claim_s": limits.SECONDS_MAX + 1}, "bad_claim_s"),
            ({"absent_after_s": 0}, "bad_absent_after_s"),
            ({"absence_max_s": 0}, "bad_absence_max_s"),
            ({"opens_at": NOON, "pre_queue_at": NOON}, "opens_before_pre_queue"),
            ({"opens_at": NOON, "pre_queue_at": NOON + 1}, "opens_before_pre_queue"),
            ({"closes_at": NOON}, "closes_before_opening"),
            ({"closes_at": NOON + 1, "opens_at": NOON + 1}, "closes_before_opening"),
            ({"closes_at": NOON + 2, "opens_at": NOON + 3, "pre_queue_at": NOON + 1}, "closes_before_opening"),
            ({"closes_at": NOON + 2, "pre_queue_at": NOON + 2}, "closes_before_opening"),
            ({"title": "x" * 1_001}, "bad_title"),
            ({"title": "two\nlines"}, "bad_title"),
            ({"announcement": "\u0007"}, "bad_announcement"),
            ({"lanes": (Lane("press", CODES), Lane("press", CODES))}, "bad_lanes"),
            ({"lanes": tuple(Lane(f"l{n}", CODES) for n in range(17))}, "bad_lanes"),
            ({"lanes": (Lane("", CODES),)}, "bad_lane"),
            ({"lanes": (Lane("Press!", CODES),)}, "bad_lane"),
            ({"lanes": (Lane("press", CODES, "\u2028"),)}, "bad_lane"),
            ({"lanes": (Lane("press"),)}, "bad_codes"),
            ({"lanes": (Lane("press", ("open sesame",)),)}, "bad_codes"),
            ({"lanes": (Lane("press", CODES * 257),)}, "bad_codes"),
            ({"draw": True}, "commitment_needed"),
        ],
        ids=repr,
    )
    def test_what_contradicts_itself(self, change: dict[str, object], code: str) -> None:
        """Is refused, for a new room and for one that stands; and nothing changes."""
        bad = msgspec.structs.replace(PLAIN, **change)
        room().when(PutRoom(bad), at=NOON).then_refused(code)
        room(PUT).when(PutRoom(bad), at=NOON).then_refused(code)

    @pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
    def test_half_a_character(self, text: str) -> None:
        """Cannot be shown, and is in no title."""
        for change in ({"title": text}, {"announcement": text}, {"lanes": (Lane("press", CODES, text),)}):
            told = ROOM_KIND.decide(
                ROOM_KIND.initial(ROOM_ACTOR),
                PutRoom(msgspec.structs.replace(PLAIN, **change)),
                NOON,
                Followed(),
            )
            assert code_of(told) in {"bad_title", "bad_announcement", "bad_lane"}

    @pytest.mark.parametrize(
        ("change", "code"),
        [({"shards": 2}, "shards_fixed"), ({"one_per_identity": True}, "one_per_identity_fixed")],
        ids=repr,
    )
    @pytest.mark.parametrize("phase", ROOM)
    def test_what_is_fixed_once_people_may_have_joined(
        self, phase: Phase, change: dict[str, object], code: str
    ) -> None:
        """Before, it may change."""
        asked = in_phase(phase).when(PutRoom(msgspec.structs.replace(PLAIN, **change)))
        match phase:
            case "scheduled":
                assert len(asked.facts) == 1
            case "closed":
                asked.then_refused("room_closed")
            case _:
                asked.then_refused(code)

    @pytest.mark.parametrize("commitment", ["x", "0" * 63, "A" * 64, "0" * 65])
    def test_a_commitment_that_is_none(self, commitment: str) -> None:
        """A SHA-256 is spelled in one way."""
        room().when(PutRoom(PLAIN, commitment)).then_refused("bad_commitment")

    def test_a_lane_in_which_somebody_stands_stays(self) -> None:
        """Absent or not; and goes with the last of them."""
        launch = Launch(RoomSettings(capacity=1, lanes=(Lane("press", CODES),)))
        launch.join("dan")
        assert launch.claim("dan") == "active"
        launch.join("ann", "press", "open sesame")
        launch.join("bob", "press", "open sesame")
        assert launch.put(lanes=()) == "lane_in_use"
        launch.leave("ann")
        launch.later(130)
        assert launch.status("bob") == "absent"
        assert launch.put(lanes=()) == "lane_in_use"
        launch.leave("bob")
        assert launch.put(lanes=()) == "ok"

    def test_the_shelf_keeps_a_room_as_it_is(self) -> None:
        """With somebody in every standing."""
        launch = Launch(RoomSettings(capacity=2, shards=3, lanes=(Lane("press", CODES),)))
        for name in "abcdefgh":
            launch.join(name)
        launch.join("z", "press", "open sesame")
        launch.claim("a")
        launch.leave("d")
        launch.later(125)
        assert through_the_shelf(ROOM_KIND, launch.room) == launch.room
        assert launch.replayed() == launch.room


class TestTheTicketsTable:
    """Each step of it is made by a room and its line."""

    SETTINGS = RoomSettings(capacity=1, absence_max_s=300)

    def brought(self, state: TicketState) -> Launch:
        """A room in which ann stands so. Before her is who is in, behind her who waits."""
        launch = Launch(self.SETTINGS)
        launch.join("zoe")
        assert launch.claim("zoe") == "active"
        launch.join("ann")
        match state:
            case "absent":
                launch.later(130)
            case "called" | "active":
                launch.exit("zoe")
                if state == "active":
                    launch.claim("ann")
            case "claiming":
                launch.put(capacity=2)
                launch.put(capacity=1)
                launch.claim("ann")
            case _:
                pass
        assert launch.status("ann") == state
        return launch

    def made(self, launch: Launch, step: TicketStep) -> None:
        match step:
            case "fall_silent":
                launch.later(130)
            case "return":
                launch.touch("ann")
            case "call" | "admit":
                launch.exit("zoe")
            case "claim":
                launch.claim("ann")
            case "wait_for_seat":
                launch.put(capacity=2)
                launch.exit("ann") if launch.status("ann") == "active" else None
                launch.join("bob")
                launch.claim("bob")
                launch.put(capacity=1)
                launch.claim("ann")
            case "miss":
                launch.put(missed="out")
                launch.later(61)
            case "call_again":
                launch.join("bob")
                launch.control("pause")
                launch.later(61)
            case "leave":
                launch.leave("ann")
            case "expire":
                launch.later(601)
            case "exit":
                launch.exit("ann")
            case "close":
                launch.ask(CloseRoom())

    @pytest.mark.parametrize(
        ("state", "step"), [(state, step) for state, steps in TICKET.items() for step in steps], ids=str
    )
    def test_every_step_is_made(self, state: TicketState, step: TicketStep) -> None:
        """And leads where the table says; what is over is over, by whatever way."""
        launch = self.brought(state)
        self.made(launch, step)
        after = TICKET[state][step]
        assert launch.status("ann") == (after if TICKET[after] else "over")
        assert (launch.claim("ann") == "ticket_over") == (not TICKET[after])

    @pytest.mark.parametrize("step", ["exit", "close", "leave"])
    @pytest.mark.parametrize("state", ["waiting", "absent", "called", "claiming", "active"])
    def test_what_is_not_in_the_table_is_not_done(self, state: TicketState, step: TicketStep) -> None:
        """By those steps that somebody could try at any time."""
        launch = self.brought(state)
        before = launch.status("ann")
        self.made(launch, step)
        after = TICKET[state].get(step)
        assert (launch.status("ann") == before) == (after is None)

    def test_what_is_over_stays_over(self) -> None:
        """Nothing leads out of it."""
        assert [state for state, steps in TICKET.items() if not steps] == ["missed", "left", "expired", "exited"]

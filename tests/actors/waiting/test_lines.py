"""A line gives everybody who may join one ticket, numbered in the order of its commits; and says why, when it does
not."""

from __future__ import annotations

import msgspec
import pytest
from pyroaring import BitMap

from actors.decider import TICK, Consulted
from actors.specification import Given, given
from actors.waiting.commands import Join, Leave, Present, Remove, ShowLine, Touch
from actors.waiting.limits import LIVING_PER_SHARD_MAX, PRESENT_BYTES_MAX
from actors.waiting.line import LINE, By, Line, LineCommand
from actors.waiting.presence import Presence
from actors.waiting.queue import Shard
from actors.waiting.standing import Room
from events.clock import Instant
from events.codec import spelled
from events.line import Forgotten, Joined, Left, LineFact
from events.room import Lane, Phase, RoomSettings
from events.waiting.sessions import NUMBERS_MAX, hidden, shard_of
from events.waiting.work import WORK_MINUTES_MAX, done, zero_bits
from tests.support.launch import MINUTE_MS, NOON, key_of, session

PLAIN = RoomSettings(capacity=10)
LANES = RoomSettings(capacity=10, lanes=(Lane("press", (hidden("open sesame"),)), Lane("staff", (hidden("x"),))))
KNOWN = RoomSettings(capacity=10, one_per_identity=True)
WORK = RoomSettings(capacity=10, work_bits=6)
ANN, BOB = key_of("ann"), key_of("bob")
FIRST = "launch.0.0"


def by(
    settings: RoomSettings = PLAIN,
    phase: Phase = "open",
    sequence: int = 7,
    served: BitMap | None = None,
    inside: BitMap | None = None,
) -> By:
    """What a line decides by: a room that is set so, and what it says of the shard."""
    mine = Shard(count=100, served=served or BitMap(), inside=inside or BitMap())
    shards = [mine, *(Shard() for _ in range(settings.shards - 1))]
    room = Room("launch", exists=True, settings=settings, phase=phase, shards=shards)
    return Consulted(room, Presence(), sequence)


def line(
    *facts: LineFact, at: Instant = NOON, actor: str = "demo.line.launch.0"
) -> Given[Line, LineCommand, LineFact, By]:
    return given(LINE, *facts, at=at, actor=actor)


def joined(number: int, name: str, **more: str) -> Joined:
    return Joined(number, session(name), 7, **more)


def over(*numbers: int) -> BitMap:
    """The room called them, and is done with them."""
    return BitMap(numbers)


class TestTickets:
    def test_they_are_numbered_in_order(self) -> None:
        """From nought, without a gap; and each says by which commit of the room it was decided."""
        line().when(Join(ANN), policy=by()).then(joined(0, "ann")).replies({"ticket": FIRST, "new": True})
        line(joined(0, "ann")).when(Join(BOB), policy=by(sequence=9)).then(Joined(1, session("bob"), 9))

    def test_who_asks_again_gets_the_same_one(self) -> None:
        """Waiting, called or in: a refresh or a second tab changes nothing."""
        for who in (by(), by(served=over(0), inside=over(0))):
            line(joined(0, "ann")).when(Join(ANN), policy=who).then_nothing(reply={"ticket": FIRST, "new": False})

    def test_whoever_has_a_ticket_keeps_it_when_nobody_may_join(self) -> None:
        """Full, draining or paused, and whatever they ask for with it."""
        for settings, phase in ((PLAIN, "draining"), (PLAIN, "paused"), (KNOWN, "open"), (WORK, "open")):
            past = line(joined(0, "ann"))
            past.when(Join(ANN, "none"), policy=by(settings, phase)).replies({"ticket": FIRST, "new": False})  # type: ignore[arg-type]

    def test_who_left_may_join_anew(self) -> None:
        """And stands at the end."""
        past = line(joined(0, "ann"), joined(1, "bob"), Left(0))
        past.when(Join(ANN), policy=by()).then(joined(2, "ann"))

    def test_whom_the_room_is_done_with_may_join_anew(self) -> None:
        """The ticket that is over is forgotten in the same breath."""
        past = line(joined(0, "ann"), joined(1, "bob"))
        past.when(Join(ANN), policy=by(served=over(0))).then(Forgotten(spelled([0])), joined(2, "ann"))

    def test_a_number_is_never_given_again(self) -> None:
        """However many leave."""
        past = line(joined(0, "ann"), Left(0), joined(1, "bob"), Left(1))
        past.when(Join(key_of("cem")), policy=by()).then(joined(2, "cem"))

    def test_what_a_shard_says_of_itself(self) -> None:
        """How many have joined, are living, are absent."""
        past = line(joined(0, "ann"), joined(1, "bob"), Left(0))
        past.when(ShowLine(), policy=by()).then_nothing(reply={"joined": 2, "living": 1, "absent": 0})


class TestWhoMayNotJoin:
    @pytest.mark.parametrize(
        ("phase", "code"),
        [("scheduled", "room_not_open"), ("draining", "room_draining"), ("closed", "room_closed")],
    )
    def test_the_room_takes_nobody(self, phase: Phase, code: str) -> None:
        """It has not opened, lets nobody join any more, or is over."""
        line().when(Join(ANN), policy=by(phase=phase)).then_refused(code)

    @pytest.mark.parametrize("phase", ["pre_queue", "open", "paused"])
    def test_the_room_takes_them(self, phase: Phase) -> None:
        """Before it opens, while it is open, and while it pauses."""
        line().when(Join(ANN), policy=by(phase=phase)).then(joined(0, "ann"))

    def test_there_is_no_such_room(self) -> None:
        """Nobody has put one there."""
        line().when(Join(ANN), policy=Consulted(Room("launch"), Presence())).then_refused("unknown_room")

    @pytest.mark.parametrize("key", ["", "short", "x" * 15, "x" * 201])
    def test_a_key_that_is_none(self, key: str) -> None:
        """Too short to be a secret, or too long to be one that we gave out."""
        line().when(Join(key), policy=by()).then_refused("bad_key")

    def test_a_line_that_has_not_heard_of_the_last_change(self) -> None:
        """Whoever knows the room as of a later commit is asked to try again in a moment."""
        line().when(Join(ANN, room=8), policy=by(sequence=7)).then_refused("behind")
        line().when(Join(ANN, room=7), policy=by(sequence=7)).then(joined(0, "ann"))

    def test_another_shard(self) -> None:
        """A session stands in the shard that its hash says, and in no other."""
        four = msgspec.structs.replace(PLAIN, shards=4)
        right = shard_of(session("ann"), 4)
        for shard in range(6):
            asked = line(actor=f"demo.line.launch.{shard}").when(Join(ANN), policy=by(four))
            asked.then(joined(0, "ann")) if shard == right else asked.then_refused("wrong_shard")

    @pytest.mark.parametrize("spelling", ["00", "01", "0x1", "a", "1_0"])
    def test_a_shard_has_one_name(self, spelling: str) -> None:
        """A line that is named otherwise than the room names its shards takes nobody: the room would hear it as one
        of them."""
        line(actor=f"demo.line.launch.{spelling}").when(Join(ANN), policy=by()).then_refused("wrong_shard")
        two = msgspec.structs.replace(PLAIN, shards=2)
        for name in ("ann", "bob", "cem", "dan"):
            asked = line(actor=f"demo.line.launch.{spelling}").when(Join(key_of(name)), policy=by(two))
            asked.then_refused("wrong_shard")

    def test_a_shard_that_the_room_has_not_yet(self) -> None:
        """As the line sees it, which may have missed a change: it takes nobody, and whoever knows better asks again."""
        third = line(actor="demo.line.launch.3")
        third.when(Join(ANN), policy=by()).then_refused("wrong_shard")
        third.when(Join(ANN, room=8), policy=by()).then_refused("behind")
        third.when(Touch("launch.3.0", ANN), policy=by()).then_refused("unknown_ticket")
        third.when(Present(spelled([0])), policy=by()).then_nothing(reply={"living": 0})
        third.when(TICK, policy=by()).then_nothing()

    def test_a_lane_that_there_is_not(self) -> None:
        """By that name, today."""
        line().when(Join(ANN, "nobility", "open sesame"), policy=by(LANES)).then_refused("unknown_lane")
        line().when(Join(ANN, "press", "open sesame"), policy=by(PLAIN)).then_refused("unknown_lane")

    @pytest.mark.parametrize("code", ["", "open barley", hidden("open sesame"), "OPEN SESAME", "x"])
    def test_a_lane_opens_to_its_own_codes(self, code: str) -> None:
        """Not to another lane's, and not to the hash of one."""
        line().when(Join(ANN, "press", code), policy=by(LANES)).then_refused("wrong_code")

    def test_a_code_that_is_right(self) -> None:
        """It is not written: the lane is."""
        line().when(Join(ANN, "press", "open sesame"), policy=by(LANES)).then(joined(0, "ann", lane="press"))

    def test_a_full_line(self) -> None:
        """Who is called or in is not in the line, nor who is over."""
        two = msgspec.structs.replace(PLAIN, queue_max=2)
        past = line(joined(0, "ann"), joined(1, "bob"))
        past.when(Join(key_of("cem")), policy=by(two)).then_refused("queue_full")
        past.when(Join(key_of("cem")), policy=by(two, served=over(0), inside=over(0))).then(joined(2, "cem"))
        past.given(Left(1), at=NOON).when(Join(key_of("cem")), policy=by(two)).then(joined(2, "cem"))

    def test_a_line_is_shared_out_among_its_shards(self) -> None:
        """Five places in two shards: three in the first, two in the second."""
        five = msgspec.structs.replace(PLAIN, queue_max=5, shards=2)
        room = Room("launch", settings=five)
        assert [room.share_of(0), room.share_of(1)] == [3, 2]

    def test_a_shard_ends_somewhere(self) -> None:
        """At so many who are living, and at so many tickets that it ever gave."""
        large = msgspec.structs.replace(PLAIN, queue_max=LIVING_PER_SHARD_MAX)
        full = Line("launch", 0, next=LIVING_PER_SHARD_MAX, living=BitMap(range(LIVING_PER_SHARD_MAX)))
        told = LINE.decide(full, Join(ANN), NOON, by(large, served=BitMap(range(LIVING_PER_SHARD_MAX))))
        assert getattr(told, "code", None) == "queue_full"
        told = LINE.decide(Line("launch", 0, next=NUMBERS_MAX), Join(ANN), NOON, by(large))
        assert getattr(told, "code", None) == "queue_full"


class TestIdentities:
    def test_one_place_for_each(self) -> None:
        """From whatever session; what is written of an identity is its hash."""
        first = joined(0, "ann", identity=hidden("ann@example.com"))
        line().when(Join(ANN, identity="ann@example.com"), policy=by(KNOWN)).then(first)
        line(first).when(Join(BOB, identity="ann@example.com"), policy=by(KNOWN)).then_refused("identity_has_place")
        line(first).when(Join(ANN, identity="ann@example.com"), policy=by(KNOWN)).replies(
            {"ticket": FIRST, "new": False}
        )

    def test_a_place_that_is_over_is_none(self) -> None:
        """Who left, or was in and is done, may come again, from another session too."""
        first = joined(0, "ann", identity=hidden("ann@example.com"))
        again = Join(BOB, identity="ann@example.com")
        second = joined(1, "bob", identity=hidden("ann@example.com"))
        line(first, Left(0)).when(again, policy=by(KNOWN)).then(second)
        line(first).when(again, policy=by(KNOWN, served=over(0))).then(Forgotten(spelled([0])), second)

    def test_a_room_that_wants_to_know(self) -> None:
        """Takes nobody whom it does not."""
        line().when(Join(ANN), policy=by(KNOWN)).then_refused("identity_needed")

    def test_a_room_that_does_not(self) -> None:
        """Writes nothing down of whoever says it."""
        line().when(Join(ANN, identity="ann@example.com"), policy=by()).then(joined(0, "ann"))

    def test_the_shard_is_the_identitys(self) -> None:
        """Or one identity could have a place in each."""
        four = msgspec.structs.replace(KNOWN, shards=4)
        right = shard_of(hidden("ann@example.com"), 4)
        for name in ("ann", "bob", "cem"):
            for shard in range(4):
                asked = line(actor=f"demo.line.launch.{shard}").when(
                    Join(key_of(name), identity="ann@example.com"), policy=by(four)
                )
                if shard != right:
                    asked.then_refused("wrong_shard")
                else:
                    assert len(asked.facts) == 1


class TestWork:
    GOOD = done("launch", session("ann"), 6, NOON)

    def test_it_opens_the_line(self) -> None:
        """And is written down, since it is good once."""
        line().when(Join(ANN, work=self.GOOD), policy=by(WORK)).then(joined(0, "ann", work=self.GOOD))

    def test_where_places_are_of_identities_so_is_the_work(self) -> None:
        """One session cannot use it once for each of the identities that it makes up."""
        strict = msgspec.structs.replace(WORK, one_per_identity=True)
        line().when(Join(ANN, identity="ann@example.org", work=self.GOOD), policy=by(strict)).then_refused(
            "work_forged"
        )
        own = done("launch", hidden("ann@example.org"), 6, NOON)
        joined_so = line().when(Join(ANN, identity="ann@example.org", work=own), policy=by(strict))
        assert len(joined_so.facts) == 1

    def test_none(self) -> None:
        """Was done."""
        line().when(Join(ANN), policy=by(WORK)).then_refused("work_needed")

    def test_somebody_elses(self) -> None:
        """Is not theirs, nor is what was done for another room."""
        minute = NOON // MINUTE_MS
        stolen = next(
            work
            for n in range(10_000)
            if zero_bits("launch", session("ann"), work := f"{minute}:{n:x}") >= 6
            and zero_bits("launch", session("bob"), work) < 6
        )
        line().when(Join(BOB, work=stolen), policy=by(WORK)).then_refused("work_forged")

    @pytest.mark.parametrize("work", ["1:", ":1", "1", "x:1", "-1:1", "1.5:1", "²:1", f"1:{'0' * 80}", ":", "1:1:1"])
    def test_what_is_no_work(self, work: str) -> None:
        """By its spelling, or because nothing was computed."""
        heavy = msgspec.structs.replace(WORK, work_bits=28)
        line().when(Join(ANN, work=work), policy=by(heavy)).then_refused("work_forged")

    def test_too_old_and_too_new(self) -> None:
        """Work of ten minutes ago is good, and of the next minute; not a minute beyond."""
        for minutes, good in ((-WORK_MINUTES_MAX, True), (-WORK_MINUTES_MAX - 1, False), (1, True), (2, False)):
            work = done("launch", session("ann"), 6, NOON + minutes * MINUTE_MS)
            asked = line().when(Join(ANN, work=work), policy=by(WORK))
            asked.then(joined(0, "ann", work=work)) if good else asked.then_refused("work_stale")

    def test_twice(self) -> None:
        """Not by the same session for a second ticket either."""
        past = line(joined(0, "ann", work=self.GOOD), Left(0))
        past.when(Join(ANN, work=self.GOOD), policy=by(WORK)).then_refused("work_replayed")

    def test_it_is_remembered_for_as_long_as_it_is_good(self) -> None:
        """However many others come meanwhile; and then it is forgotten."""
        state = line(joined(0, "ann", work=self.GOOD), Left(0)).state()
        minute = NOON // MINUTE_MS
        for number in range(1, 6_000):
            later = f"{minute + min(number // 500, WORK_MINUTES_MAX)}:{number}"
            state = LINE.evolve(state, Joined(number, f"{number:032x}", 7, work=later), NOON)
            state = LINE.evolve(state, Left(number), NOON)
        late = NOON + WORK_MINUTES_MAX * MINUTE_MS
        told = LINE.decide(state, Join(ANN, work=self.GOOD), late, by(WORK))
        assert getattr(told, "code", None) == "work_replayed"
        for number in range(6_000, 9_000):
            work = f"{minute + 60}:{number}"
            state = LINE.evolve(state, Joined(number, f"{number:032x}", 7, work=work), NOON)
        assert len(state.works) < 5_000


class TestTheirOwn:
    """A ticket is its bearer's: whoever has the key."""

    PAST = line(joined(0, "ann"), joined(1, "bob"))

    def test_somebody_elses_ticket(self) -> None:
        """Cannot be kept alive, and cannot be given up."""
        for command in (Touch(FIRST, BOB), Leave(FIRST, BOB), Touch(FIRST, ""), Leave(FIRST, "\u0000" * 500)):
            self.PAST.when(command, policy=by()).then_refused("not_your_ticket")

    @pytest.mark.parametrize(
        "ticket",
        [
            "launch.0.2", "launch.1.0", "other.0.0", "0.0", "", "launch", "launch.0", "launch.0.0.0", "launch.00.0",
            "launch.0.+0", "launch.0.-1", "launch.0.٠", "launch.0.67108864", f"launch.0.{'9' * 5_000}",
            "LAUNCH.0.0", "launch.0.0\n", "launch.0.0 ", "../launch.0.0", "launch..0", "\u0000.0.0",
        ],
    )  # fmt: skip
    def test_a_ticket_that_there_is_not(self, ticket: str) -> None:
        """Whatever it is spelled like."""
        for command in (Touch(ticket, ANN), Leave(ticket, ANN), Remove(ticket)):
            self.PAST.when(command, policy=by()).then_refused("unknown_ticket")

    def test_leaving(self) -> None:
        """Ends it, once, whether it waits or the room has called it."""
        self.PAST.when(Leave(FIRST, ANN), policy=by()).then(Left(0)).replies({"ticket": FIRST})
        self.PAST.when(Leave(FIRST, ANN), policy=by(served=over(0), inside=over(0))).then(Left(0))
        self.PAST.given(Left(0), at=NOON).when(Leave(FIRST, ANN), policy=by()).then_refused("ticket_over")
        self.PAST.when(Leave(FIRST, ANN), policy=by(served=over(0))).then_refused("ticket_over")

    def test_a_ticket_that_is_over_is_not_alive(self) -> None:
        """Nor is an old one of a session that has joined anew."""
        self.PAST.given(Left(0), at=NOON).when(Touch(FIRST, ANN), policy=by()).then_refused("ticket_over")
        self.PAST.when(Touch(FIRST, ANN), policy=by(served=over(0))).then_refused("ticket_over")
        anew = self.PAST.given(Left(0), joined(2, "ann"), at=NOON)
        anew.when(Touch(FIRST, ANN), policy=by()).then_refused("not_your_ticket")

    def test_an_operator_removes_whom_they_name(self) -> None:
        """And removing again changes nothing."""
        self.PAST.when(Remove(FIRST), policy=by()).then(Left(0))
        self.PAST.given(Left(0), at=NOON).when(Remove(FIRST), policy=by()).then_nothing(reply={"ticket": FIRST})

    def test_touching_writes_nothing(self) -> None:
        """A heartbeat costs the log nothing."""
        self.PAST.when(Touch(FIRST, ANN), policy=by()).then_nothing(reply={"ticket": FIRST})

    def test_a_closed_room_is_over_for_all_who_are_not_in(self) -> None:
        """They hear so, whatever they do with their tickets; who is in stays in."""
        closed = by(phase="closed", served=over(1), inside=over(1))
        self.PAST.when(Join(ANN), policy=closed).then_refused("room_closed")
        self.PAST.when(Touch(FIRST, ANN), policy=closed).then_refused("ticket_over")
        self.PAST.when(Touch("launch.0.1", BOB), policy=closed).then_nothing()
        self.PAST.when(Join(BOB), policy=closed).replies({"ticket": "launch.0.1", "new": False})


class TestReports:
    def test_a_report_that_is_none(self) -> None:
        """Garbage and what is far too long are refused, and nobody is alive for it."""
        past = line(joined(0, "ann"))
        for garbage in ("x", "AAAA", "ÿÿÿÿ", "OjAAAAEAAAAAAAAAEAAAAA==", "=" * 40, "\u0000" * 8):
            past.when(Present(garbage), policy=by()).then_refused("bad_numbers")
        past.when(Present("A" * (PRESENT_BYTES_MAX + 1)), policy=by()).then_refused("too_many_present")

    def test_numbers_of_nobody(self) -> None:
        """Are nobody's: four thousand million of them keep no more alive than there are."""
        past = line(joined(0, "ann"))
        everybody = BitMap()
        everybody.add_range(0, 1 << 26)
        past.when(Present(spelled(everybody)), policy=by()).then_nothing(reply={"living": 1})
        past.when(Present(spelled([4_294_967_295])), policy=by()).then_nothing(reply={"living": 1})

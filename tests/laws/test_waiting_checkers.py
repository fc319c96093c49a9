"""The checkers of waiting rooms see what they are there for: each story breaks its law or keeps it by what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import pytest

from actors.kinds import KINDS
from actors.simulation.record import Record
from events.codec import canonical, spelled
from events.commit import GENESIS, Decided, encode, hash_of
from events.facts import Fact
from events.line import Expired, Forgotten, Joined, Left, Returned, WentAbsent
from events.log import Recorded
from events.room import (
    ClaimWaits,
    Drawn,
    Heard,
    LinesHeard,
    PassesExpired,
    PassProlonged,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    SecretCommitted,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from events.waiting.draw import commitment_of, drawn_order, seed_of
from tests.laws import law_03_first_come, law_04_never_over_admitted, line_moves
from tests.laws.history import History

AT = 1_800_000_000_000
ROOM = "demo.room.launch"
LINE = "demo.line.launch.0"
OTHER = "demo.line.launch.1"
SETTINGS = RoomSettings(shards=2, capacity=2, active_s=10, active_max_s=20, claim_s=5)
SECRET = "the operator's own"

Told = tuple[str, int, Iterable[Fact]]
"""An actor, how long after the beginning, and what became true."""


def told(*commits: Told, quiet_after: int = 1_000_000) -> Record:
    """What was told, one after the other."""
    record, heads = Record(0, quiet_at=AT + quiet_after), dict[str, str]()
    for number, (actor, after, facts) in enumerate(commits, 1):
        one = Decided(f"{number}", "test", AT + after, tuple(facts), canonical(None))  # type: ignore[arg-type]
        body = encode(actor, AT + after, heads.get(actor, GENESIS), [one])
        heads[actor] = hash_of(body)
        record.log.append(Recorded(number, actor, body, AT + after))
    record.quiet_sequence = len(record.log)
    return record


def session(number: int) -> str:
    return f"{number:032x}"


def joined(number: int, lane: str = "", *, who: int | None = None, identity: str = "") -> Joined:
    return Joined(number, session(number if who is None else who), 1, lane, identity)


def heard(sequence: int, shard: int = 0, first: int = 0, count: int = 0, lane: str = "", **rest: str) -> LinesHeard:
    tags = "".join(session(first + number + (100 if shard else 0))[:16] for number in range(count))
    lanes = ((lane, count),) if count else ()
    return LinesHeard((Heard(sequence, shard, first, tags, lanes, **rest),))


def called(*tickets: str, until: int = 5_000, lane: str = "") -> TicketsCalled:
    return TicketsCalled(lane, tickets, AT + until)


def claimed(ticket: str, at: int = 0) -> TicketClaimed:
    return TicketClaimed(ticket, AT + at + 10_000, AT + at + 20_000)


OPEN: Told = (ROOM, 0, (RoomPut(SETTINGS), PhaseEntered("open")))
SAID: tuple[Told, ...] = (
    OPEN,
    (LINE, 0, (joined(0), joined(1))),
    (OTHER, 0, (joined(0, who=100),)),
    (LINE, 0, (joined(2),)),
)
HEARD = (heard(2, 0, 0, 2), heard(3, 1, 0, 1), heard(4, 0, 2, 1))
"""0.0, 0.1, 1.0, 0.2: in this order."""


def third(*commits: Told) -> str:
    return next(law_03_first_come.breaches(History(told(*commits), KINDS)), "")


def fourth(*commits: Told) -> str:
    return next(law_04_never_over_admitted.breaches(History(told(*commits), KINDS)), "")


def moves(*commits: Told, quiet_after: int = 1_000_000) -> str:
    return next(line_moves.breaches(History(told(*commits, quiet_after=quiet_after), KINDS)), "")


class TestLaw3:
    def test_lives_that_keep_it(self) -> None:
        """In the order of the log across shards; past who is absent or gone; missed, and back at the old place."""
        assert not third(*SAID, (ROOM, 0, (*HEARD, called("0.0", "0.1"), called("1.0", "0.2"))))
        away = (LINE, 0, (WentAbsent(spelled([0]), AT + 9), Left(1)))
        knows = heard(5, absent=spelled([0]), left=spelled([1]))
        assert not third(*SAID, away, (ROOM, 0, (*HEARD, knows, called("1.0"))))
        back = (LINE, 1, (Returned(spelled([0])),))
        again = (ROOM, 2, (heard(7, returned=spelled([0])), called("0.0"), called("0.2")))
        assert not third(*SAID, away, (ROOM, 0, (*HEARD, knows, called("1.0"))), back, again)
        missed = (ROOM, 5_001, (TicketsMissed(("0.0",), ()), called("0.0", "0.1", until=10_001)))
        assert not third(*SAID, (ROOM, 0, (*HEARD, called("0.0"))), missed)

    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            ((called("0.1"),), "0.1 was called from place 1, and 0.0 waits at 0"),
            ((called("0.0", "0.1", "0.2"),), "0.2 was called from place 3, and 1.0 waits at 2"),
            ((called("0.0", "0.0"),), "0.0 of the lane '' was called in '', and is called"),
            ((called("0.0"), claimed("0.0"), TicketExited("0.0"), called("0.0")), "and is over"),
            ((called("0.0", lane="vip"),), "0.0 of the lane '' was called in 'vip'"),
            ((called("0.7"),), "0.7 was called, and nobody had heard of it"),
            ((claimed("0.0"),), "0.0 came in, and was not called"),
            ((called("0.0"), claimed("0.0"), claimed("0.0")), "0.0 came in, and was not called"),
            ((called("0.0"), ClaimWaits("0.0"), called("0.1")), "0.1 was called, and 0.0 waits for a seat"),
            ((called("0.0", "0.1"), ClaimWaits("0.0"), claimed("0.1")), "0.1 came in, and 0.0 has waited for longer"),
            ((called("0.0"), ClaimWaits("0.0"), ClaimWaits("0.0")), "and is claiming"),
            ((PhaseEntered("paused"), called("0.0")), "called when the room was paused"),
            ((called("0.0"), TicketsMissed((), ("0.0",))), "0.0 is out, and may go again"),
            (
                (called("0.0"), TicketsMissed(("0.0",), ()), called("0.0"), TicketsMissed(("0.0",), ())),
                "0.0 goes again, and may not",
            ),
        ],
    )
    def test_what_breaks_it(self, facts: tuple[Fact, ...], what: str) -> None:
        """When 0.0, 0.1, 1.0 and 0.2 wait, in this order."""
        assert what in third(*SAID, (ROOM, 0, (*HEARD, *facts)))

    @pytest.mark.parametrize(
        ("said", "what"),
        [
            ((HEARD[1],), "3 was heard, and 2 was next"),
            ((HEARD[0], HEARD[2]), "4 was heard, and 3 was next"),
            ((HEARD[0], HEARD[0]), "2 was heard, and 3 was next"),
            ((*HEARD, heard(9)), "9 was heard, and nothing was next"),
            ((heard(2, 0, 0, 1),), "tags"),
            ((heard(2, 0, 1, 2),), "first 0"),
            ((heard(2, 0, 0, 2, "vip"),), "lanes"),
            ((heard(2, 0, 0, 2, left=spelled([0])),), "left set()"),
            ((heard(2, 1, 0, 2),), "as of shard 1"),
            ((heard(2, 0, 0, 2, head="5" * 64),), "hashes to"),
        ],
    )
    def test_what_is_heard_is_what_was_said(self, said: tuple[Fact, ...], what: str) -> None:
        """Nothing is left out, taken twice, or told otherwise."""
        assert what in third(*SAID, (ROOM, 0, said))

    def test_the_last_word_of_a_commit_counts(self) -> None:
        """Who went and came back within one is there."""
        both = (LINE, 1, (WentAbsent(spelled([0]), AT + 9), Returned(spelled([0]))))
        assert not third(*SAID, both, (ROOM, 1, (*HEARD, heard(5, returned=spelled([0])), called("0.0"))))
        assert "absent set()" in third(*SAID, both, (ROOM, 1, (*HEARD, heard(5, absent=spelled([0])))))

    def test_who_has_gone_is_not_called(self) -> None:
        """Whether they left or expired."""
        away = (LINE, 0, (WentAbsent(spelled([0]), AT + 9),))
        gone = (LINE, 10, (Expired(spelled([0])),))
        knows = (heard(5, absent=spelled([0])), heard(6, expired=spelled([0])))
        assert "0.0 of the lane '' was called in '', and is waiting, and has left or expired" in third(
            *SAID, away, gone, (ROOM, 10, (*HEARD, *knows, called("0.0")))
        )

    def test_a_window_ends(self) -> None:
        """At exactly its end a call may still be claimed; who came in time may have to wait for longer."""
        before = (*SAID, (ROOM, 0, (*HEARD, called("0.0"))))
        assert not third(*before, (ROOM, 5_000, (claimed("0.0", 5_000),)))
        assert "and was called until" in third(*before, (ROOM, 5_001, (claimed("0.0", 5_001),)))
        assert not third(*before, (ROOM, 5_000, (ClaimWaits("0.0"),)), (ROOM, 9_000, (claimed("0.0", 9_000),)))

    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            ((joined(1),), "1 was given out, and 0 was next"),
            ((joined(0), joined(2)), "2 was given out, and 1 was next"),
            ((joined(0), joined(0)), "0 was given out, and 1 was next"),
            ((joined(0), joined(1, who=0)), "who has 0.0"),
            ((joined(0, identity="x"), joined(1, identity="x")), "identity x, who has 0.0"),
            ((joined(0), Forgotten(spelled([0]))), "the room is not done with it"),
            ((joined(0), Left(0), Left(0)), "was not there any more"),
            ((joined(0), Returned(spelled([0]))), "was not absent"),
            ((joined(0), WentAbsent(spelled([0]), AT), Expired(spelled([0]))), "kept their place until"),
        ],
    )
    def test_what_breaks_a_line(self, facts: tuple[Fact, ...], what: str) -> None:
        """Told by one shard."""
        assert what in third(OPEN, (LINE, 0, facts))

    def test_who_is_over_may_join_anew(self) -> None:
        """Having left; or when the room is done with them."""
        assert not third(OPEN, (LINE, 0, (joined(0), Left(0), joined(1, who=0))))
        room = (ROOM, 0, (heard(2, 0, 0, 1), called("0.0"), claimed("0.0"), TicketExited("0.0")))
        assert not third(
            OPEN, (LINE, 0, (joined(0),)), room, (LINE, 1, (Forgotten(spelled([0])), joined(1, who=0)))
        )  # fmt: skip


class TestTheDraw:
    COUNT = 6
    BEGUN: Told = (
        ROOM,
        0,
        (
            RoomPut(RoomSettings(capacity=9, draw=True)), SecretCommitted(commitment_of(SECRET)),
            PhaseEntered("pre_queue"),
        ),
    )  # fmt: skip
    JOINS: Told = (LINE, 0, tuple(joined(number) for number in range(COUNT)))

    def drawn(self, **other: object) -> tuple[Fact, ...]:
        head = sha256(told(self.BEGUN, self.JOINS).log[1].body).hexdigest()
        seed = seed_of(SECRET, "", (head,))
        fields = {
            "secret": SECRET,
            "beacon": "",
            "seed": seed,
            "heads": (head,),
            "through": 2,
            "counts": {"": self.COUNT},
        }
        return heard(2, 0, 0, self.COUNT, head=head), Drawn(**{**fields, **other})  # type: ignore[arg-type]

    def test_the_places_follow_from_the_secret(self) -> None:
        """Who is drawn first is called first; who joins afterwards stands behind all of them."""
        hears, draws = self.drawn()
        assert isinstance(draws, Drawn)
        order = [f"0.{number}" for number in drawn_order(draws.seed, "", self.COUNT).tolist()]
        late = (LINE, 0, (joined(self.COUNT),))
        rest = heard(3, 0, self.COUNT, 1)
        opens = (ROOM, 0, (hears, draws, rest, PhaseEntered("open"), called(*order, f"0.{self.COUNT}")))
        assert not third(self.BEGUN, self.JOINS, late, opens)
        assert order != sorted(order)
        wrong = (ROOM, 0, (hears, draws, rest, PhaseEntered("open"), called(*sorted(order))))
        assert "was called from place" in third(self.BEGUN, self.JOINS, late, wrong)

    @pytest.mark.parametrize(
        ("other", "what"),
        [
            ({"secret": "another secret"}, "another secret than was committed"),
            ({"seed": "0" * 64}, "the draw stands on"),
            ({"beacon": "late"}, "the draw stands on"),
            ({"heads": ("0" * 64,)}, "the draw stands on"),
            ({"through": 1}, "goes through 1"),
            ({"counts": {"": 5}}, "were drawn"),
        ],
    )
    def test_what_breaks_it(self, other: dict[str, object], what: str) -> None:
        """A draw that does not follow."""
        assert what in third(self.BEGUN, self.JOINS, (ROOM, 0, self.drawn(**other)))

    def test_a_secret_is_bound_before_anybody_joins(self) -> None:
        """Not by a commitment that comes later."""
        late = (ROOM, 0, (SecretCommitted(commitment_of(SECRET)),))
        assert "committed after people may have joined" in third(self.BEGUN, late)


class TestLaw4:
    IN = (called("0.0", "0.1", "0.2", "0.3"), claimed("0.0"), claimed("0.1"))

    def test_lives_that_keep_it(self) -> None:
        """A seat is free when its bearer goes, is heard to have left, or has run out of time."""
        for frees in (TicketExited("0.0"), heard(9, left=spelled([0]))):
            assert not fourth(OPEN, (ROOM, 0, (*self.IN, frees, claimed("0.2"))))
        later = (ROOM, 10_001, (PassesExpired(("0.0", "0.1")), called("0.4"), claimed("0.4", 10_001)))
        assert not fourth(OPEN, (ROOM, 0, self.IN), later)
        longer = (ROOM, 5_000, (PassProlonged("0.0", AT + 15_000),))
        assert not fourth(OPEN, (ROOM, 0, self.IN), longer, (ROOM, 15_001, (PassesExpired(("0.0",)),)))

    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            ((claimed("0.2"),), "3 are in after 0.2, and 2 may be"),
            ((RoomPut(RoomSettings(capacity=1)), TicketExited("0.0"), claimed("0.2")), "2 are in after 0.2, and 1 may"),
            ((RoomPut(RoomSettings(per_minute=2, active_s=10, active_max_s=20)), claimed("0.2")), "3 came in within"),
            ((TicketExited("0.0"), TicketExited("0.0")), "was neither called nor in"),
            ((PassesExpired(("0.0",)),), "expired at"),
            ((TicketsMissed((), ("0.2",)),), "was missed at"),
            ((TicketExited("0.0"), PassProlonged("0.0", AT + 10)), "was prolonged, and is none"),
            ((PassProlonged("0.0", AT + 30_000),), "and ends at"),
            ((PassProlonged("0.0", AT + 9_000),), "was prolonged from"),
            ((TicketExited("0.0"), claimed("0.9")), "0.9 came in, and was not called"),
            ((TicketExited("0.0"), TicketClaimed("0.2", AT + 30_000, AT + 20_000)), "at most"),
        ],
    )
    def test_what_breaks_it(self, facts: tuple[Fact, ...], what: str) -> None:
        """When two are in, and there are two seats."""
        assert what in fourth(OPEN, (ROOM, 0, (*self.IN, *facts)))

    def test_nothing_ends_before_its_time(self) -> None:
        """At exactly its end a call, and a pass, still stands."""
        for ends, after in ((PassesExpired(("0.0",)), 10_000), (TicketsMissed((), ("0.2",)), 5_000)):
            assert f" until {AT + after}" in fourth(OPEN, (ROOM, 0, self.IN), (ROOM, after, (ends,)))
            assert not fourth(OPEN, (ROOM, 0, self.IN), (ROOM, after + 1, (ends,)))
        late = (ROOM, 10_001, (PassProlonged("0.0", AT + 12_000),))
        assert "had ended at" in fourth(OPEN, (ROOM, 0, self.IN), late)

    def test_a_minute_is_any_minute(self) -> None:
        """A claim counts for sixty seconds, and not for one more millisecond."""
        rate: Told = (ROOM, 0, (RoomPut(RoomSettings(per_minute=1, active_s=10, active_max_s=20)), *self.IN[:2]))
        soon, later = (
            (ROOM, after, (called("0.9", until=99_999), claimed("0.9", after))) for after in (59_999, 60_000)
        )
        assert "2 came in within a minute" in fourth(rate, soon)
        assert not fourth(rate, later)


class TestLineMoves:
    def test_a_room_that_has_done_what_it_can(self) -> None:
        """Everybody is called for whom there is a seat, and it is not time for anything."""
        full = (ROOM, 0, (*HEARD, called("0.0"), claimed("0.0"), called("0.1")))
        assert not moves(*SAID, full, quiet_after=5_000)
        nobody = (*SAID[:1], (LINE, 0, (joined(0), WentAbsent(spelled([0]), AT + 99_999))))
        assert not moves(*nobody, (ROOM, 0, (heard(2, 0, 0, 1, absent=spelled([0])),)))

    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            (HEARD[:2], "had not heard [4]"),
            (HEARD, "had 2 seats free, and 0.0 was not called"),
            ((*HEARD, called("0.0")), "had let the call of 0.0 stand"),
            ((*HEARD, called("0.0"), claimed("0.0")), "had let the pass of 0.0 stand"),
            ((*HEARD, called("0.0"), ClaimWaits("0.0")), "had a seat, and 0.0 was not let in"),
        ],
    )
    def test_what_breaks_it(self, facts: tuple[Fact, ...], what: str) -> None:
        """Long after, with nobody asking anything."""
        assert what in moves(*SAID, (ROOM, 0, facts))

    def test_a_rate_may_make_them_wait(self) -> None:
        """Until the minute has room, and not much longer."""
        slow: Told = (ROOM, 0, (RoomPut(RoomSettings(shards=2, per_minute=1, claim_s=5)), PhaseEntered("open")))
        once = (ROOM, 0, (*HEARD, called("0.0"), claimed("0.0"), TicketExited("0.0")))
        assert not moves(slow, *SAID[1:], once, quiet_after=60_000)
        assert "0.1 was not called" in moves(slow, *SAID[1:], once, quiet_after=70_000)

    def test_nobody_is_called_who_may_not_be(self) -> None:
        """While the room is paused, or when all was quiet only a moment ago."""
        assert not moves(*SAID, (ROOM, 0, (*HEARD, PhaseEntered("paused"))))
        assert not moves(*SAID, (ROOM, 0, HEARD), quiet_after=2_000)

"""Conformance: what visitors and operators of waiting rooms rely on, each a defect or a promise of one that they know.

A test's name is what they would say. What concerns passes and estimates is seen where they see it: a pass is checked as
a site would, and an estimate is read from a read model that has folded the same log.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from actors.decider import TICK, Decision
from actors.waiting.commands import Claim, Exit, Leave, Prolong, Touch
from actors.waiting.room import ROOM_KIND
from events.line import Joined
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.room import PassesExpired, RoomSettings, TicketsCalled
from events.waiting.sessions import session_of, tag_of
from gateway.keys import PublicKeys, SigningKey, thumbprint
from gateway.passes import Pass, PassExpired, sign, verify_pass
from projections.estimates import Estimate, Forecast, Line, Outlook
from projections.models import ReadModels
from projections.paces import Sums
from projections.questions import TicketAnswer, TicketOf
from tests.support.launch import NAME, NOON, ORG, SECOND_MS, Launch, code_of, key_of, recount

COUNTS = st.integers(0, 10_000)
TIMES_MS = st.integers(0, 300_000)
SUMS = st.builds(
    Sums, open_ms=TIMES_MS, calls=COUNTS, again=COUNTS, claims=COUNTS, out=COUNTS, joined=COUNTS, gone=COUNTS,
    waiting_ms=TIMES_MS, ended=COUNTS, active_ms=TIMES_MS, full_ms=TIMES_MS, full_net=COUNTS,
)  # fmt: skip
OUTLOOKS = st.builds(
    Outlook,
    phase=st.sampled_from(["scheduled", "pre_queue", "open", "paused", "draining", "closed"]),
    capacity=COUNTS, per_minute=COUNTS, burst=COUNTS, active_s=COUNTS, active=COUNTS, called=COUNTS,
    opens_in_s=st.none() | st.floats(-10, 1e6), in_for_s=st.floats(0, 1e6),
    last_minute=st.lists(COUNTS, min_size=60, max_size=60).map(tuple), window=SUMS, recent=SUMS,
)  # fmt: skip
LINES = st.builds(
    Line, window=SUMS, portion=st.floats(0, 1), share=st.floats(0, 1), others=COUNTS, others_joining=st.floats(0, 100)
)


def inside(*names: str, capacity: int = 1, active_s: int = 600) -> Launch:
    launch = Launch(RoomSettings(capacity=capacity, active_s=active_s))
    for name in names:
        launch.join(name)
        assert launch.claim(name) == "active"
    return launch


def until_of(launch: Launch, name: str) -> int:
    return launch.room.active[launch.tickets[name].partition(".")[2]].until


def as_seen(launch: Launch, name: str) -> TicketAnswer:
    """What the visitor's screen says, from the log alone."""
    models = ReadModels(MemoryLog(lambda: launch.at), MemoryShelf(), lambda: launch.at)
    models.projector.identity = "memory"
    for recorded in launch.log:
        models.projector.take((recorded,))
    answer: TicketAnswer = models.answer_now(TicketOf(org=ORG, ticket=launch.tickets[name]))
    return answer


def test_raising_the_capacity_admits_those_who_wait_first_and_a_newcomer_never_passes_them() -> None:
    """Neither with the change, nor right behind it."""
    launch = inside("ann")
    launch.join_all(["bob", "cem", "dan"])
    launch.put(capacity=3)
    assert launch.join("zoe").startswith(NAME)
    assert launch.called() == ["ann", "bob", "cem"]
    launch.put(capacity=5)
    assert launch.called() == ["ann", "bob", "cem", "dan", "zoe"]


def test_with_nobody_waiting_an_expired_session_frees_its_seat_at_once_and_a_newcomer_waits_for_no_sweep() -> None:
    """Though nothing has told the room of the time that has passed: asking it does."""
    launch = inside("ann", active_s=60)
    launch.at += 60 * SECOND_MS + 1
    launch.join("bob")
    assert launch.called() == ["ann", "bob"] and launch.claim("bob") == "active"
    told = [fact for one in launch.history for fact in one.before if isinstance(fact, PassesExpired | TicketsCalled)]
    assert [type(fact) for fact in told[-2:]] == [PassesExpired, TicketsCalled]


def test_a_hidden_tab_or_a_refresh_or_a_closed_lid_keeps_the_place() -> None:
    """A tab that says little is there; one that says nothing is passed over and comes back to where it stood."""
    launch = inside("zoe", active_s=3_600)
    for name in ("ann", "bob", "cem"):
        launch.join(name)
    place = launch.tickets["ann"]
    launch.alive = {"bob", "cem", "zoe"}
    for _ in range(3):
        launch.later(50)
        launch.touch("ann")  # hidden
    assert launch.status("ann") == "waiting"
    assert launch.join("ann") == place  # refreshed
    launch.later(300)
    assert launch.status("ann") == "absent"  # closed
    launch.exit("zoe")
    assert launch.statuses("ann", "bob", "cem") == ["absent", "called", "waiting"]
    assert launch.join("ann") == place
    launch.exit("bob")
    assert launch.statuses("ann", "cem") == ["called", "waiting"]
    assert as_seen(launch, "ann").state == "called"


def test_leaving_while_active_ends_the_pass_and_frees_the_seat_and_never_extends_it() -> None:
    """By whichever door they leave."""
    for door in ("exit", "leave", "revoke", "remove"):
        launch = inside("ann", active_s=60)
        launch.join("bob")
        launch.later(30)
        getattr(launch, door)("ann")
        assert launch.prolong("ann") == launch.claim("ann") == "ticket_over"
        assert launch.statuses("ann", "bob") == ["over", "called"]
        assert as_seen(launch, "ann").state in {"exited", "left"}


def test_more_than_a_thousand_can_be_admitted_in_one_step() -> None:
    """All who wait, in one commit of the room."""
    launch = Launch(RoomSettings(capacity=1, shards=4))
    launch.control("pause")
    launch.join_all(f"visitor {number}" for number in range(1_500))
    launch.put(capacity=5_000)
    commits = len(launch.log)
    launch.control("resume")
    assert len(launch.room.called) == 1_500 and len(launch.log) == commits + 1


def test_a_session_id_that_a_client_made_up_or_stole_opens_nothing() -> None:
    """What is written and shown is the hash of a key, and nobody gets back from one to the other."""
    launch = inside("ann", capacity=2)
    launch.join("bob")
    launch.join("cem")
    ann, bob, cem = (launch.tickets[name] for name in ("ann", "bob", "cem"))
    session = session_of(key_of("bob"))
    for stolen in (session, tag_of(session), ann, key_of("ann"), "a key that somebody made up", ""):
        for command in (Claim(bob, stolen), Prolong(bob, stolen), Exit(bob, stolen)):
            assert code_of(launch.ask(command)) == "not_your_ticket"
        for asked in (Touch(cem, stolen), Leave(cem, stolen)):
            assert code_of(launch.ask_line(0, asked)) == "not_your_ticket"
    assert launch.statuses("ann", "bob", "cem") == ["active", "called", "waiting"]
    assert not any(key_of(name).encode() in entry.body for entry in launch.log for name in ("ann", "bob", "cem"))


def test_waiters_who_go_away_never_stall_the_line() -> None:
    """Those behind move up, and the capacity that they were called with comes back."""
    launch = Launch(RoomSettings(capacity=5, claim_s=30, absent_after_s=60, absence_max_s=300))
    gone = [f"gone {number}" for number in range(50)]
    here = [f"here {number}" for number in range(5)]
    launch.join_all([*gone, *here])
    launch.alive = set(here)
    while len(launch.room.active) < 5:
        launch.later(10)
        for name in here:
            if launch.status(name) == "called":
                launch.claim(name)
        assert launch.at <= NOON + 180 * SECOND_MS
    assert launch.statuses(*here) == ["active"] * 5
    launch.later(590)
    assert len(launch.line(0).living) == 5 and not launch.room.called
    assert {as_seen(launch, name).state for name in gone} <= {"expired", "missed"}
    recount(launch.room)


@given(OUTLOOKS, LINES, COUNTS)
def test_the_estimate_never_divides_by_zero(outlook: Outlook, line: Line, ahead: int) -> None:
    """Whatever was measured, or was not; and its range is in order."""
    told = Forecast(outlook).estimate(ahead, line)
    said = [number for number in (told.low_s, told.middle_s, told.high_s) if number is not None]
    assert said == sorted(said) and all(number >= 0 for number in said)
    assert (told == Estimate(reason="paused")) == (outlook.phase == "paused")


def test_the_estimate_says_paused_when_the_room_is_paused() -> None:
    """And nothing else, as nobody knows; before the pause, and behind it, it says how long."""
    launch = inside("zoe")
    launch.join("ann")
    launch.control("pause")
    assert as_seen(launch, "ann").estimate == Estimate(reason="paused")
    launch.control("resume")
    told = as_seen(launch, "ann").estimate
    assert told is not None and told.reason != "paused"


def test_a_pass_and_the_seat_behind_it_expire_together() -> None:
    """As a site sees it that checks the pass by itself: never after its seat, and not a second before the last one."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    key = SigningKey(thumbprint(private.public_key()), 0, private)
    keys = PublicKeys({key.kid: private.public_key()})
    launch = Launch(RoomSettings(capacity=1, active_s=60), at=NOON + 123)
    launch.join("ann")
    for _ in range(3):
        answer = launch.ask(Claim(launch.tickets["ann"], key_of("ann")))
        assert isinstance(answer, Decision)
        seat = answer.reply
        token = sign(
            Pass(
                id=seat["ticket"], org=ORG, room=seat["room"], session=seat["session"], issued_at=seat["since"],
                expires_at=seat["until"],
            ),
            key,
        )  # fmt: skip
        last = seat["until"] - 1_000
        good = verify_pass(token, keys, org=ORG, room=NAME, session=session_of(key_of("ann")), at=last)
        assert good.id == launch.tickets["ann"]
        with pytest.raises(PassExpired):
            verify_pass(token, keys, org=ORG, room=NAME, at=seat["until"])
        launch.later(45)
        assert launch.prolong("ann") == "active"
    launch.until(until_of(launch, "ann"))
    assert launch.status("ann") == "active"
    launch.later(0.001)
    assert launch.status("ann") == "over"


def test_no_number_is_given_twice_and_a_delivery_that_is_repeated_changes_no_place() -> None:
    """Of a line that says the same again the room takes in nothing; who asks again has the ticket that they had."""
    launch = inside("zoe")
    launch.prompt = False
    names = ["ann", "bob", "cem"]
    launch.join_all(names)
    again = list(launch.news)
    launch.settle()
    before = launch.statuses("zoe", *names)
    launch.news = again
    launch.ask(TICK)
    assert [launch.join(name) for name in names] == [launch.tickets[name] for name in names]
    assert launch.statuses("zoe", *names) == before
    joins = [fact for one in launch.history for fact in one.facts if isinstance(fact, Joined)]
    assert [fact.number for fact in joins] == list(range(4))
    assert ROOM_KIND.wake(launch.room) is not None and launch.room.shards[0].count == 4

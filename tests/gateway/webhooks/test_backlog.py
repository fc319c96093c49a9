"""What waits for one endpoint: the order in which it goes, what is reported of it, and what memory it takes."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.limits import COMMAND_BYTES_MAX
from actors.runtime.wire import encode_command
from actors.webhooks.commands import Report
from actors.webhooks.delivery import Delivery, evolve
from actors.webhooks.limits import (
    ATTEMPTS_KEPT,
    CODE_CHARACTERS_MAX,
    COURIER_CHARACTERS_MAX,
    DEAD_PER_REPORT_MAX,
    DONE_PER_REPORT_MAX,
    ID_CHARACTERS_MAX,
    LATE_PER_REPORT_MAX,
)
from events.webhooks import Attempt, Dead, DeliveriesReported, DeliveryBegan, Late
from gateway.webhooks import limits
from gateway.webhooks.backlog import Backlog, Open
from gateway.webhooks.happenings import Happening

START = {"day": 10, "room": 10}


def happening(sequence: int, entity: str, number: int = 0, size: int = 10) -> Happening:
    return Happening(f"{sequence}-{number}", "booking.created", entity, (sequence, number, 0), b"x" * size)


def attempt(id: str, at: int = 1_000, status: int = 200) -> Attempt:
    return Attempt(id, "booking.created", at, 1, status)


def read(backlog: Backlog, sequence: int, found: list[Happening]) -> None:
    """A commit, to its end."""
    for one in found:
        backlog.take("day", one)
    backlog.read("day", sequence)


def reported(report: Report) -> DeliveriesReported:
    """As it stands in the log."""
    return DeliveriesReported(**{name: getattr(report, name) for name in DeliveriesReported.__struct_fields__})


def ids(backlog: Backlog, now: int = 0) -> list[str]:
    """All that may go now."""
    found = []
    while (one := backlog.next(now)) is not None:
        found.append(one.id)
    return found


def test_of_each_entity_one_goes_at_a_time() -> None:
    """The next when the one before is done; others wait for nobody."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, "a"), happening(11, "a", 1), happening(11, "b", 2)])
    read(backlog, 12, [happening(12, "a")])
    first, other = backlog.next(0), backlog.next(0)
    assert first is not None and other is not None
    assert (first.id, other.id, backlog.next(0)) == ("11-0", "11-2", None)
    backlog.tried(first, attempt(first.id), delivered=True)
    backlog.done(first)
    assert ids(backlog) == ["11-1"]


def test_what_failed_holds_up_its_entity_until_its_time() -> None:
    """And nobody else's."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, "a"), happening(11, "a", 1), happening(11, "b", 2)])
    one = backlog.next(0)
    assert one is not None
    backlog.tried(one, attempt(one.id, status=500), delivered=False)
    backlog.again_at(one, 5_000)
    assert ids(backlog, 4_999) == ["11-2"]
    assert backlog.next_at() == 5_000
    assert ids(backlog, 5_000) == ["11-0"]


def test_a_replay_goes_before_what_waits_and_never_beside_it() -> None:
    """What happened earlier is told earlier, as far as that can still be."""
    backlog = Backlog(START)
    read(backlog, 15, [happening(15, "a"), happening(15, "a", 1)])
    under_way = backlog.next(0)
    assert under_way is not None and under_way.id == "15-0"
    backlog.restore(Late("11-0", 0, 0, 0), happening(11, "a"))
    assert backlog.next(0) is None
    backlog.done(under_way)
    assert ids(backlog) == ["11-0"]


def test_a_report_names_what_is_open_and_moves_past_it() -> None:
    """Each only once, until something changes; what is done before it was named is not named at all."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, "a"), happening(11, "b", 1)])
    done = backlog.next(0)
    assert done is not None
    backlog.tried(done, attempt(done.id), delivered=True)
    backlog.done(done)
    report = backlog.report("one")
    assert report is not None
    assert (report.through, [one.id for one in report.late], report.done) == ({"day": 11}, ["11-1"], ())
    assert (report.delivered, [one.id for one in report.attempts]) == (1, ["11-0"])
    backlog.taken(report)
    assert backlog.report("one") is None
    left = backlog.next(0)
    assert left is not None
    backlog.done(left)
    report = backlog.report("one")
    assert report is not None and report.done == ("11-1",)


def test_what_is_done_while_it_is_reported_late_is_named_by_the_next() -> None:
    """Or it would stay late for ever."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, "a")])
    one = backlog.next(0)
    report = backlog.report("one")
    assert one is not None and report is not None
    backlog.done(one)
    backlog.taken(report)
    following = backlog.report("one")
    assert following is not None and following.done == ("11-0",)


def test_a_report_is_never_longer_than_may_be() -> None:
    """Many that are open take several, and nothing is moved past before all are named."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, f"e-{number}", number) for number in range(LATE_PER_REPORT_MAX + 1)])
    first = backlog.report("one")
    assert first is not None and len(first.late) == LATE_PER_REPORT_MAX and first.through == {}
    backlog.taken(first)
    second = backlog.report("one")
    assert second is not None and len(second.late) == 1 and second.through == {"day": 11}


def test_that_it_was_read_is_told_apart() -> None:
    """It may be told more rarely."""
    backlog = Backlog(START)
    read(backlog, 11, [])
    report = backlog.report("one")
    assert report is not None and Backlog.moves_only(report)
    read(backlog, 12, [happening(12, "a")])
    report = backlog.report("one")
    assert report is not None and not Backlog.moves_only(report)


def test_bodies_take_no_more_memory_than_may_be() -> None:
    """Those beyond are read again when their time comes, and so are those that wait for another attempt."""
    backlog = Backlog(START)
    half = limits.BODIES_BYTES_MAX // 2
    read(backlog, 11, [happening(11, f"e-{number}", number, half) for number in range(4)])
    opened = [backlog.next(0) for _ in range(4)]
    assert [one is not None and one.body is not None for one in opened] == [True, True, False, False]
    one = opened[0]
    assert one is not None
    backlog.tried(one, attempt(one.id, status=500), delivered=False)
    backlog.again_at(one, 1)
    assert one.body is None


def test_no_more_is_read_than_can_be_kept() -> None:
    """Or than can be sent at once."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, f"e-{number}", number) for number in range(limits.READY_MAX)])
    wanted = [backlog.wants_more]
    ids(backlog)
    wanted.append(backlog.wants_more)
    read(backlog, 12, [happening(12, "one", number) for number in range(limits.UNNAMED_MAX)])
    assert [*wanted, backlog.wants_more] == [False, True, False]


def test_one_commit_may_tell_more_than_can_be_kept() -> None:
    """It is read as far as there is room, each report says how far that is, and no more is late than may be open."""
    found = [happening(11, "one", number) for number in range(3 * limits.OPEN_MAX)]
    backlog, state, most = Backlog(START), evolve(Delivery("shop"), DeliveryBegan(10, 10), 0), 0
    while found or len(backlog):
        while found and backlog.wants_more:
            backlog.take("day", found.pop(0))
        while (report := backlog.report("one")) is not None:
            state = evolve(state, reported(report), 0)
            backlog.taken(report)
        assert (state.through["day"], state.within["day"][1]) == (10, 3 * limits.OPEN_MAX - len(found) - 1)
        most = max(most, len(state.late))
        for _ in range(500 if len(backlog) == limits.OPEN_MAX or not found else 0):
            one = backlog.next(0)
            assert one is not None
            backlog.done(one)
    backlog.read("day", 11)
    while (report := backlog.report("one")) is not None:
        state = evolve(state, reported(report), 0)
        backlog.taken(report)
    assert (most, state.late, state.through["day"], state.within) == (limits.OPEN_MAX, {}, 11, {})


def test_what_others_asked_for_is_taken_up_once() -> None:
    """Also when it was done and no report has said so yet: until one does, they hear again that it was asked for."""
    backlog = Backlog(START)
    asked = Late("11-0", 0, 0, 0)
    backlog.restore(asked, happening(11, "a"))
    one = backlog.next(0)
    assert one is not None
    backlog.done(one)
    backlog.restore(asked, happening(11, "a"))
    assert (ids(backlog), "11-0" in backlog) == ([], True)
    report = backlog.report("one")
    assert report is not None and report.done == ("11-0",)
    backlog.taken(report)
    assert "11-0" not in backlog


def test_what_came_to_an_end_takes_room_until_it_is_reported() -> None:
    """Whoever gives up faster than can be told reads no more meanwhile."""
    backlog = Backlog(START)
    for number in range(limits.OPEN_MAX):
        backlog.lose(Late(f"11-{number}", 1, 1, 1), 1)
    assert not backlog.wants_more
    report = backlog.report("one")
    assert report is not None
    backlog.taken(report)
    assert backlog.wants_more


def test_a_body_is_kept_for_the_next_attempt_while_they_are_few() -> None:
    """Or each attempt would read a commit again that may tell tens of thousands."""
    backlog = Backlog(START)
    read(backlog, 11, [happening(11, "a")])
    one = backlog.next(0)
    assert one is not None
    backlog.again_at(one, 1)
    assert one.body is not None


def test_what_was_given_up_is_not_passed_before_it_is_told() -> None:
    """It is late no more, so whoever goes on would never hear of it: the log is read on from before it until then."""
    backlog, state = Backlog(START), evolve(Delivery("shop"), DeliveryBegan(10, 10), 0)
    for number in range(2 * DEAD_PER_REPORT_MAX + 1):
        backlog.take("day", happening(11, f"e{number}", number))
        one = backlog.next(0)
        assert one is not None
        backlog.give_up(one, 1, "refused_for_good")
    backlog.read("day", 11)
    for passed in (10, 10, 11):
        report = backlog.report("one")
        assert report is not None
        state = evolve(state, reported(report), 1)
        backlog.taken(report)
        assert state.through["day"] == passed
    assert len(state.dead) == 2 * DEAD_PER_REPORT_MAX + 1


def test_the_longest_report_is_a_command() -> None:
    """With every list as long as it may be, and every name and number in it."""
    at, id = 1_796_644_800_000, "x" * ID_CHARACTERS_MAX
    code = "x" * CODE_CHARACTERS_MAX
    report = Report(
        "x" * COURIER_CHARACTERS_MAX,
        {"day": 1 << 53, "room": 1 << 53},
        (Late(id, 999, at, at),) * LATE_PER_REPORT_MAX,
        (id,) * DONE_PER_REPORT_MAX,
        (Dead(id, code, 999, at, at, code),) * DEAD_PER_REPORT_MAX,
        (Attempt(id, code, at, 99_999, 599, code),) * ATTEMPTS_KEPT,
        999_999,
        999_999,
        {"day": (1 << 53, 99_999, 99_999), "room": (1 << 53, 99_999, 99_999)},
    )
    assert len(encode_command(report)) < COMMAND_BYTES_MAX


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32))
def test_whoever_goes_on_after_a_crash_misses_nothing(seed: int) -> None:
    """Whatever happens, and whenever it breaks off: what the reports say of it, and the log behind it, hold every
    happening that was not delivered; and what is reported done is not delivered again."""
    random = Random(seed)
    log = [
        (
            sequence,
            [happening(sequence, random.choice("abcd"), number) for number in range(random.choice((0, 1, 2, 9)))],
        )
        for sequence in range(11, 40)
    ]
    state = evolve(Delivery("shop"), DeliveryBegan(10, 10), 0)
    delivered: list[str] = []
    given_up: set[str] = set()
    told: set[str] = set()
    by_id = {one.id: one for _, found in log for one in found}
    for _ in range(3):  # couriers, each of which is killed
        backlog = Backlog(state.through, state.within)
        for late in state.late.values():
            backlog.restore(late, by_id[late.id])
        unread: list[int | Happening] = []  # behind those of a commit its number
        for sequence, found in log:
            if sequence > state.through["day"]:
                unread += [*(one for one in found if not backlog.has_read("day", one)), sequence]
        under_way: list[Open] = []
        by_this_one: set[str] = set()
        for now in range(random.randrange(60)):
            match random.randrange(6):
                case 0 if unread:
                    following = unread.pop(0)
                    if isinstance(following, int):
                        backlog.read("day", following)
                    else:
                        backlog.take("day", following)
                case 1 if (opened := backlog.next(now)) is not None:
                    assert not any(other.entity == opened.entity for other in under_way)
                    under_way.append(opened)
                case 2 if under_way:
                    one = under_way.pop(random.randrange(len(under_way)))
                    backlog.tried(one, attempt(one.id), delivered=True)
                    backlog.done(one)
                    delivered.append(one.id)
                    by_this_one.add(one.id)
                case 3 if under_way:
                    one = under_way.pop(random.randrange(len(under_way)))
                    backlog.tried(one, attempt(one.id, status=500), delivered=False)
                    backlog.again_at(one, now + random.randrange(1, 9))
                case 4 if under_way and random.random() < 0.5:
                    one = under_way.pop(random.randrange(len(under_way)))
                    backlog.tried(one, attempt(one.id, status=500), delivered=False)
                    backlog.give_up(one, now, "refused_for_good")
                    given_up.add(one.id)
                case 5 if (report := backlog.report("one")) is not None:
                    state = evolve(state, reported(report), now)
                    told |= by_this_one
                    backlog.taken(report)
    behind = Backlog(state.through, state.within)
    unread_ids = {
        one.id
        for sequence, found in log
        if sequence > state.through["day"]
        for one in found
        if not behind.has_read("day", one)
    }
    still_to_come = set(state.late) | unread_ids
    assert given_up <= still_to_come | {one.id for one in state.dead.values()} | set(delivered)
    assert {one.id for _, found in log for one in found} <= set(delivered) | given_up | still_to_come
    assert not still_to_come & told
    for entity in "abcd":
        kept_up = [id for id in dict.fromkeys(delivered) if id not in given_up]  # the others may be tried once more
        mine = [by_id[id].order for id in kept_up if by_id[id].entity == entity]
        assert mine == sorted(mine)

"""One live actor: what a turn takes, what its answers wait for, and what becomes of a decider's bugs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from actors.runtime.cell import Draft, Phase, Repeat
from actors.runtime.limits import CLOCK_AHEAD_MS_MAX
from actors.runtime.wire import WAKE_HEADER
from events import limits as ground
from events.commit import hash_of
from events.log import ExpectAt
from tests.support.tally import TALLY, Add, Break, Puff, Recite, Remind, Take, Tally, Total
from tests.support.workbench import ACTOR, CLOCK_NOW, LOOP_NOW, Bench, answered


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def looped() -> Iterator[None]:
    """A loop for futures to belong to; nothing runs on it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


class TestTurns:
    def test_a_turn_decides_all_that_waits_on_the_evolving_state(self, bench: Bench) -> None:
        """Each command sees what the one before it led to, and one commit holds them all."""
        for command in (Add(5), Take(2), Take(9), Total(), Add(1)):
            bench.letter(command)
        draft = bench.draft()
        assert [one.id for one in draft.decided] == ["c-1", "c-2", "c-5"]
        assert answered(draft.answers) == [
            ("c-1", '{"total":5}'),
            ("c-2", '{"total":3}'),
            ("c-3", "too_little"),
            ("c-4", '{"total":3}'),
            ("c-5", '{"total":4}'),
        ]

    def test_a_turn_takes_no_more_than_its_bound(self) -> None:
        """The rest waits for the next turn, in order."""
        bench = Bench(turn_commands_max=3)
        for _ in range(5):
            bench.letter(Add())
        first = bench.draft()
        assert [one.id for one in first.decided] == ["c-1", "c-2", "c-3"]
        bench.land(first)
        assert [one.id for one in bench.draft().decided] == ["c-4", "c-5"]

    def test_every_letter_counts_against_the_bound(self) -> None:
        """Questions, refusals and late ones too: a turn is short whatever is in it."""
        bench = Bench(turn_commands_max=3)
        for command in (Total(), Take(9), Total(), Total()):
            bench.letter(command)
        assert len(bench.turn().answers) == 3
        assert len(bench.cell.mailbox) == 1

    def test_answers_wait_for_the_turns_commit(self, bench: Bench) -> None:
        """Refusals and questions too: they were decided on a state that isn't true until the commit stands."""
        for command in (Take(1), Total(), Add(1), Take(9), Total()):
            bench.letter(command)
        turn = bench.turn()
        assert turn.answers == []
        assert turn.draft is not None
        assert len(turn.draft.answers) == 5
        assert bench.cell.phase is Phase.COMMITTING

    def test_without_a_commit_nothing_waits(self, bench: Bench) -> None:
        """A turn of questions and refusals is answered at once and writes nothing."""
        bench.letter(Total())
        bench.letter(Take(1))
        turn = bench.turn()
        assert answered(turn.answers) == [("c-1", '{"total":0}'), ("c-2", "too_little")]
        assert turn.draft is None
        assert bench.cell.phase is Phase.READY

    def test_a_commit_stands_on_the_one_before(self, bench: Bench) -> None:
        """It expects the actor at the sequence that it knows, and names the hash that is there."""
        bench.letter(Add())
        first = bench.draft()
        assert first.entry.expect == ExpectAt(0)
        bench.land(first)
        bench.letter(Add())
        second = bench.draft()
        assert second.entry.expect == ExpectAt(10)
        commit = TALLY.facts.read(second.entry.body)
        assert commit.previous == first.head == hash_of(first.entry.body)
        assert second.entry.id == hash_of(second.entry.body)

    def test_the_time_of_an_actor_never_runs_back(self, bench: Bench) -> None:
        """A host with a slower clock decides at the instant of the last commit."""
        bench.letter(Add())
        bench.land(bench.draft(CLOCK_NOW))
        bench.letter(Add())
        assert bench.draft(CLOCK_NOW - 5_000).at == CLOCK_NOW

    def test_a_late_letter_is_told_so(self, bench: Bench) -> None:
        """Its time ran out while it waited; nothing is decided for somebody who has gone."""
        bench.letter(Add(), deadline=LOOP_NOW - 0.001)
        assert answered(bench.turn().answers) == [("c-1", "deadline_passed")]
        assert bench.memory.decided_at("c-1") is None

    def test_what_is_not_a_command_of_the_kind_is_refused(self, bench: Bench) -> None:
        """Unknown names, missing fields, other types, and what isn't even text."""
        bodies = [
            b'{"command":"fly"}',
            b'{"command":"remind"}',
            b'{"command":"add","amount":"x"}',
            b"3",
            b'{"command":"\xff"}',
        ]
        for body in bodies:
            bench.letter(body)
        assert [code for _, code in answered(bench.turn().answers)] == ["malformed_command"] * len(bodies)

    def test_the_next_wake_travels_with_the_commit(self, bench: Bench) -> None:
        """And a commit without one says that none is wanted, by leaving it out."""
        bench.letter(Remind(CLOCK_NOW + 7))
        draft = bench.draft()
        assert draft.entry.headers == {WAKE_HEADER: str(CLOCK_NOW + 7)}
        bench.land(draft)
        bench.letter(Remind(None))
        assert bench.draft().entry.headers == {}


class TestIds:
    def test_duplicates_within_a_turn_get_the_first_answer(self, bench: Bench) -> None:
        """One effect, and the same answer to both."""
        bench.letter(Add(5), "once")
        bench.letter(Add(1), "between")
        bench.letter(Add(5), "once")
        draft = bench.draft()
        assert [one.id for one in draft.decided] == ["once", "between"]
        assert answered(draft.answers) == [("once", '{"total":5}'), ("between", '{"total":6}'), ("once", '{"total":5}')]

    def test_another_command_under_the_same_id_is_refused_within_a_turn(self, bench: Bench) -> None:
        """The seal tells them apart; what was decided first stands."""
        for id, amount in (("once~5", 5), ("once~6", 6), ("once~5", 5)):
            bench.letter(Add(amount), id)
        draft = bench.draft()
        assert [one.id for one in draft.decided] == ["once~5"]
        assert answered(draft.answers) == [
            ("once~5", '{"total":5}'), ("once~6", "id_reused"), ("once~5", '{"total":5}'),
        ]  # fmt: skip

    def test_duplicates_of_an_earlier_commit_are_looked_up(self, bench: Bench) -> None:
        """The commit that holds the first answer is named, and nothing is decided."""
        bench.letter(Add(5), "once")
        bench.land(bench.draft())
        again = bench.letter(Add(5), "once")
        turn = bench.turn()
        assert turn.repeats == [(again, 10)]
        assert turn.draft is None
        assert turn.answers == []

    def test_a_duplicate_of_something_done_is_never_told_that_it_was_too_late(self, bench: Bench) -> None:
        """A letter that went back after an unknown outcome may have been stored: then that is its answer."""
        bench.letter(Add(5), "once")
        bench.land(bench.draft())
        again = bench.letter(Add(5), "once", deadline=LOOP_NOW - 1)
        assert bench.turn().repeats == [(again, 10)]
        bench.letter(Add(1), "twice")
        bench.letter(Add(1), "twice", deadline=LOOP_NOW - 1)
        assert answered(bench.draft().answers) == [("twice", '{"total":6}')] * 2

    def test_a_refusal_is_decided_anew(self, bench: Bench) -> None:
        """Nothing is remembered of it: the same command may be accepted later, even in the same turn."""
        bench.letter(Take(5), "t")
        bench.letter(Add(5), "a")
        bench.letter(Take(5), "t")
        assert answered(bench.draft().answers) == [("t", "too_little"), ("a", '{"total":5}'), ("t", '{"total":0}')]

    def test_what_might_have_been_forgotten_is_refused(self) -> None:
        """A command asked no later than a forgotten one can't be told from it; one that was asked later can."""
        bench = Bench(remembered_max=1)
        for number in range(2):
            assert bench.memory.forgotten_through == 0
            bench.letter(Add(), f"old-{number}", asked_at=CLOCK_NOW - 100 + number)
            bench.land(bench.draft())
        bench.letter(Add(), "old-0", asked_at=CLOCK_NOW - 100)
        bench.letter(Add(), "new", asked_at=CLOCK_NOW - 99)
        assert answered(bench.draft().answers) == [("old-0", "too_old_to_repeat"), ("new", '{"total":3}')]

    def test_a_command_from_the_future_is_refused(self, bench: Bench) -> None:
        """Its sender's clock is wrong, and would make everybody else's commands too old."""
        bench.letter(Add(), "near", asked_at=CLOCK_NOW + CLOCK_AHEAD_MS_MAX)
        bench.letter(Add(), "far", asked_at=CLOCK_NOW + CLOCK_AHEAD_MS_MAX + 1)
        assert answered(bench.draft().answers) == [("near", '{"total":1}'), ("far", "clock_ahead")]


class TestWhatDoesNotStand:
    def test_letters_are_put_back_in_order_and_first(self, bench: Bench) -> None:
        """All of the turn's letters, before the ones that came meanwhile; what was in memory is forgotten."""
        for command in (Add(1), Take(9), Total()):
            bench.letter(command)
        draft = bench.draft()
        bench.letter(Add(7), "meanwhile")
        bench.cell.put_back(draft)
        assert bench.cell.phase is Phase.COLD
        assert bench.cell.memory is None
        assert [letter.envelope.id for letter in bench.cell.mailbox] == ["c-1", "c-2", "c-3", "meanwhile"]

    def test_they_are_decided_again_on_what_the_log_says(self, bench: Bench) -> None:
        """Another writer came first: the answers are those of the new state."""
        bench.letter(Take(1), "mine")
        bench.letter(Add(1), "mine too")
        lost = bench.draft()
        other = Bench()
        other.letter(Add(10), "theirs")
        bench.stored = [other.draft()]
        bench.cell.put_back(lost)
        assert bench.settle() == {"mine": ['{"total":9}'], "mine too": ['{"total":10}']}

    def test_what_landed_after_all_is_found(self, bench: Bench) -> None:
        """After an unknown outcome the log may hold the commit: then its commands are repeats, not new ones."""
        letter = bench.letter(Add(5), "once")
        draft = bench.draft()
        bench.stored.append(draft)
        bench.cell.put_back(draft)
        bench.load()
        turn = bench.turn()
        assert turn.repeats == [(letter, 10)]
        assert turn.draft is None
        assert bench.tally.total == 5

    def test_a_letter_whose_time_ran_out_meanwhile_is_told_so(self, bench: Bench) -> None:
        """Its commit lost the fence, so nothing of it is stored."""
        letter = bench.letter(Add(), deadline=LOOP_NOW + 1)
        bench.cell.put_back(bench.draft())
        bench.load()
        assert answered(bench.cell.take_turn(CLOCK_NOW, LOOP_NOW + 2).answers) == [
            (letter.envelope.id, "deadline_passed")
        ]


class TestBugs:
    @pytest.mark.parametrize("where", ["decide", "reply", "fact", "outcome", "evolve", "wake"])
    def test_a_bug_is_answered_as_ours_and_harms_nobody_else(self, bench: Bench, where: Any) -> None:
        """Whatever a decider gets wrong: the others of the turn are decided as if it had not been asked."""
        bench.letter(Add(5), "before")
        bench.letter(Break(where), "bug")
        bench.letter(Add(2), "after")
        bench.letter(Total(), "question")
        said = bench.settle()
        assert said["bug"] == ["internal"]
        assert (said["before"], said["after"], said["question"]) == (['{"total":5}'], ['{"total":7}'], ['{"total":7}'])
        assert bench.tally == Tally(7)
        assert bench.memory.decided_at("bug") is None

    @pytest.mark.parametrize("where", ["decide", "reply", "fact", "outcome", "evolve", "wake"])
    def test_a_bug_alone_leaves_the_actor_working(self, bench: Bench, where: Any) -> None:
        """Asked alone, twice, and then for something else."""
        bench.letter(Break(where), "bug")
        bench.letter(Break(where), "bug")
        bench.letter(Add(3), "fine")
        assert bench.settle() == {"bug": ["internal"] * 2, "fine": ['{"total":3}']}

    def test_a_bug_does_not_keep_turns_short_for_ever(self) -> None:
        """To find out whose bug it is the turn is made shorter; afterwards turns grow again."""
        bench = Bench(turn_commands_max=8)
        for number in range(7):
            bench.letter(Add(), f"a-{number}")
        bench.letter(Break("wake"), "bug")
        bench.settle()
        for number in range(200):
            bench.letter(Add(), f"b-{number}")
        bench.settle()
        assert bench.cell.turn_commands_now == 8


class TestSize:
    def test_a_turn_that_outgrows_the_log_is_divided(self, bench: Bench) -> None:
        """Every command is done, in order, in commits that each fit."""
        for number in range(9):
            bench.letter(Puff(200_000), f"p-{number}")
        assert bench.settle() == {f"p-{number}": ["null"] for number in range(9)}
        assert [one.id for draft in bench.stored for one in draft.decided] == [f"p-{number}" for number in range(9)]
        assert all(len(draft.entry.body) <= ground.LOG_MESSAGE_BYTES_MAX for draft in bench.stored)

    def test_a_command_that_outgrows_it_alone_is_refused(self, bench: Bench) -> None:
        """With its duplicates; the others are done."""
        bench.letter(Add(1), "before")
        bench.letter(Puff(ground.LOG_MESSAGE_BYTES_MAX), "huge")
        bench.letter(Puff(ground.LOG_MESSAGE_BYTES_MAX), "huge")
        bench.letter(Add(1), "after")
        assert bench.settle() == {"before": ['{"total":1}'], "huge": ["commit_too_large"] * 2, "after": ['{"total":2}']}
        assert bench.tally == Tally(2)

    def test_an_answer_that_no_message_carries_is_refused(self, bench: Bench) -> None:
        """A question may not ask for more than the bus takes."""
        bench.letter(Recite(1_000_000), "long")
        bench.letter(Recite(ground.SERVER_PAYLOAD_BYTES_MAX), "too long")
        said = bench.settle()
        assert len(said["long"][0]) == 1_000_002
        assert said["too long"] == ["answer_too_large"]


@pytest.mark.usefixtures("looped")
class TestTransactions:
    def test_a_transactions_part_closes_the_cell(self, bench: Bench) -> None:
        """It is decided alone and promised; nothing is true yet, and nothing else is decided meanwhile."""
        request = bench.request(Add(5))
        bench.letter(Total(), "waits")
        turn = bench.turn()
        assert (turn.draft, turn.answers) == (None, [])
        assert bench.cell.phase is Phase.CLOSED
        promised = request.outcome.result()
        assert isinstance(promised, Draft)
        assert bench.tally == Tally(0)
        assert len(bench.cell.mailbox) == 1
        assert TALLY.facts.read(promised.entry.body).together == (ACTOR, "demo.tally.b")

    def test_it_becomes_true_when_it_lands(self, bench: Bench) -> None:
        """Then the cell opens and goes on with what waited."""
        request = bench.request(Add(5))
        bench.letter(Total(), "waits")
        bench.turn()
        bench.land(request.outcome.result())
        assert bench.cell.phase is Phase.READY
        assert bench.settle() == {"waits": ['{"total":5}']}

    def test_it_waits_for_the_commands_before_it(self, bench: Bench) -> None:
        """A turn that has decided something commits first."""
        bench.letter(Add(1))
        request = bench.request(Take(1))
        bench.land(bench.draft())
        assert not request.outcome.done()
        bench.turn()
        assert isinstance(request.outcome.result(), Draft)

    def test_questions_before_it_are_answered_at_once(self, bench: Bench) -> None:
        """They changed nothing, so they wait for nothing."""
        bench.letter(Total(), "asks")
        request = bench.request(Add(1))
        assert answered(bench.turn().answers) == [("asks", '{"total":0}')]
        assert isinstance(request.outcome.result(), Draft)

    def test_a_refusal_closes_nothing(self, bench: Bench) -> None:
        """The cell goes on with the next letter in the same turn."""
        request = bench.request(Take(5))
        bench.letter(Add(1))
        draft = bench.draft()
        assert msgspec.json.decode(request.outcome.result())["code"] == "too_little"
        assert [one.id for one in draft.decided] == ["c-1"]

    def test_a_repeated_part_names_its_commit(self, bench: Bench) -> None:
        """Even when the request's own time has run out: it was done."""
        first = bench.request(Add(5))
        bench.turn()
        bench.land(first.outcome.result())
        again = bench.request(Add(5), deadline=LOOP_NOW - 1)
        bench.turn()
        assert again.outcome.result() == Repeat(10)
        assert bench.cell.phase is Phase.READY

    def test_a_request_that_nobody_waits_for_is_passed_over(self, bench: Bench) -> None:
        """Its coordinator gave up: the cell doesn't close for it, nor for one whose time has run out."""
        given_up = bench.request(Add(5), "t-1")
        given_up.outcome.cancel()
        late = bench.request(Add(5), "t-2", deadline=LOOP_NOW - 1)
        bench.letter(Total())
        assert answered(bench.turn().answers) == [("c-1", '{"total":0}')]
        assert msgspec.json.decode(late.outcome.result())["code"] == "deadline_passed"
        assert bench.cell.phase is Phase.READY

    def test_a_part_that_outgrows_the_log_is_refused(self, bench: Bench) -> None:
        """It would be refused together with everything else in the same batch."""
        request = bench.request(Puff(ground.LOG_MESSAGE_BYTES_MAX))
        bench.turn()
        assert msgspec.json.decode(request.outcome.result())["code"] == "commit_too_large"
        assert bench.cell.phase is Phase.READY

    @pytest.mark.parametrize("where", ["decide", "reply", "fact", "outcome"])
    def test_a_bug_in_a_part_is_answered_as_ours(self, bench: Bench, where: Any) -> None:
        """And the cell stays open."""
        request = bench.request(Break(where))
        bench.letter(Add(1))
        bench.draft()
        assert msgspec.json.decode(request.outcome.result())["code"] == "internal"

    def test_only_the_state_tells_the_wake_of_a_part(self, bench: Bench) -> None:
        """The state after it isn't known when it is promised, so its commit says: look yourself."""
        request = bench.request(Remind(CLOCK_NOW + 7))
        bench.turn()
        assert request.outcome.result().entry.headers == {WAKE_HEADER: "0"}

"""The checkers see what they are there for: a log that was tampered with, or an answer that is a lie, breaks its law.

They start from a run that keeps all laws, and change what it left behind.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec
import pytest

from actors.simulation.record import Call, Record
from events.commit import encode, hash_of, previous_of
from events.log import Recorded
from tests.laws.history import History
from tests.laws.judge import breaches
from tests.laws.law_10_chained import faults_in
from tests.simulation.bank import ACCOUNT, Balance, Deposit
from tests.simulation.runs import judged
from tests.simulation.traffic import BANK


@pytest.fixture(scope="module")
def kept() -> Record:
    """The first run in which enough happened and no law was broken."""
    return next(record for record in (judged(seed).record for seed in range(100)) if _is_rich(record))


def _is_rich(record: Record) -> bool:
    asked = [call.parts[0][1] for call in record.calls if call.outcome == "accepted" and not call.is_transaction]
    transactions = [call for call in record.calls if call.is_transaction and call.outcome == "accepted"]
    return (
        100 < len(record.log) < 400
        and len(transactions) > 5
        and any(isinstance(command, Deposit) for command in asked)
        and any(isinstance(command, Balance) for command in asked)
        and any(standing.sequence for _, standing in record.live)
        and bool(record.shelf)
        and not breaches(record, BANK)
    )


@pytest.fixture
def record(kept: Record) -> Record:
    """To be changed."""
    changed = copy.copy(kept)
    changed.calls = [copy.copy(call) for call in kept.calls]
    changed.log = list(kept.log)
    return changed


def broken_laws(record: Record) -> set[str]:
    return {breach.law for breach in breaches(record, BANK)}


def a_transaction(record: Record) -> Call:
    return next(call for call in record.calls if call.is_transaction and call.outcome == "accepted")


def a_deposit(record: Record) -> Call:
    return next(
        call
        for call in record.calls
        if call.outcome == "accepted" and isinstance(call.parts[0][1], Deposit) and not call.is_transaction
    )


def a_question(record: Record) -> Call:
    return next(
        call
        for call in record.calls
        if call.outcome == "accepted" and isinstance(call.parts[0][1], Balance) and not call.is_transaction
    )


def test_law_2_misses_a_part(record: Record) -> None:
    """A transaction that is in one actor and not in the other."""
    last_together = max(number for number, line in enumerate(History(record, BANK.kinds).lines) if line.commit.together)
    del record.log[last_together]
    renumbered = [msgspec.structs.replace(one, sequence=number) for number, one in enumerate(record.log, 1)]
    record.log = renumbered
    assert "law 2, all or nothing" in broken_laws(record)


def test_law_5_misses_what_was_acknowledged(record: Record) -> None:
    """An acceptance whose commit is not in the log."""
    a_deposit(record).id = "never-stored"
    assert "law 5, acknowledged means durable" in broken_laws(record)


def test_law_5_misses_a_premature_answer(record: Record) -> None:
    """An acceptance that came before its commit."""
    call = a_deposit(record)
    call.answered_head = call.sequence - 1
    assert "law 5, acknowledged means durable" in broken_laws(record)


def test_law_5_misses_another_answer(record: Record) -> None:
    """An answer that is not the one in the log."""
    a_transaction(record).reply = {actor: {"facts": 0} for actor, _ in a_transaction(record).parts}
    assert "law 5, acknowledged means durable" in broken_laws(record)


def test_law_6_sees_two_writers(record: Record) -> None:
    """Two commits that stand on the same one."""
    actor = a_deposit(record).parts[0][0]
    last = [one for one in record.log if one.actor == actor][-1]
    rival = encode(actor, 0, previous_of(last.body), ())
    record.log.append(Recorded(len(record.log) + 1, actor, rival, last.stored_at))
    assert "law 6, one writer wins" in broken_laws(record)


def test_law_7_sees_a_second_effect(record: Record) -> None:
    """The same command in two commits."""
    call = a_deposit(record)
    actor = call.parts[0][0]
    first = record.log[call.sequence - 1]
    last = [one for one in record.log if one.actor == actor][-1]
    decided = [one for one in ACCOUNT.facts.read(first.body).decided if one.id == call.id]
    record.log.append(
        Recorded(len(record.log) + 1, actor, encode(actor, 0, hash_of(last.body), decided), last.stored_at)
    )
    assert "law 7, once" in broken_laws(record)


def test_law_7_sees_a_second_answer(record: Record) -> None:
    """A repeated command that was told something else."""
    again = copy.copy(a_deposit(record))
    again.reply = {"facts": 0}
    record.calls.append(again)
    assert "law 7, once" in broken_laws(record)


def test_law_8_sees_a_memory_that_is_not_of_the_log(record: Record) -> None:
    """A host that remembers another state."""
    host, standing = next((host, one) for host, one in record.live if one.sequence)
    record.live = [(host, msgspec.structs.replace(standing, state=msgspec.Raw(b'{"facts":0}')))]
    assert "law 8, the log is the truth" in broken_laws(record)


def test_law_8_sees_a_memory_that_is_behind(record: Record) -> None:
    """A host that has missed a commit of its actor."""
    host, standing = next((host, one) for host, one in record.live if one.sequence)
    record.live = [(host, msgspec.structs.replace(standing, sequence=standing.sequence - 1))]
    assert "law 8, the log is the truth" in broken_laws(record)


def test_law_8_sees_a_snapshot_that_is_not_of_the_log(record: Record) -> None:
    """A snapshot with the right head, and another state."""
    actor, standing = next(iter(record.shelf.items()))
    record.shelf = {actor: msgspec.structs.replace(standing, state=msgspec.Raw(b'{"facts":0}'))}
    assert "law 8, the log is the truth" in broken_laws(record)


def test_questions_are_placed_in_history(record: Record) -> None:
    """A balance that never was."""
    call = a_question(record)
    call.reply = {**call.reply, "trail": call.reply["trail"] ^ 1}
    assert "answers are true" in broken_laws(record)


def test_a_question_may_not_be_answered_from_before_what_was_known(record: Record) -> None:
    """A balance from before what somebody had been told already."""
    call = a_question(record)
    late = copy.copy(call)
    late.asked_at, late.answered_at, late.answered_head = 1e6, 1e6, len(record.log)
    record.occurred = Counter()
    record.calls.append(late)
    assert "answers are true" in broken_laws(record)


# Law 10, by every way of tampering


def tampered(log: list[Recorded]) -> Iterator[tuple[str, list[Recorded]]]:
    """The log with one thing changed, in many ways."""
    for number, one in enumerate(log):
        rest = (log[:number], log[number + 1 :])
        yield f"dropped {one.sequence}", [*rest[0], *rest[1]]
        for at in range(0, len(one.body), 7):
            altered = bytearray(one.body)
            altered[at] ^= 1
            body = bytes(altered)
            yield f"byte {at} of {one.sequence}", [*rest[0], msgspec.structs.replace(one, body=body), *rest[1]]
    of_actor: dict[str, list[int]] = {}
    for number, one in enumerate(log):
        of_actor.setdefault(one.actor, []).append(number)
    for numbers in of_actor.values():
        for this, that in pairwise(numbers):
            swapped = list(log)
            swapped[this] = msgspec.structs.replace(log[this], body=log[that].body)
            swapped[that] = msgspec.structs.replace(log[that], body=log[this].body)
            yield f"{log[this].sequence} and {log[that].sequence} changed places", swapped


@pytest.fixture
def known_heads(kept: Record) -> Callable[[list[Recorded]], dict[str, tuple[int, str]]]:
    def known(log: list[Recorded]) -> dict[str, tuple[int, str]]:
        return {one.actor: (one.sequence, hash_of(one.body)) for one in log}

    return known


def test_law_10_sees_every_way_of_tampering(
    kept: Record, known_heads: Callable[[list[Recorded]], dict[str, tuple[int, str]]]
) -> None:
    """Any commit dropped, any two of an actor swapped, any byte altered: the verifier knows, given the last heads."""
    log = kept.log[:60]
    heads = known_heads(log)
    assert not list(faults_in(log, heads))
    missed = [what for what, changed in tampered(log) if not list(faults_in(changed, heads))]
    assert not missed

"""The read models of a stack answer questions, come back when they die, and have read whatever was written."""

from __future__ import annotations

from pathlib import Path

from tests.support.stack import kill, tidegate, up

PROCESS = ("--runtime", "process", "--hosts", "1")


async def test_questions_are_answered_before_and_after_a_death(tmp_path: Path) -> None:
    """What was accepted is in the answer, if it is asked for at least as of then."""
    async with up(tmp_path, *PROCESS) as stack:
        put = await tidegate(tmp_path, "send", "put_resource", "id=attic", "time_zone=UTC", "--json")
        since = put.data["sequence"]
        asked = await tidegate(tmp_path, "ask", "catalog", f"at_least={since}", "--json")
        assert "attic" in asked.data["catalog"]["active"]
        kill(stack.pid_of("projector"))
        await stack.until("projector_ended")
        again = await tidegate(tmp_path, "ask", "catalog", f"at_least={since}", "--json", "--within", "30")
        while again.code:  # until it is there again, nobody answers, and that is told at once
            assert "nobody" in again.err, again
            again = await tidegate(tmp_path, "ask", "catalog", f"at_least={since}", "--json", "--within", "30")
        assert again.data == asked.data


async def test_what_is_no_question_is_told_so(tmp_path: Path) -> None:
    """Without asking anybody."""
    listed = await tidegate(tmp_path, "ask")
    assert "day_slots" in listed.out
    for words in (("nonsense",), ("month", "month"), ("month", "resource={"), ("month",)):
        told = await tidegate(tmp_path, "ask", *words)
        assert told.code == 1 and "bad_question" in told.err

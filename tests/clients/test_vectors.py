"""The Python client comes to what the server comes to, wherever the conformance suite says what that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clients.conformance.make import MADE, text_of
from tests.clients.vectors import FOLDER, cases, named
from tidegate_client.problems import problem_of
from tidegate_client.streams.conversation import Change, Conversation, does
from tidegate_client.streams.showing import agree, ahead, runs_of, slots_now, visit_now
from tidegate_client.streams.states import GATHERED, Run, read_state, state_after
from tidegate_client.webhooks import BadDelivery, verify_webhook
from tidegate_client.work import work_of


@pytest.mark.parametrize("name", sorted(MADE))
def test_vectors_are_what_the_server_would_make_now(name: str) -> None:
    """Whoever changes the server's rules makes them anew: `python -m clients.conformance.make`."""
    assert (FOLDER / f"{name}.json").read_text("utf-8") == text_of(name)


def test_deltas_lead_to_the_states_that_the_server_shows() -> None:
    """Of every kind of topic, each going on from where the one before has led."""
    seen = set()
    for case in cases("deltas"):
        topic, position = case["topic"], case["position"]
        state = read_state(topic, case["state"])
        for step in case["steps"]:
            assert does(topic, position, step["before"], step["after"]) == "take"
            state, position = state_after(topic, state, step["delta"]), step["after"]
            if "state" in step and topic != "bookings":  # of which nothing says what they all are
                assert state == read_state(topic, step["state"]), (case["name"], topic, step)
        seen.add(topic.partition("/")[0])
    assert seen == {"day", "holds", "month", "room", "block", "ticket", "numbers", "booking", "bookings"}


def test_whoever_stands_within_a_gathered_delta_comes_to_the_same() -> None:
    """Blocks that it adds and that are known already are not added again."""
    for case in cases("gathered"):
        topic = case["topic"]
        assert topic.partition("/")[0] in GATHERED
        assert does(topic, case["position"], case["before"], case["after"]) == "take"
        assert state_after(topic, read_state(topic, case["state"]), case["delta"]) == read_state(topic, case["then"])


def test_a_delta_is_taken_in_passed_over_or_a_reason_to_start_over() -> None:
    """As the gateway itself has it."""
    for case in cases("following"):
        assert does(case["topic"], case["mine"], case["before"], case["after"]) == case["does"], case


def test_slots_stand_as_the_server_says() -> None:
    """For each slot, and for visits over several; whoever holds something is not in their own way."""
    for case in cases("slots"):
        day, holds = read_state("day/room/x", case["day"]), read_state("holds/room/x", case["holds"])
        own = [Run(*one) for one in case["own"]]
        slots = slots_now(day, holds, units=case["units"], own=own)
        assert [[one.first, one.end, one.use, one.units] for one in runs_of(slots)] == case["slots"]
        for first, end, state, units in case["visits"]:
            assert visit_now(slots, first, end) == (state, units)


def test_everybody_counts_those_ahead_of_them() -> None:
    """By the room and their own block."""
    for case in cases("places"):
        room = read_state("room/launch", case["room"])
        for ticket in case["tickets"]:
            block = read_state("block/launch/0", case["blocks"][str(ticket["block"])])
            assert agree(room, block)
            assert ahead(room, block, ticket["place"]) == ticket["ahead"]


def test_a_room_and_a_block_that_tell_of_different_moments_do_not_agree() -> None:
    """Be it that more wait by the one than by the other, or that the room has no such block or lane yet."""
    case = cases("places")[0]
    room, one = read_state("room/launch", case["room"]), case["tickets"][0]
    block = read_state("block/launch/0", case["blocks"][str(one["block"])])
    assert not agree(room, replace(block, waiting=block.waiting ^ 1))
    assert not agree(room, replace(block, index=9))
    assert not agree(replace(room, lanes=()), block)


def test_problems_are_read() -> None:
    """A gateway's, and what something in between has to say."""
    for case in cases("problems"):
        problem = problem_of(case["status"], case["headers"], case["body"])
        told = {name: getattr(problem, name) for name in case["problem"]}
        assert told == case["problem"]


@pytest.mark.parametrize("case", named("webhooks").values(), ids=list(named("webhooks")))
def test_deliveries_are_believed_only_when_they_are_ours(case: dict[str, Any]) -> None:
    """And not much older or younger than now."""
    about = (case["secret"], case["headers"], case["body"])
    if case["flaw"] is None:
        assert verify_webhook(*about, now_s=case["now"]).body == case["body"].encode()
        return
    with pytest.raises(BadDelivery) as refused:
        verify_webhook(*about, now_s=case["now"])
    assert refused.value.flaw == case["flaw"]


def test_work_is_done_as_the_server_does_it() -> None:
    """Counting up from nothing."""
    for case in cases("work"):
        assert work_of(case["room"], case["visitor"], case["bits"], case["at_ms"]) == case["work"]


class Dialogue:
    """A conversation that goes by its script."""

    def __init__(self, dice: float) -> None:
        self.conversation = Conversation(lambda: dice)
        self.ids: dict[str, int] = {}
        self.told: list[list[str]] = []
        self._last = 0

    def said(self) -> list[dict[str, Any]]:
        says = self.conversation.to_say()
        for one in says:
            self._last = one["id"]
            if one["type"] == "subscribe":
                self.ids[one["topic"]] = one["id"]
        return [{key: value for key, value in one.items() if key != "id"} for one in says]

    def hear(self, message: dict[str, Any]) -> None:
        if message.get("id") == "its":
            message |= {"id": self.ids[message["topic"]] if "topic" in message else self._last}
        for heard in self.conversation.hear(message):
            assert isinstance(heard, Change)
            self.told.append([heard.topic, heard.why])

    def shows(self, topic: str) -> Any:
        found = self.conversation.topic(topic)
        return None if found is None or not found.position else (found.position, found.state)


@pytest.mark.parametrize("dice", [0.0, 0.999])
@pytest.mark.parametrize("case", named("streams").values(), ids=list(named("streams")))
def test_dialogues_go_as_they_are_written(case: dict[str, Any], dice: float) -> None:
    """What is said, believed and shown, over one connection after another."""
    talk, says = Dialogue(dice), list[Any]()
    for step in case["steps"]:
        ((does_now, about),) = step.items()
        says += talk.said()
        match does_now:
            case "do":
                for topic in about.get("follow", ()):
                    talk.conversation.follow(topic)
                for topic in about.get("leave", ()):
                    talk.conversation.leave(topic)
            case "open":
                talk.conversation.opened()
            case "lost":
                talk.conversation.lost()
            case "hear":
                talk.hear(dict(about))
            case "asks_again":
                assert about in talk.conversation.to_ask_again
                talk.conversation.ask_later(about)
                talk.conversation.ask_again(about)
            case "comes_back":
                assert about[0] <= talk.conversation.back_after_ms() <= about[1]
            case "says":
                assert says == about
                says.clear()
            case "told":
                assert talk.told == about
                talk.told.clear()
            case "shows":
                for topic, shown in about.items():
                    expected = shown and (shown["position"], read_state(topic, shown["state"]))
                    assert talk.shows(topic) == expected
            case _:
                raise AssertionError(does_now)

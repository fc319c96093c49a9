"""Commands that people type become typed commands, or errors that say what would have fitted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from actors.catalog import CATALOG, ListResources, PutEventType, PutResource, PutSchedule
from actors.decider import Command
from events.catalog import Question, Quota, Window
from events.errors import BadName
from tidegate.typed_commands import BadCommand, actor_for, known, parse, spoken


class Paint(Command, frozen=True):
    """Paint it. In some colours."""

    colours: list[str]
    share: float = 0.5
    twice: bool = False
    note: str | None = None


WALL: Any = replace(CATALOG, kind="wall", commands=(Paint,))  # type: ignore[arg-type]  # paints a catalog
KINDS = {"wall": WALL}


def test_fields_become_what_their_types_say() -> None:
    """Text stays text, even where it looks like a number; numbers and truth values are read."""
    assert parse(["put_resource", "id=7", "time_zone=UTC", "capacity=2"], None) == PutResource("7", "UTC", "", 2)
    assert parse(["list_resources", "retired=true"], None) == ListResources(retired=True)


def test_a_value_may_hold_anything_that_follows_the_first_sign() -> None:
    """Only the first = parts a name from its value."""
    command = parse(["put_resource", "id=a", "time_zone=UTC", "name=a=b [c]"], None)
    assert command == PutResource("a", "UTC", "a=b [c]")


def test_what_is_no_plain_value_is_given_as_json() -> None:
    """Lists and the like have no spelling of their own."""
    words = ["paint", 'colours=["red", "blue"]', "share=1", "twice=1", "note=null"]
    command = parse(words, None, KINDS)
    assert command == Paint(["red", "blue"], 1.0, twice=True, note="null")


def test_records_in_lists_in_mappings_are_json_too() -> None:
    """However deep a field is, one word spells it."""
    hours = ["id=late", "time_zone=UTC", 'weekly={"mon":[[480,1020]]}', 'overrides={"2026-12-24":[]}', "region=DE-BY"]
    assert parse(["put_schedule", *hours], None) == PutSchedule(
        "late", "UTC", "", {"mon": (Window(480, 1020),)}, {"2026-12-24": ()}, "DE-BY"
    )
    visit = ["slug=visit", "durations=[60, 90]", "complete_after=null", 'per_booker={"day":1}', "room=7", "price=50"]
    asked = 'questions=[{"id":"why","label":"Why?","kind":"choice","choices":["so","or so"]}]'
    assert parse(["put_event_type", *visit, asked], None) == PutEventType(
        "visit",
        durations=(60, 90),
        complete_after=None,
        per_booker=Quota(day=1),
        room="7",
        price="50",
        questions=(Question("why", "Why?", "choice", choices=("so", "or so")),),
    )


def test_a_whole_command_may_be_json() -> None:
    """As it travels."""
    text = '{"command": "put_resource", "id": "a", "time_zone": "UTC"}'
    assert parse([text], "demo.catalog") == PutResource("a", "UTC")
    assert actor_for([text], "demo") == "demo.catalog"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no command is named"),
        (["put_resorce"], "did you mean put_resource?"),
        (["put_resource", "id=a"], "needs time_zone"),
        (["put_resource"], "needs id and time_zone"),
        (["put_resource", "id=a", "time_zone=UTC", "size=2"], "no field 'size'"),
        (["put_resource", "id=a", "time_zon=UTC"], "did you mean time_zone?"),
        (["put_resource", "id=a", "time_zone=UTC", "capacity=two"], "capacity=two: a number is wanted"),
        (["put_resource", "id=a", "id=b", "time_zone=UTC"], "id is given twice"),
        (["put_schedule", "weekly=mon"], "tuple[Window, ...]] is wanted"),
        (["put_schedule", 'weekly={"mon":[[480,"x"]]}'], "Expected int, got str - at $[...][0][1]"),
        (["put_schedule", 'weekly={"mon":[[480,1020,5]]}'], "array of at most length 2"),
        (["put_schedule", 'weekly={"monday":[]}'], "Invalid enum value 'monday'"),
        (["put_schedule", 'weekly={"mon":'], "truncated"),
        (["put_resource", "studio"], "name=value"),
        (["{"], "not JSON"),
        (['{"id": "a"}'], '"command"'),
        (['{"command": "put_resource", "id": "a", "time_zone": 3}'], "time_zone"),
        (['{"command": "put_resource", "id": "a", "time_zone": "UTC", "x": 1}'], "unknown field x"),
        (['{"command": "put_resource"}', "id=a"], "stands alone"),
        (["tick"], "no command 'tick'"),
    ],
)
def test_what_spells_no_command_is_an_error_that_helps(words: list[str], says: str) -> None:
    """Nothing is guessed, and nothing is sent."""
    with pytest.raises(BadCommand, match=re.escape(says)):
        parse(words, None)


def test_the_actor_is_the_organisations_own_unless_it_is_named() -> None:
    """A kind with one actor per organisation needs no name."""
    assert actor_for(["list_resources"], "acme") == "acme.catalog"
    assert spoken("list_resources", "acme") == ("acme.catalog", ListResources())
    assert spoken("other.catalog list_resources retired=true", "acme") == ("other.catalog", ListResources(retired=True))


def test_a_command_that_several_kinds_know_wants_an_actor() -> None:
    """Which of them is meant is not guessed."""
    kinds: Any = {"catalog": CATALOG, "other": replace(CATALOG, kind="other")}
    with pytest.raises(BadCommand, match="several kinds"):
        actor_for(["list_resources"], "demo", kinds)
    assert parse(["list_resources"], "demo.other", kinds) == ListResources()


def test_an_actor_that_cannot_be_is_refused_before_anything_is_sent() -> None:
    """A bad name and an unknown kind are two things."""
    with pytest.raises(BadName):
        parse(["list_resources"], "Demo")
    with pytest.raises(BadCommand, match="did you mean catalog"):
        parse(["list_resources"], "demo.catalogue")


def test_quotes_in_a_part_are_those_of_a_shell() -> None:
    """A part of a transaction is one argument; inside it, blanks are quoted again."""
    actor, command = spoken("put_resource id=a time_zone=UTC name='Studio A'", "demo")
    assert (actor, command) == ("demo.catalog", PutResource("a", "UTC", "Studio A"))
    with pytest.raises(BadCommand, match="quotation"):
        spoken("put_resource name='open", "demo")


def test_every_known_command_says_what_it_means_and_takes() -> None:
    """The listing is made of the types, so it cannot lag behind them."""
    commands = {one.name: one for one in known()}
    assert commands["put_resource"].meaning == "Add a resource, or change all of it."
    assert commands["put_resource"].usage.startswith('put_resource id=<text> time_zone=<text> [name=""] [capacity=1] ')
    assert "[weekly={}]" in commands["put_schedule"].usage
    assert next(known(KINDS)).usage == "paint colours=<list[str]> [share=0.5] [twice=false] [note=null]"

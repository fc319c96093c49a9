"""The description is one that programs can go by: what is taken fits it, and what it mentions is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.described import document, faults, operation, operations, parts
from tests.support.gateway import Gate

ROOT = Path(__file__).parents[3]
MICS = [{"resource": "mics", "units": 2}, {"resource": "studio-south"}]
BODIES = [
    ("POST", "/v1/{org}/holds", Gate.wish(along=MICS)),
    ("POST", "/v1/{org}/bookings", Gate.wish(along=MICS, answers={"project": "Take 1"})),
    ("POST", "/v1/{org}/standby", Gate.wish(along=MICS[:1], booker={"name": "Ada Brandt"})),
    ("POST", "/v1/{org}/keys", {"role": "service", "scopes": ["slots.read", "holds.write"]}),
    ("PUT", "/v1/{org}/webhooks/{id}", {"url": "https://a.example/hook", "events": ["booking.*", "hold.placed"]}),
    ("POST", "/v1/{org}/webhooks/{id}/replay", {"deliveries": ["4711-0", "4712-1"]}),
    ("PUT", "/v1/{org}/rooms/{room}", {"lanes": [{"id": "vip", "codes": ["GOLD", "SILVER"]}]}),
    ("PUT", "/v1/{org}/event-types/{slug}", {"durations": [60, 120], "resources": ["studio-north", "mics"]}),
    ("PUT", "/v1/{org}/schedules/{id}", {"time_zone": "UTC", "weekly": {"mon": [{"start": "09:00", "end": "17:00"}]}}),
    ("POST", "/v1/{org}/rooms/{room}/tickets", None),
]


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_a_body_that_is_taken_is_as_described(method: str, path: str, body: Any) -> None:
    """Lists of more than one thing too."""
    assert faults(operation(method, path).asked, body) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/{org}/holds", Gate.wish(along=["mics"])),
        ("POST", "/v1/{org}/keys", {"role": "service", "scopes": ["everything"]}),
        ("PUT", "/v1/{org}/webhooks/{id}", {"url": "https://a.example/hook", "events": []}),
        ("POST", "/v1/{org}/webhooks/{id}/replay", {"deliveries": [str(one) for one in range(1_001)]}),
    ],
)
def test_a_body_that_is_refused_is_not(method: str, path: str, body: Any) -> None:
    """By what is in a list, and by how much."""
    assert faults(operation(method, path).asked, body) != []


def test_nothing_is_one_of_several_things_of_which_one_is_anything() -> None:
    """It would be two of them at once, and so none."""
    loose = [
        at
        for at, one in parts()
        if isinstance(one, dict) and any({} in one.get(several, ()) for several in ("oneOf", "anyOf"))
    ]
    assert loose == []


SPEAKS: frozenset[str] = frozenset(
    {
        "all", "characters_max", "day", "description", "email", "id", "kind", "month", "name", "phone", "reason",
        "required", "resource", "role", "time_zone", "url", "week", "why",
    }
)  # fmt: skip
"""Fields whose names say what they are."""


def named_in(schema: Any) -> set[str]:
    """Everything that it refers to, and what that does."""
    found = {one.rpartition("/")[2] for at, one in parts(schema) if at[-1:] == ("$ref",)}
    return found.union(*(named_in(document()["components"]["schemas"][name]) for name in found))


def test_everything_that_has_a_name_says_what_it_is() -> None:
    """And every field of what is asked for, by its own words or by those of what it is in."""
    schemas = document()["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []
    silent = [
        f"{name}.{field}"
        for name in set().union(*(named_in(one.asked) for one in operations() if one.asked))
        for field, one in schemas[name]["properties"].items()
        if field not in SPEAKS
        and not one.get("description")
        and f"`{field}`" not in schemas[name]["description"]
        and "$ref" not in one
    ]
    assert silent == []


def test_a_field_says_what_stands_below_it_in_the_code() -> None:
    """There, or where it comes from."""
    room = document()["components"]["schemas"]["RoomWanted"]["properties"]
    assert len([one for one in room.values() if one.get("description")]) == len(room) == 24
    assert room["per_minute"]["description"] == "How many are admitted in any sixty seconds; 0 for as many as come."
    assert document()["components"]["schemas"]["Wanted"]["properties"]["duration"]["description"].startswith("In min")


def test_whatever_is_asked_and_answered_has_an_example() -> None:
    """Where it is, and where it is described by its name."""
    without = [
        (one.method, one.path)
        for one in operations()
        for about in (one.said.get("requestBody", {}), *one.done.values())
        for media in about.get("content", {}).values()
        if "example" not in media
    ]
    assert without == []
    assert [name for name, one in document()["components"]["schemas"].items() if not one.get("examples")] == []


def test_every_example_is_as_described() -> None:
    """Whole ones, and those of single fields."""
    wrong = [
        (at, found)
        for at, one in parts()
        if isinstance(one, dict) and "properties" not in at[-1:]
        for schema, example in [
            *((one, example) for example in one.get("examples", ())),
            *([(one["schema"], one["example"])] if "example" in one else []),
        ]
        if (found := faults(schema, example))
    ]
    assert wrong == []


def test_an_example_is_whole_where_it_is_answered() -> None:
    """What is null is told as well; what is asked for is said shortly."""
    schemas = document()["components"]["schemas"]
    (booked,), (room,) = schemas["Booked"]["examples"], schemas["RoomWanted"]["examples"]
    assert booked["until"] is None and set(booked) == set(schemas["Booked"]["properties"])
    assert room["title"] == "The premiere" and "shards" not in room


def test_every_request_can_be_found_again() -> None:
    """By its name and by its trace, done or refused."""
    for one in operations():
        assert {"x-request-id", "traceparent"} <= one.heeds, one.path
        for status, told in one.said["responses"].items():
            assert "X-Request-Id" in told.get("headers", ()), (one.path, status)


def test_files_that_are_mentioned_are_there() -> None:
    """In whatever is said of anything."""
    said = [one for _, one in parts() if isinstance(one, str)]
    mentioned = {name for one in said for name in re.findall(r"[\w/.-]+\.(?:md|py|conf)\b", one)}
    assert [name for name in mentioned if not (ROOT / name).exists()] == []

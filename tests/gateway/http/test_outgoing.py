"""What the description says of webhooks is what receivers get: every event, its headers, its body."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from events import room
from events.codec import spelled
from events.facts import Fact
from events.webhooks import EVENTS, TEST
from gateway.http.outgoing import TOLD
from gateway.webhooks.delivering import GONE
from gateway.webhooks.happenings import Happening, trial
from gateway.webhooks.signing import key_of, signature
from tests.gateway.webhooks.office import DAY, ROOM, SECRET, START, booked
from tests.gateway.webhooks.test_happenings import TELLING, told
from tests.support.gateway import in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]

MORE: list[tuple[str, Fact]] = [
    (DAY, booked("b", "confirmed")),
    (DAY, booked("b", "pending")),
    (DAY, booked("b")),
    (ROOM, room.TicketsCalled("vip", ("0.7",), START, reachable=spelled([0]))),
]


def sent() -> list[Happening]:
    """Of every event at least one, as it is sent."""
    test = trial(f"test-{START}", "demo", "shop", "e")
    assert test is not None
    facts = [(actor, fact) for actor, fact, *_ in TELLING] + MORE
    return [test, *(one for actor, fact in facts for one in told(actor, fact))]


def operation(event: str) -> dict[str, Any]:
    said: dict[str, Any] = TOLD[event].to_schema()["post"]
    return said


def media(event: str) -> dict[str, Any]:
    said: dict[str, Any] = operation(event)["requestBody"]["content"]["application/json"]
    return said


def shape(value: Any) -> Any:
    """The names that stand in it, in order; of maps that are anybody's, none."""
    if isinstance(value, dict):
        return {name: shape(one) if name not in {"answers", "counts"} else {} for name, one in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else None


def test_every_event_that_can_be_sent_is_described() -> None:
    """And no other; the test too."""
    assert list(TOLD) == [*EVENTS, TEST]
    assert {one.event for one in sent()} == set(TOLD)


@pytest.mark.parametrize("happening", sent(), ids=lambda one: f"{one.event} {one.id}")
def test_what_is_sent_is_as_described(happening: Happening) -> None:
    """Its schema takes it, and its example has the same fields in the same order: nothing is left out."""
    said, body = media(happening.event), orjson.loads(happening.body)
    Draft202012Validator(said["schema"], validate_formats=True).validate(body)
    assert shape(said["example"]) == shape(body)


@pytest.mark.parametrize("event", TOLD)
def test_an_example_is_one(event: str) -> None:
    """Its own schema takes it, and no other event's does."""
    example = media(event)["example"]
    takes = [each for each in TOLD if Draft202012Validator(media(each)["schema"]).is_valid(example)]
    assert takes == [event]


@pytest.mark.parametrize("event", TOLD)
def test_every_field_has_to_be_there(event: str) -> None:
    """At every depth: what is described is never left out."""

    def needs_all(schema: dict[str, Any]) -> bool:
        fields = schema.get("properties", {})
        inner = [*fields.values(), schema.get("items", {})]
        return list(fields) == schema.get("required", []) and all(needs_all(one) for one in inner if one)

    assert needs_all(media(event)["schema"])


def test_headers_are_as_they_are_sent() -> None:
    """Three of ours; one signature or several, as after a rotation."""
    by_name = {one["name"]: one["schema"] for one in operation(TEST)["parameters"]}
    assert list(by_name) == ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"]
    keys = [key_of(SECRET, "demo", "shop", number) for number in (3, 2, 1)]
    for some in (keys, keys[:1]):
        assert re.search(by_name["Webhook-Signature"]["pattern"], signature(some, "17-0", 1, b"{}"))
    for schema in by_name.values():
        Draft202012Validator(schema).validate(schema["examples"][0])
    assert set(operation(TEST)["responses"]) == {"2XX", str(GONE), "default"}


async def test_the_whole_description_is_openapi() -> None:
    """Of version 3.1, with webhooks in it, each with a name of its own; they ask for no key of ours."""
    async with open_gateway(demo=False) as gate:
        document = (await gate.get("/docs/openapi.json")).json()
    OPENAPI_31_VALIDATOR.validate(document)
    assert set(document["webhooks"]) == set(TOLD)
    items = [*document["paths"].values(), *document["webhooks"].values()]
    names = [one["operationId"] for item in items for one in item.values() if isinstance(one, dict)]
    assert len(set(names)) == len(names) >= len(TOLD)
    assert all(item["post"]["security"] == [] for item in document["webhooks"].values())

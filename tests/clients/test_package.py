"""The client stands alone: nothing of the server comes with it, and both kinds of it are the same."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import tidegate_client
from tests.clients.vectors import FOLDER
from tidegate_client import AsyncTidegate, BlockingStream, Problem, Stream, Tidegate, answers
from tidegate_client.reading import Misread, read
from tidegate_client.streams import states

SOURCE = FOLDER.parent / "python" / "src" / "tidegate_client"
MAY = {"httpx", "tidegate_client", "websockets"}
WITH_PASSES = {"cryptography", "jwt"}
"""What the extra `passes` brings, for the modules that are only of use with it."""


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_it_needs_nothing_of_the_server(path: Path) -> None:
    """Only the standard library, httpx and websockets."""
    others = imported(path) - set(sys.stdlib_module_names) - MAY
    assert others <= (WITH_PASSES if path.stem in {"passes", "asgi"} else set())


def public(kind: Any) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    """What is awaited of the one is answered by the other; and of streams alike."""
    assert public(Tidegate) - {"do"} == public(AsyncTidegate) - {"do_later"}
    own = {"stream", "do", "do_later", "asked", "attempt", "close", "look_at", "position_of", "seen"}
    assert public(BlockingStream) - own == public(Stream) - own


def test_operations_say_what_they_are() -> None:
    """Their words and their parameters can be asked for."""
    with Tidegate("http://nowhere.example", "demo") as client:
        assert "hold stands" in str(client.hold.__doc__)
        asked = client.cancel.ask("studio.2026-12-07.b-1", manage_token="t")
    assert (asked.method, asked.path) == ("POST", "/bookings/studio.2026-12-07.b-1/cancel")
    assert (asked.command, asked.args) == ("cancel", {"booking": "studio.2026-12-07.b-1"})


def test_a_name_cannot_leave_its_place_in_a_path() -> None:
    """Whatever somebody typed."""
    with Tidegate("http://nowhere.example", "demo") as client:
        assert client.resource.ask("../../other/keys?x=#").path == "/resources/..%2F..%2Fother%2Fkeys%3Fx%3D%23"
        assert client.keep_hold.ask("a.2026-12-07.h-1~b.2026-12-08").path.endswith(
            "/a.2026-12-07.h-1~b.2026-12-08/heartbeat"
        )


def test_whoever_cannot_be_reached_is_a_problem() -> None:
    """After as many tries as were allowed, and no exception of what is below."""
    with Tidegate("http://127.0.0.1:1", "demo", tries_max=2) as client, pytest.raises(Problem, match="not_reached"):
        client.resources()


def test_a_gateway_may_say_more_than_is_known() -> None:
    """But not less than it promised."""
    told = {"id": "a", "time_zone": "UTC", "capacity": 2, "colour": "blue"}
    assert read(answers.Resource, told) == answers.Resource("a", "UTC", capacity=2)
    with pytest.raises(Misread, match="time_zone"):
        read(answers.Resource, {"id": "a"})


def test_answers_and_states_are_frozen() -> None:
    """Nobody changes what another one is looking at."""
    for module in (answers, states):
        records = [one for one in vars(module).values() if inspect.isclass(one) and is_dataclass(one)]
        assert records and all(one.__dataclass_params__.frozen for one in records)  # type: ignore[attr-defined]
        assert all(fields(one) for one in records)


def test_everything_that_is_offered_is_there() -> None:
    """By the names in `__all__`."""
    assert all(hasattr(tidegate_client, name) for name in tidegate_client.__all__)

"""What is personal is left out of what is shown of the log, unless it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors.catalog import CATALOG
from events.commit import GENESIS, Decided, encode
from events.facts import REDACTED, Fact, FactSet, Personal
from events.log import BatchMark, Recorded
from tidegate.cli import reading
from tidegate.cli.reading import as_data
from tidegate.cli.shared import Invocation
from tidegate.config import load


class Invited(Fact, frozen=True):
    """Somebody is asked to come."""

    guest: Personal
    seats: int


PARTY: Any = replace(CATALOG, kind="party", facts=FactSet[Invited]((Invited,)))  # type: ignore[arg-type]  # for its facts
SECRET = "Ada Lovelace"


@pytest.fixture(autouse=True)
def _a_kind_with_personal_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KINDS", {"party": PARTY})


def recorded(actor: str = "demo.party", body: bytes | None = None, **more: Any) -> Recorded:
    reply = msgspec.Raw(json.dumps({"welcome": SECRET}).encode())
    decided = Decided("c1", "host@example", 0, (Invited(SECRET, 2),), reply)
    return Recorded(7, actor, encode(actor, 0, GENESIS, [decided], ()) if body is None else body, 0, **more)


def test_a_fact_is_shown_without_what_is_personal() -> None:
    """The marks in its type say what that is; answers have no marks, and are not shown at all."""
    data = as_data(recorded(), reveal=False)
    assert SECRET not in json.dumps(data)
    assert data["decided"][0]["facts"] == [{"fact": "Invited.1", "guest": REDACTED, "seats": 2}]
    assert data["decided"][0]["command"] == "c1"
    assert data["sequence"] == 7


def test_whoever_asks_is_shown_everything() -> None:
    """Facts and answers."""
    data = as_data(recorded(), reveal=True)
    assert data["decided"][0]["facts"][0]["guest"] == SECRET
    assert data["decided"][0]["reply"] == {"welcome": SECRET}


def test_of_a_kind_that_is_not_known_here_nothing_is_shown_unasked() -> None:
    """Without its types nobody can tell what is personal."""
    stranger = recorded("demo.stranger")
    data = as_data(stranger, reveal=False)
    assert SECRET not in json.dumps(data)
    assert data["unreadable"]
    assert data["bytes"] == len(stranger.body)
    assert SECRET in json.dumps(as_data(stranger, reveal=True))


def test_a_commit_that_cannot_be_read_is_shown_as_that() -> None:
    """The tool that looks for damage must not fall over it."""
    data = as_data(recorded(body=b"\xff damaged"), reveal=False)
    assert data["unreadable"]
    assert as_data(recorded(body=b"\xff damaged"), reveal=True)["commit"] == b"\xff damaged".hex()


def test_a_commit_says_what_it_became_true_together_with() -> None:
    """Its batch, and the actors of its transaction."""
    together = ("demo.party", "other.party")
    body = encode("demo.party", 0, GENESIS, [], together)
    data = as_data(recorded(body=body, batch=BatchMark("b", 1, False)), reveal=False)
    assert data["batch"] == {"id": "b", "index": 1, "last": False}
    assert data["together"] == list(together)


def test_on_a_screen_it_is_one_line_per_fact(capsys: pytest.CaptureFixture[str]) -> None:
    """With its fields, none of them personal, and no markup from what was written by others."""
    reading.show(Invocation(load(environ={})), recorded(), reveal=False)
    shown = capsys.readouterr().out
    assert f"Invited.1 guest={REDACTED} seats=2" in shown
    assert "c1 by host@example" in shown
    assert SECRET not in shown

"""How rooms are typed: what is read, what is refused before anything is asked, and what never leaves the program."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from actors.waiting.asking import Door, joining
from events.clock import system_clock
from events.codec import spelled
from events.room import (
    Heard,
    Lane,
    LinesHeard,
    PassProlonged,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    TicketClaimed,
    TicketsCalled,
    TicketsMissed,
    TurnsNear,
)
from events.waiting.sessions import hidden, session_of
from events.waiting.work import flaw_of
from gateway.keys import Keys
from gateway.passes import pass_of_seat
from projections.estimates import Estimate
from tidegate import draws, logs
from tidegate.cli import app
from tidegate.cli.room import room_app
from tidegate.cli.room.common import BadRoom, estimate_shown, span_from, span_shown, when_from
from tidegate.cli.room.crowding import rate_from, share_from
from tidegate.cli.room.setting import OPTIONS, lanes_from, settings_from
from tidegate.draws import NoSecret
from tidegate.telling import Teller
from tidegate.visiting import done

NOW = 1_795_280_000_000
"""2026-11-21T16:53:20Z."""
KEY = "the key of a visitor"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["room", *arguments])


def given(**some: Any) -> dict[str, Any]:
    return dict.fromkeys(OPTIONS) | {"tz": "UTC"} | some


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("60s", 60), ("10m", 600), ("1h", 3_600), ("1h30m", 5_400), ("2d", 172_800), ("1h30", 3_630)],
)
def test_a_span_says_its_units(text: str, seconds: int) -> None:
    """Without one, it is seconds."""
    assert span_from("--active", text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10 m", "-5m", "m", "1m1h", "1.5h", "²"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """With how it is written."""
    with pytest.raises(BadRoom, match="10m"):
        span_from("--active", text)


def test_a_time_is_one_of_a_calendar_or_from_now_or_none() -> None:
    """By the clocks that are named."""
    assert when_from("--opens-at", "+10m", NOW, "UTC") == NOW + 600_000
    assert when_from("--opens-at", "none", NOW, "UTC") is None
    there, here = (when_from("--opens-at", "mon 10:00", NOW, tz) for tz in ("Europe/Berlin", "UTC"))
    assert there is not None and here is not None and here - there == 3_600_000
    assert when_from("--opens-at", "+3 10:00", NOW, "UTC") == when_from("--opens-at", "2026-11-24 10:00", NOW, "UTC")


def test_only_what_is_given_changes() -> None:
    """Of everything that a room may be set to, each by the name that it has there."""
    before = RoomSettings(capacity=5, per_minute=60, title="A sale", closes_at=NOW)
    after = settings_from(before, given(per_minute=30, active="2m", closes_at="none", straight_through=False), NOW)
    expected = RoomSettings(capacity=5, per_minute=30, title="A sale", active_s=120, straight_through=False)
    assert after == expected
    settable = {name.removesuffix("_s") for name in RoomSettings.__struct_fields__} - {"lanes"}
    assert set(OPTIONS) - {"lane", "drop_lane", "secret"} == settable


def test_codes_are_hashed_before_they_leave() -> None:
    """A known lane gets other codes and keeps its title; a new one comes last; one can be taken away."""
    before = (Lane("vip", (hidden("OLD"),), "Members"), Lane("press", (hidden("P"),)))
    lanes = lanes_from(before, ["vip:GOLD,SILVER", "crew:C"], ["press"])
    assert lanes == (Lane("vip", (hidden("GOLD"), hidden("SILVER")), "Members"), Lane("crew", (hidden("C"),)))
    for wrong in (["vip"], ["vip:"], [":GOLD"]):
        with pytest.raises(BadRoom) as refused:
            lanes_from((), wrong, ())
        assert "GOLD" not in str(refused.value)
    with pytest.raises(BadRoom):
        lanes_from((), (), ["vip"])


def test_shares_and_rates_are_read() -> None:
    """In percent or parts of one; by the second or the minute."""
    assert (share_from("10%"), share_from("0.1"), share_from("0")) == (0.1, 0.1, 0.0)
    assert (rate_from("20/s"), rate_from("300/min"), rate_from("5")) == (20.0, 5.0, 5.0)
    for wrong in ("110%", "-1", "many"):
        with pytest.raises(BadRoom):
            share_from(wrong)
    for wrong in ("20/h", "fast", "-1/s", "1000000/s"):
        with pytest.raises(BadRoom):
            rate_from(wrong)


def test_an_estimate_is_a_range_with_its_reason() -> None:
    """Or why there is none."""
    assert estimate_shown(Estimate(30, 60, 240)) == "60 s, between 30 s and 4 min"
    assert estimate_shown(Estimate(30, 60, None, "slower")).endswith("more than a day; it goes slower than before")
    assert estimate_shown(Estimate(reason="paused")) == "not known: the room is paused"
    assert (span_shown(5_400), span_shown(3_600 * 3), span_shown(89.6)) == ("1 h 30 min", "3 h", "2 min")


def test_a_draws_secret_is_for_its_operator_alone(tmp_path: Path) -> None:
    """It is made once, and kept where nobody else may read it."""
    secret = draws.made(tmp_path / "data", "mine", "sale")
    assert draws.made(tmp_path / "data", "mine", "sale") == secret == draws.secret_of(tmp_path / "data", "mine", "sale")
    path = draws.path_of(tmp_path / "data", "mine", "sale")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    draws.keep(tmp_path / "data", "mine", "sale", "one of my own, and long")
    assert draws.secret_of(tmp_path / "data", "mine", "sale") == "one of my own, and long"
    with pytest.raises(NoSecret):
        draws.secret_of(tmp_path / "data", "mine", "other")


def test_a_key_has_one_shard_and_an_identity_has_one_where_that_counts() -> None:
    """So the same visitor asks the same line, and says which room they have seen."""
    settings = RoomSettings(capacity=1, shards=8)
    door = Door("mine", "sale", settings, 17)
    actors = {joining(door, f"{KEY} {number}")[0] for number in range(100)}
    assert actors == {f"mine.line.sale.{shard}" for shard in range(8)}
    assert joining(door, KEY, identity="ann")[0] == joining(door, KEY)[0]
    assert joining(door, KEY)[1].room == 17
    strict = Door("mine", "sale", RoomSettings(capacity=1, shards=8, one_per_identity=True), 17)
    assert len({joining(strict, f"{KEY} {number}", identity="ann")[0] for number in range(20)}) == 1


async def test_work_is_done_as_a_line_wants_it() -> None:
    """And it is told how far it is."""
    told: list[int] = []
    work = await done("sale", session_of(KEY), 14, system_clock, told.append)
    assert flaw_of("sale", session_of(KEY), work, 14, system_clock()) is None
    assert told == sorted(told)


def test_what_happens_to_a_room_is_told_in_sentences() -> None:
    """What is heard is counted, a few tickets are named, and what is done for activity alone is not told."""
    teller = Teller("sale", RoomSettings(capacity=1))
    facts = (
        RoomPut(RoomSettings(capacity=50, title="A sale")),
        PhaseEntered("open"),
        LinesHeard((Heard(1, 0, 0, "", (("", 2), ("vip", 1))), Heard(2, 0, 3, "", (), spelled([1]), spelled([0, 2])))),
        TurnsNear("vip", ("0.2",)),
        TicketsCalled("vip", ("0.2",), 9),
        TicketsCalled("", tuple(f"0.{number}" for number in range(9)), 9),
        TicketClaimed("0.2", 9, 9),
        PassProlonged("0.2", 9),
        TicketsMissed(("0.0",), ("0.1",)),
    )
    assert [text for _, text in teller.told(facts)] == [
        "set: title – → 'A sale', capacity 1 → 50",
        "open: people are called",
        "3 joined, 1 left, 2 fell silent",
        "soon to be called from the lane vip: sale.0.2",
        "called from the lane vip: sale.0.2",
        "called: 9, from sale.0.0 to sale.0.8",
        "came in: sale.0.2",
        "missed their call; once more: sale.0.0; out: sale.0.1",
    ]


def seat(until: int) -> dict[str, Any]:
    return {"ticket": "sale.0.1", "room": "sale", "session": session_of(KEY), "since": until - 60_000, "until": until}


def test_a_pass_is_checked_with_the_public_keys_alone(tmp_path: Path) -> None:
    """Those of the data directory, or of a file; nothing has to run, and looking makes no keys."""
    assert json.loads(run("pass", "check", "x", "--room", "sale", "--json").stderr)["error"]["code"] == "bad_jwks"
    assert not (tmp_path / ".tidegate").exists()
    keys = Keys.open(tmp_path / ".tidegate" / "keys")
    token = pass_of_seat("demo", seat(system_clock() + 60_000), keys, system_clock())
    ran = run("pass", "check", token, "--room", "sale", "--json")
    assert ran.exit_code == 0 and json.loads(ran.stdout)["ticket"] == "sale.0.1"
    (tmp_path / "jwks.json").write_text(run("keys", "show").stdout)
    elsewhere = ("--jwks", "jwks.json", "--data-dir", "elsewhere")
    assert run("pass", "check", token, "--room", "sale", "--key", KEY, *elsewhere).exit_code == 0
    for wrong, code in (
        (("--room", "other"), "pass_of_another_room"),
        (("--room", "sale", "--set", "org=other"), "pass_of_another_room"),
        (("--room", "sale", "--key", "somebody else's"), "pass_of_another_session"),
    ):
        refused = run("pass", "check", token, *wrong, "--json")
        assert (refused.exit_code, json.loads(refused.stderr)["error"]["code"]) == (1, code)
    old = pass_of_seat("demo", seat(system_clock() - 1), keys, system_clock())
    assert "error[pass_expired]" in run("pass", "check", old, "--room", "sale").stderr
    forged = run("pass", "check", token[:-4] + "AAAA", "--room", "sale")
    assert forged.exit_code == 1 and "next: " in forged.stderr


def test_keys_are_rotated_an_hour_ahead() -> None:
    """Both are public from then on."""
    first = json.loads(run("keys", "show").stdout)["keys"]
    new = json.loads(run("keys", "rotate", "--json").stdout)
    assert {key["kid"] for key in json.loads(run("keys", "show").stdout)["keys"]} == {first[0]["kid"], new["kid"]}


def test_where_nothing_runs_everybody_says_so() -> None:
    """For people and for programs; and a secret that was made stays with whoever made it."""
    ran = run("list")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("error[nothing_runs]: ")
    assert json.loads(run("show", "sale", "--json").stderr)["error"]["code"] == "nothing_runs"
    assert "nothing_runs" in run("create", "sale", "--capacity", "5", "--draw").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["join"],
        ["create", "Not A Name"],
        ["crowd", "sale"],
        ["crowd", "sale", "--visitors", "10001"],
        ["crowd", "sale", "--visitors", "5", "--no-shows", "many"],
        ["wait", "sale"],
        ["draw", "sale"],
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(arguments: list[str]) -> None:
    """With what could not be read, or is not known; nothing has to run for that."""
    ran = run(*arguments)
    assert ran.exit_code in (1, 2)
    assert "nothing_runs" not in ran.stderr


def _commands(group: Any, *path: str) -> list[tuple[str, Any]]:
    """The commands of a group and of those inside it, by their names behind `room`."""
    if not hasattr(group, "commands"):
        return [(" ".join(path), group)]
    return [found for name, one in group.commands.items() for found in _commands(one, *path, name)]


@pytest.mark.parametrize(("name", "command"), _commands(typer.main.get_command(room_app)))
def test_every_command_has_an_example_that_names_it(name: str, command: Any) -> None:
    """And the options that it shows exist."""
    examples = [part for part in (command.help or "").split("\n\n") if "tidegate room " in part]
    assert any(f"tidegate room {name}" in example for example in examples)
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", " ".join(examples))) <= known

"""How bookings are typed: what is read, what is refused before anything is asked, and what can be copied."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from events.calendar.quantum import Span, day_start
from events.catalog import Catalog, EventType, Quota, Resource
from events.day import Item
from tidegate import logs
from tidegate.cli import app
from tidegate.cli.booking import booking_app
from tidegate.cli.booking.closing import _span
from tidegate.cli.booking.common import BadWish, Wanted, pairs, wanted
from tidegate.cli.booking.creating import limits_from
from tidegate.cli.booking.looking import local_dates
from tidegate.cli.booking.taking import _book_line
from tidegate.refused import Refused

NOW = 1_795_280_000_000
"""2026-11-21T16:53:20Z."""
CATALOG = Catalog(
    active={"studio": Resource("studio", "Studio", "Europe/Berlin"), "mics": Resource("mics", "Mics", "UTC", 4)},
    event_types={"visit": EventType("visit", "A visit", durations=(60, 120))},
    links={"visit": ["mics", "studio"]},
)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["booking", *arguments])


def want(start: str, *along: str, duration: int | None = None, units: int = 1, tz: str | None = None) -> Wanted:
    return wanted(CATALOG, NOW, "visit", "studio", start, duration=duration, units=units, along=along, tz=tz)


def test_a_wish_is_read_by_the_clocks_of_its_resource() -> None:
    """Unless others are named; what comes along has its units."""
    here = want("mon 10:00", "mics:2")
    assert here.wish.items == (Item("studio"), Item("mics", 2))
    assert here.when == "Mon 2026-11-23 10:00–11:00"
    assert want("mon 10:00", tz="Europe/Lisbon").wish.start - here.wish.start == 3_600_000
    assert want("mon 10:00", "mics").wish.items[1] == Item("mics", 1)


@pytest.mark.parametrize("along", ["", ":2", "mics:", "mics:two", "mics:-1", "mics:²"])
def test_what_is_no_item_is_refused(along: str) -> None:
    """With how it is written."""
    with pytest.raises(BadWish, match="RESOURCE:UNITS"):
        want("mon 10:00", along)


def test_a_duration_that_is_not_offered_is_refused() -> None:
    """With the code that a day would refuse it with."""
    with pytest.raises(Refused) as refused:
        want("mon 10:00", duration=45)
    assert refused.value.code == "wrong_duration"


def test_the_line_that_a_hold_prints_asks_for_the_same() -> None:
    """Whatever is between the two: the time says its offset."""
    held = want("mon 10:00", "mics:2", duration=120, units=3)
    words = shlex.split(_book_line(held, "h", "s", None))
    assert words[:5] == ["tidegate", "booking", "book", "visit", "studio"]
    options = dict(zip(words[5::2], words[6::2], strict=True))
    again = want(
        options["--start"],
        options["--with"],
        duration=int(options["--duration"]),
        units=int(options["--units"]),
        tz="UTC",
    )
    assert again.wish == held.wish
    assert (options["--hold"], options["--session"]) == ("h", "s")


def test_limits_are_whose_and_which_period() -> None:
    """Several may be said of each."""
    assert limits_from(["booker-week=2", "booker-day=1", "resource-month=40"]) == {
        "per_resource": Quota(month=40),
        "per_booker": Quota(day=1, week=2),
    }
    assert limits_from([]) == {"per_resource": Quota(), "per_booker": Quota()}
    for wrong in ("week=2", "booker-year=2", "booker-week=two", "booker-week=-1"):
        with pytest.raises(typer.BadParameter):
            limits_from([wrong])
    with pytest.raises(BadWish):
        pairs("--meta", ["a=1", "a=2"])


def test_a_block_is_a_day_or_from_here_to_there() -> None:
    """In whole slots; nothing else, and not both."""
    day = _span("mon", "", "", NOW, "Europe/Berlin")
    assert day.end - day.start == 86_400_000
    some = _span("", "mon 10:05", "mon 10:50", NOW, "Europe/Berlin")
    assert some.end - some.start == 3_600_000
    for wrong in (("", "", ""), ("mon", "mon 10:00", "mon 11:00"), ("", "mon 10:00", "")):
        with pytest.raises(BadWish):
            _span(*wrong, NOW, "UTC")


def test_local_dates_are_those_of_the_clocks_on_the_wall() -> None:
    """From midnight to midnight there; a day on which the clocks change has another length."""
    hour_ms = 3_600_000
    assert local_dates("2026-12-07", 2, NOW, "UTC") == Span(day_start("2026-12-07"), day_start("2026-12-09"))
    there = local_dates("2027-03-28", 1, NOW, "Europe/Berlin")
    assert (there.start, there.end - there.start) == (day_start("2027-03-28") - hour_ms, 23 * hour_ms)


def test_where_nothing_runs_everybody_says_so() -> None:
    """For people and for programs."""
    ran = run("list")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("error[nothing_runs]: ")
    assert json.loads(run("show", "a.2026-12-07.b", "--json").stderr)["error"]["code"] == "nothing_runs"


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "resource", "x"],
        ["list", "everything"],
        ["list", "bookings"],
        ["book", "visit", "studio"],
        ["create", "event-type", "x", "--limit", "often"],
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(arguments: list[str]) -> None:
    """With exit code 2, or what could not be read; nothing has to run for that."""
    ran = run(*arguments)
    assert ran.exit_code in (1, 2)
    assert "nothing_runs" not in ran.stderr


def _commands(group: Any, *path: str) -> list[tuple[str, Any]]:
    """The commands of a group and of those inside it, by their names behind `booking`."""
    if not hasattr(group, "commands"):
        return [(" ".join(path), group)]
    return [found for name, one in group.commands.items() for found in _commands(one, *path, name)]


@pytest.mark.parametrize(("name", "command"), _commands(typer.main.get_command(booking_app)))
def test_every_command_has_an_example_that_names_it(name: str, command: Any) -> None:
    """And the options that it shows exist."""
    examples = [part for part in (command.help or "").split("\n\n") if "tidegate booking " in part]
    assert any(f"tidegate booking {name}" in example for example in examples)
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", " ".join(examples))) <= known | {"--hold", "--session"}

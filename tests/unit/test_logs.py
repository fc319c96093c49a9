"""Log lines look alike whoever writes them, say what they are about, and keep personal data to themselves."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from events.facts import REDACTED, Fact, Personal
from tidegate import logs
from tidegate.config import LogSettings


class GuestAdmitted(Fact, frozen=True):
    ticket: str
    name: Personal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    guests = {name: logging.getLogger(name) for name in logs.GUESTS}
    before = {name: (guest.handlers[:], guest.propagate, guest.level) for name, guest in guests.items()}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, guest in guests.items():
        guest.handlers[:], guest.propagate, guest.level = before[name]
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def set_up(stream: io.StringIO | None = None, **settings: Any) -> io.StringIO:
    stream = io.StringIO() if stream is None else stream
    logs.setup(msgspec.convert(settings, LogSettings), stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_elsewhere_than_on_a_terminal_a_line_is_one_json_object() -> None:
    """Programs read logs line by line."""
    stream = set_up()
    structlog.get_logger().info("took over", partition=17)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["partition"]) == ("took over", "info", 17)
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_a_line_is_for_people() -> None:
    """Nobody reads JSON for pleasure."""
    stream = set_up(Terminal())
    structlog.get_logger().info("took over", partition=17)
    assert "took over" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(("chosen", "stream"), [("json", Terminal()), ("human", io.StringIO())])
def test_a_chosen_format_holds_wherever_the_lines_go(chosen: str, stream: io.StringIO) -> None:
    """`auto` guesses; the other two don't."""
    set_up(stream, format=chosen)
    structlog.get_logger().info("hello")
    assert stream.getvalue().startswith("{") == (chosen == "json")


def test_ids_that_are_bound_come_with_every_line_and_come_first() -> None:
    """A line can be found by the actor, the command and the sequence it is about."""
    stream = set_up()
    with structlog.contextvars.bound_contextvars(sequence=7, command="c-1", actor="demo.catalog"):
        structlog.get_logger().info("stored", bytes=300)
        logging.getLogger("elsewhere").warning("slow")
    structlog.get_logger().info("later")
    stored, slow, later = lines(stream)
    assert list(stored)[:6] == ["timestamp", "level", "event", "actor", "command", "sequence"]
    assert (slow["actor"], slow["command"], slow["sequence"]) == ("demo.catalog", "c-1", 7)
    assert "actor" not in later


def test_lines_of_libraries_come_out_alike() -> None:
    """Ray's and NATS's lines stand among ours, and only once."""
    stream = set_up()
    ray = logging.getLogger("ray")
    ray.addHandler(logging.StreamHandler(io.StringIO()))
    ray.propagate = False
    logs.setup(LogSettings(), stream)
    ray.warning("worker %s died", "w-1")
    (line,) = lines(stream)
    assert (line["event"], line["logger"]) == ("worker w-1 died", "ray")


def test_what_is_below_the_level_is_not_logged() -> None:
    """Whoever asks for warnings gets no chatter, ours or theirs."""
    stream = set_up(level="warning")
    structlog.get_logger().info("chatter")
    logging.getLogger("elsewhere").info("chatter")
    structlog.get_logger().warning("heed")
    assert [line["event"] for line in lines(stream)] == ["heed"]


def test_setting_up_again_reaches_loggers_that_are_in_use() -> None:
    """A module's logger follows the last `setup`, and no line comes twice."""
    first = set_up()
    log = structlog.get_logger()
    log.info("one")
    second = set_up()
    log.info("two")
    assert [line["event"] for line in lines(first)] == ["one"]
    assert [line["event"] for line in lines(second)] == ["two"]


@pytest.mark.parametrize("format_", ["json", "human"])
def test_what_is_marked_personal_is_left_out_however_deep_it_sits(format_: str) -> None:
    """A record that is logged loses what is personal, in lists and under keys too."""
    stream = set_up(format=format_)
    fact = GuestAdmitted("t-1", "Ada Lovelace")
    structlog.get_logger().info("admitted", fact=fact, more=[fact, {"again": (fact,)}])
    assert "Lovelace" not in stream.getvalue()
    assert stream.getvalue().count(REDACTED) == 3
    assert "t-1" in stream.getvalue()


def test_bytes_that_were_not_read_are_not_shown() -> None:
    """What has no type has no marks, so it is not printed."""
    stream = set_up()
    structlog.get_logger().info("answered", reply=msgspec.Raw(b'{"name":"Ada"}'))
    assert lines(stream)[0]["reply"] == "<14 bytes>"


@pytest.mark.parametrize("format_", ["json", "human"])
def test_a_traceback_comes_without_the_values_of_variables(format_: str) -> None:
    """Where it broke is shown, and not whom it concerned."""
    stream = set_up(format=format_)
    name = "Ada " + "Lovelace"
    try:
        raise RuntimeError("broke")
    except RuntimeError:
        structlog.get_logger().exception("could not admit")
    assert "RuntimeError" in stream.getvalue()
    assert name not in stream.getvalue()


@pytest.mark.parametrize("value", [2**70, "\ud800", object(), {3: 4}])
def test_no_line_is_lost_for_what_it_holds(value: object) -> None:
    """A value that JSON cannot spell is spelled somehow."""
    stream = set_up()
    structlog.get_logger().info("odd", value=value)
    assert "odd" in lines(stream)[0]["event"]

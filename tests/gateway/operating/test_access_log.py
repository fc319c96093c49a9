"""A line of the access log says what was asked and what came of it, and nothing that opens a door or names a person."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex

import msgspec
import pytest
import structlog

from gateway.http.access_log import LOGGER, Line, parameters, shortened
from gateway.http.measured import measured
from gateway.measuring.metrics import Metrics
from tests.gateway.operating.attended import STRANGER, attended
from tidegate import logs
from tidegate.config import LogSettings

SAID = Line(
    datetime(2026, 6, 1, tzinfo=UTC), "info", "request", LOGGER, "GET", "/v1/{org}/slots", 200, 1.25, 17, "abc-1"
)


@pytest.fixture
def stderr() -> Iterator[io.StringIO]:
    """Where all lines of this process go, whoever logs them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.setup(LogSettings(level="debug", format="json"), stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def test_a_line_says_what_was_asked_and_what_came_of_it() -> None:
    """By the template of the route, with the names of parameters, and whose key it was."""
    async with attended() as gate:
        owner = {"Authorization": f"Bearer {gate.gate.owner}"}
        params = {"resource": "studio-north", "status": "confirmed"}
        await gate.get("/v1/demo/bookings", client=STRANGER, headers=owner, params=params)
        line = gate.lines[-1]
        assert line["event"] == "request"
        assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/{org}/bookings", 200)
        assert line["caller"] == "key:owner"
        assert line["query"] == ["resource", "status"]
        assert line["address"] == "203.0.113.0/24"
        assert line["bytes"] > 0
        assert 0 < line["ms"] < 10_000
        assert "problem" not in line


async def test_what_was_refused_has_its_code_and_who_asked() -> None:
    """Also when whoever asked may not."""
    async with attended() as gate:
        await gate.get("/v1/demo/bookings", headers={"Authorization": f"Bearer {await gate.gate.session()}"})
        line = gate.lines[-1]
        assert (line["status"], line["problem"]) == (403, "not_permitted")
        assert line["caller"].startswith("session:")


async def test_nothing_that_opens_a_door_or_names_a_person_is_ever_logged(stderr: io.StringIO) -> None:
    """Not by the access log, and not by anything else that logs: it is looked for in every line of the process."""
    async with attended() as gate:
        secrets = {name: f"{name}{token_hex(8)}" for name in ("pass", "cookie", "manage", "query", "name", "path")}
        mail = f"ann.{token_hex(4)}@example.org"
        visitor = await gate.gate.session()
        key = await gate.gate.key("operator")
        headers = {
            "Cookie": f"tidegate_session={secrets['cookie']}; tidegate_pass={secrets['pass']}",
            "Tidegate-Pass": secrets["pass"],
            "Tidegate-Manage-Token": secrets["manage"],
            "Tidegate-Session": visitor,
            "Idempotency-Key": secrets["name"],
            "User-Agent": mail,
            "Referer": f"https://example.org/?mail={mail}",
        }
        booker = {"name": secrets["name"], "email": mail}
        wish = gate.gate.wish(booker=booker)
        for token in (key, visitor, gate.gate.owner, f"tg.demo.owner.{secrets['name']}", "eyJ.eyJ." + secrets["pass"]):
            shown = headers | {"Authorization": f"Bearer {token}"}
            if token == visitor:
                del shown["Tidegate-Session"]
            await gate.ask("POST", "/v1/demo/bookings", headers=shown, json=wish)
            await gate.ask("POST", "/v1/demo/bookings", headers=shown, content=json.dumps(wish)[:-3])
            await gate.get(f"/v1/demo/{secrets['path']}", headers=shown)
            params = {"email": mail, "words": secrets["name"], mail: "1", secrets["query"]: "x", "manage_token": mail}
            await gate.get("/v1/demo/bookings", headers=shown, params=params)
            await gate.get("/v1/demo/rooms/launch/check", headers=shown, params={"pass": secrets["pass"]})
        await asyncio.sleep(0)
        written = stderr.getvalue() + json.dumps(gate.lines)
        assert len(gate.lines) == 25
        assert any(line["status"] == 201 for line in gate.lines), "some of it was done"
        opens = {"key": key, "session": visitor, "owner": gate.gate.owner, "mail": mail, **secrets}
        assert {name for name, secret in opens.items() if secret in written} == set()
        halves = {name for name, secret in opens.items() if secret.rpartition(".")[2] in written and "." in secret}
        assert halves <= {"mail"}, "not without what stands before it either"


def test_of_a_query_only_names_are_told_that_can_be_ours() -> None:
    """What stands where a name should be may be an address."""
    assert parameters(b"date=2026-12-07&resource=studio&words=ann%40example.org") == ("date", "resource", "words")
    assert parameters(b"ann@example.org&ann%40example.org=1&Email=x&a-b=1&=x&date") == ("?",) * 5 + ("date",)
    assert len(parameters(b"&".join(b"a=1" for _ in range(10_000)))) == 16


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::1", "::/48"),
        ("unix:", "?"),
    ],
)
def test_an_address_is_told_without_its_end(address: str, told: str) -> None:
    """Enough to see where a crowd comes from, and too little to say who it was."""
    assert shortened(address) == told


@pytest.mark.parametrize(("addresses", "told"), [("full", STRANGER), ("none", None)])
async def test_how_much_of_an_address_is_told_is_a_setting(addresses: str, told: str | None) -> None:
    """All of it, or nothing."""
    async with attended(demo=False, addresses=addresses) as gate:
        await gate.get("/livez", client=STRANGER)
        assert gate.lines[-1].get("address") == told


async def test_lines_are_a_setting() -> None:
    """Without them nothing is written, and requests are measured all the same."""
    async with attended(demo=False, access_log=False) as gate:
        await gate.get("/livez")
        assert gate.lines == []
        assert await gate.samples("tidegate_http_request_seconds_count")


@pytest.mark.parametrize("id", ["a", "req-1.2_3", "x" * 64])
async def test_a_request_keeps_the_id_that_it_came_with(id: str) -> None:
    """So that it can be found here by what others call it."""
    async with attended(demo=False) as gate:
        answer = await gate.get("/livez", headers={"X-Request-Id": id})
        assert answer.headers["x-request-id"] == gate.lines[-1]["request"] == id


@pytest.mark.parametrize("id", ["", "x" * 65, "a b", "a\tb", "<script>", "ann@example.org", "ä"])
async def test_an_id_that_is_none_is_replaced(id: str) -> None:
    """Nothing is echoed or logged that could mean anything elsewhere."""
    async with attended(demo=False) as gate:
        answer = await gate.get("/livez", headers={"X-Request-Id": id.encode()})
        assert re.fullmatch(r"[0-9a-f]{10}-[0-9a-f]+", answer.headers["x-request-id"])


async def test_everything_that_is_logged_for_a_request_has_its_id(stderr: io.StringIO) -> None:
    """A traceback leads to the line, and the line to the client's own log."""

    async def app(*_: object) -> None:
        structlog.get_logger("elsewhere").info("something")

    scope = {"type": "http", "method": "GET", "headers": [(b"x-request-id", b"abc-1")], "query_string": b""}
    await measured(app, Metrics())(scope, _never, _never)
    (said,) = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert (said["event"], said["request"]) == ("something", "abc-1")


async def _never(*_: object) -> dict[str, object]:
    raise AssertionError("nobody is to ask for this")


async def test_json_lines_go_straight_to_the_stream() -> None:
    """One object a line, as all others look, a moment later; and none when their level is not wanted."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    line = logs.access_lines(LogSettings(format="json"), stream)
    assert line is not None
    line(SAID)
    line(msgspec.structs.replace(SAID, status=503, route="ä", query=("date",)))
    await asyncio.sleep(2 * logs.LINES_WAIT_S)
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    first, second = (json.loads(one) for one in raw.getvalue().decode().splitlines())
    assert (first["event"], first["level"], first["status"]) == ("request", "info", 200)
    assert first["timestamp"].endswith("Z")
    assert (second["route"], second["query"]) == ("ä", ["date"])
    assert "query" not in first
    assert logs.access_lines(LogSettings(level="warning", format="json"), stream) is None


def test_on_a_terminal_lines_are_for_people(stderr: io.StringIO) -> None:
    """They go the way of all others."""
    line = logs.access_lines(LogSettings(format="human"), stderr)
    assert line is not None
    line(SAID)
    assert json.loads(stderr.getvalue().splitlines()[-1])["status"] == 200

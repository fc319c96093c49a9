"""One thing that is asked for, and all its tries: done once, no later than wanted, and not by hammering."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_client.answers import Put
from tidegate_client.asking import Ask
from tidegate_client.exchange import Exchange, Gateways, Manner, Request, Seen, pause_ms
from tidegate_client.limits import TRIES_MAX
from tidegate_client.problems import Problem

WRITE: Ask[Put] = Ask("PUT", "/resources/a", Put, {"time_zone": "UTC"})
READ: Ask[Put] = Ask("GET", "/resources/a", Put)
EPOCH, OTHER = "0123456789ab", "ba9876543210"


class Bench:
    """An exchange, with a clock that goes as the test says."""

    def __init__(self, ask: Ask[Put] = WRITE, *urls: str, **manner: Any) -> None:
        self.now_s = 100.0
        self.seen = Seen()
        self.gateways = Gateways(urls or ("http://one",))
        self.exchange: Exchange[Put] = Exchange(
            Manner("demo", **manner), self.gateways, self.seen, ask, lambda: self.now_s, lambda: 0.5
        )

    def asks(self) -> Request:
        return self.exchange.request()

    def told(self, status: int, code: str = "busy", **about: Any) -> float | None:
        """An answer that is a problem."""
        body = {"code": code, "detail": "x", "fault": "busy", "status": status} | about
        return self.exchange.heard(status, {}, json.dumps(body).encode())

    def answered(self, **headers: str) -> float | None:
        given_ = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.exchange.heard(200, given_, b'{"id": "a", "something": "newer"}')


def test_a_write_has_one_key_for_all_its_tries() -> None:
    """And a read has none."""
    bench = Bench()
    keys = set()
    for _ in range(4):
        keys.add(bench.asks().headers["Idempotency-Key"])
        assert bench.told(503, retry_after_ms=200) is not None
    assert len(keys) == 1
    assert {Bench().asks().headers["Idempotency-Key"] for _ in range(9)} | keys != keys
    assert Bench(key="order-17").asks().headers["Idempotency-Key"] == "order-17"
    assert "Idempotency-Key" not in Bench(READ).asks().headers


def test_only_what_may_be_asked_again_is() -> None:
    """That is: what says after how long."""
    for status, code, fault in ((409, "taken", "late"), (422, "bad_start", "caller"), (500, "internal", "ours")):
        bench = Bench()
        bench.asks()
        with pytest.raises(Problem) as raised:
            bench.told(status, code, fault=fault)
        assert (raised.value.code, raised.value.fault, raised.value.status) == (code, fault, status)


def test_it_ends_after_so_many_tries() -> None:
    """With what was heard last."""
    bench = Bench(within_s=1_000.0)
    for _ in range(TRIES_MAX - 1):
        bench.asks()
        assert bench.told(503, retry_after_ms=10) is not None
    bench.asks()
    with pytest.raises(Problem, match="busy"):
        bench.told(503, retry_after_ms=10)


def test_it_does_not_wait_for_what_comes_too_late() -> None:
    """Whoever asks is told, with how long it would take."""
    bench = Bench(within_s=5.0)
    bench.asks()
    with pytest.raises(Problem) as raised:
        bench.told(503, "not_settled", retry_after_ms=30_000)
    assert raised.value.retry_after_ms == 30_000


def test_the_deadline_travels_and_shrinks() -> None:
    """No try is given more time than is left of all."""
    bench = Bench(within_s=4.0)
    assert bench.asks().headers["Tidegate-Timeout-Ms"] == "4000"
    bench.told(503, retry_after_ms=100)
    bench.now_s += 3
    request = bench.asks()
    assert request.headers["Tidegate-Timeout-Ms"] == "1000"
    assert request.timeout_s == pytest.approx(2.0)


@given(st.integers(0, 60_000), st.integers(0, 20), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_shorter_than_was_asked_for(after_ms: int, number: int, dice: float) -> None:
    """Nor at the same moment as everybody's."""
    assert pause_ms(after_ms, number, lambda: dice) >= after_ms
    assert pause_ms(after_ms, number, lambda: 0.9) > pause_ms(after_ms, number, lambda: 0.1)


def test_nobody_there_is_a_reason_to_ask_the_next_one() -> None:
    """With the same key, in turn; one that has answered busy is asked again itself."""
    bench = Bench(WRITE, "http://one", "http://two/")
    first = bench.asks()
    assert bench.exchange.lost("ConnectError") > 0
    second = bench.asks()
    assert (first.url, second.url) == ("http://one/v1/demo/resources/a", "http://two/v1/demo/resources/a")
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    bench.told(503, retry_after_ms=1)
    assert bench.asks().url == second.url
    bench.exchange.heard(502, {}, b"<html>")
    assert bench.asks().url == first.url


def test_what_was_never_answered_is_told_as_such() -> None:
    """It may have been done: the same key asks."""
    bench = Bench(tries_max=1)
    bench.asks()
    with pytest.raises(Problem) as raised:
        bench.exchange.lost("ReadTimeout")
    assert (raised.value.code, raised.value.again, raised.value.status) == ("not_reached", True, 0)


def test_the_highest_position_is_sent_back() -> None:
    """And another log's takes its place."""
    bench = Bench()
    assert "Tidegate-Position" not in bench.asks().headers
    bench.answered(tidegate_position=f"{EPOCH}:17")
    for told, shown in ((f"{EPOCH}:9", f"{EPOCH}:17"), ("nonsense", f"{EPOCH}:17"), (f"{OTHER}:3", f"{OTHER}:3")):
        bench.seen.note(told)
        assert bench.seen.position == shown
    assert bench.asks().headers["Tidegate-Position"] == f"{OTHER}:3"
    assert bench.exchange.answer == Put("a")


def test_a_position_of_a_log_that_is_no_more_is_forgotten() -> None:
    """Once, and asked again without it at once."""
    bench = Bench()
    bench.seen.note(f"{EPOCH}:17")
    bench.asks()
    assert bench.told(412, "position_unknown", fault="late") == 0
    assert "Tidegate-Position" not in bench.asks().headers
    with pytest.raises(Problem):
        bench.told(412, "position_unknown", fault="late")


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"[]", b"null", b'{"name": "a"}'])
def test_an_answer_that_is_none_of_ours_is_a_problem(body: bytes) -> None:
    """Whatever stands between says it with a good status."""
    bench = Bench()
    bench.asks()
    with pytest.raises(Problem) as raised:
        bench.exchange.heard(200, {}, body)
    assert (raised.value.code, raised.value.again) == ("misread", False)


def test_who_asks_is_shown_and_not_told_in_passing() -> None:
    """Tokens are in the headers, and in nothing that is printed."""
    manner: dict[str, Any] = {"token": "tg.secret", "session": "ts.secret", "shown_pass": "eyJ.secret"}
    headers = Bench(**manner).asks().headers
    assert (headers["Authorization"], headers["Tidegate-Session"]) == ("Bearer tg.secret", "ts.secret")
    assert headers["Tidegate-Pass"] == "eyJ.secret"
    assert "secret" not in repr(Manner("demo", **manner))

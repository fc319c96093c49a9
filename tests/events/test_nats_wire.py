"""What JetStream writes is read exactly."""

from __future__ import annotations

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from events.log import BatchMark
from events.nats import wire


@pytest.mark.parametrize(
    ("timestamp", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-21T07:26:17.09547254Z", 1_795_245_977_095),
        ("2026-11-21T07:26:17.1Z", 1_795_245_977_100),
        ("2026-11-21T07:26:17Z", 1_795_245_977_000),
        ("2026-11-21T07:26:17.999999999Z", 1_795_245_977_999),
    ],
)
def test_instants(timestamp: str, instant: int) -> None:
    """Whatever digits the server leaves out of a fraction, the milliseconds are right."""
    headers = {wire.SUBJECT: "log.demo.a", wire.SEQUENCE: "1", wire.STORED_AT: timestamp}
    assert wire.from_direct_read(Msg(Client(), "inbox", "", b"", headers)).stored_at == instant


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.log.follow-1.1.41.7.1795245977095472540.3",
        "$JS.ACK.domain.hash.log.follow-1.1.41.7.1795245977095472540.3.random",
    ],
)
def test_what_a_delivery_says_of_itself(reply: str) -> None:
    """The old and the new form of the subject say the same."""
    assert wire.delivered(Msg(Client(), "log.demo.a", reply)) == (41, 7, 1_795_245_977_095)


def test_only_the_callers_headers_are_the_callers() -> None:
    """The headers of the fence, of the batch and of the server are read, and not handed on."""
    headers = {
        "Tidegate-Wake": "7",
        wire.MESSAGE_ID: "id",
        wire.EXPECTED_SEQUENCE: "3",
        wire.BATCH_ID: "b",
        wire.BATCH_SEQUENCE: "2",
        wire.BATCH_COMMIT: "1",
    }
    recorded = wire.from_delivery(Msg(Client(), "log.demo.a", headers=headers), 4, 5)
    assert dict(recorded.headers) == {"Tidegate-Wake": "7"}
    assert recorded.batch == BatchMark("b", 2, last=True)


def test_stored_headers() -> None:
    """The leader gives headers as the bytes that are stored."""
    assert wire.headers_of(b"NATS/1.0\r\nA: 1\r\nB:two: 2\r\n\r\n") == {"A": "1", "B": "two: 2"}

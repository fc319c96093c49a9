"""What JetStream writes, read into types: acknowledgements, descriptions of a stream, and stored messages.

A stored message is described in one of two ways. Direct reads describe it in headers; a push consumer in the subject
that it would be acknowledged on. Both keep the headers that the message was published with: those that are the server's
or the fence's begin with `Nats-`, all others are the caller's own.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec
from nats.aio.msg import Msg

from events import names
from events.clock import Instant
from events.log import BatchMark, Recorded

EXPECTED_SEQUENCE: Final = "Nats-Expected-Last-Subject-Sequence"
MESSAGE_ID: Final = "Nats-Msg-Id"
BATCH_ID: Final = "Nats-Batch-Id"
BATCH_SEQUENCE: Final = "Nats-Batch-Sequence"
BATCH_COMMIT: Final = "Nats-Batch-Commit"
SUBJECT: Final = "Nats-Subject"
SEQUENCE: Final = "Nats-Sequence"
STORED_AT: Final = "Nats-Time-Stamp"
PREVIOUS_SEQUENCE: Final = "Nats-Last-Sequence"
PENDING: Final = "Nats-Num-Pending"
UP_TO_SEQUENCE: Final = "Nats-UpTo-Sequence"
STATUS: Final = "Status"
DESCRIPTION: Final = "Description"

NO_RESPONDERS: Final = "503"
NOT_FOUND: Final = "404"
END_OF_BATCH: Final = "204"


class ApiError(msgspec.Struct, frozen=True):
    code: int
    err_code: int = 0
    description: str = ""

    def __str__(self) -> str:
        return f"{self.description} ({self.err_code})"


class Ack(msgspec.Struct, frozen=True):
    """What the log says to one publish, or to a whole atomic batch: then `seq` is that of its last message."""

    error: ApiError | None = None
    stream: str = ""
    seq: int = 0
    duplicate: bool = False


class StreamConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that can break a promise, under the server's names and with what it means to leave one out."""

    name: str
    subjects: tuple[str, ...] = ()
    storage: str = "file"
    retention: str = "limits"
    discard: str = "old"
    persist_mode: str = "default"
    num_replicas: int = 1
    max_msgs: int = -1
    max_bytes: int = -1
    max_age: int = 0
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    duplicate_window: int = 0
    deny_delete: bool = False
    deny_purge: bool = False
    allow_rollup_hdrs: bool = False
    allow_msg_ttl: bool = False
    allow_direct: bool = False
    allow_atomic: bool = False
    sealed: bool = False
    no_ack: bool = False
    mirror: msgspec.Raw | None = None
    sources: tuple[msgspec.Raw, ...] = ()
    subject_transform: msgspec.Raw | None = None


class StreamState(msgspec.Struct, frozen=True):
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    subjects: dict[str, int] = {}
    """How many messages each has, of those that were asked for."""


class Peer(msgspec.Struct, frozen=True):
    name: str


class StreamCluster(msgspec.Struct, frozen=True):
    leader: str = ""
    replicas: tuple[Peer, ...] = ()


class StreamAnswer(msgspec.Struct, frozen=True):
    """The answer to creating, updating, or asking about a stream: an error, or all of the rest."""

    error: ApiError | None = None
    config: StreamConfig | None = None
    created: str = ""
    state: StreamState = StreamState()
    total: int = 0
    """How many subjects there are in all, when there are more than one answer holds."""
    cluster: StreamCluster = StreamCluster()


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as the leader's own read gives it."""

    subject: str
    seq: int
    time: str
    data: bytes = b""
    hdrs: bytes = b""


class MessageAnswer(msgspec.Struct, frozen=True):
    error: ApiError | None = None
    message: StoredMessage | None = None


class PlainAnswer(msgspec.Struct, frozen=True):
    """Any answer of the API of which only the error matters."""

    error: ApiError | None = None


read_ack: Final = msgspec.json.Decoder(Ack).decode
read_stream: Final = msgspec.json.Decoder(StreamAnswer).decode
read_message: Final = msgspec.json.Decoder(MessageAnswer).decode
read_plain: Final = msgspec.json.Decoder(PlainAnswer).decode


def from_direct_read(message: Msg) -> Recorded:
    headers = message.headers or {}
    return _recorded(headers, message.data, headers[SUBJECT], int(headers[SEQUENCE]), _instant(headers[STORED_AT]))


def from_leader(stored: StoredMessage) -> Recorded:
    headers = headers_of(stored.hdrs)
    return _recorded(headers, stored.data, stored.subject, stored.seq, _instant(stored.time))


def id_of(stored: StoredMessage) -> str:
    return headers_of(stored.hdrs).get(MESSAGE_ID, "")


def from_delivery(message: Msg, sequence: int, stored_at: Instant) -> Recorded:
    return _recorded(message.headers or {}, message.data, message.subject, sequence, stored_at)


def delivered(message: Msg) -> tuple[int, int, Instant]:
    """The stream's sequence, the consumer's sequence, and when it was stored, of a message that a consumer pushed.

    `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>`, or with two more tokens
    before the stream and one behind.
    """
    tokens = message.reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    return int(tokens[at]), int(tokens[at + 1]), int(tokens[at + 2]) // 1_000_000


def headers_of(block: bytes) -> dict[str, str]:
    """The headers of a message as it is stored: `NATS/1.0`, then one `Name: value` per line."""
    pairs = (line.partition(":") for line in block.decode().split("\r\n")[1:] if line)
    return {name: value.strip() for name, _, value in pairs}


def _recorded(headers: Mapping[str, str], body: bytes, subject: str, sequence: int, stored_at: Instant) -> Recorded:
    own = {name: value for name, value in headers.items() if name[:5] != "Nats-"}
    batch = None
    if BATCH_ID in headers:
        batch = BatchMark(headers[BATCH_ID], int(headers[BATCH_SEQUENCE]), BATCH_COMMIT in headers)
    previous = int(headers.get(EXPECTED_SEQUENCE, "0"))
    return Recorded(sequence, names.actor_of(subject), body, stored_at, own, batch, previous)


def _instant(timestamp: str) -> Instant:
    """Milliseconds of `2026-11-21T07:26:17.09547254Z`; the fraction has at most nine digits, and none when it is 0."""
    seconds, _, fraction = timestamp[:-1].partition(".")
    return _seconds(seconds) * 1000 + int(fraction[:3].ljust(3, "0"))


@lru_cache(maxsize=256)
def _seconds(text: str) -> int:
    return timegm(datetime.fromisoformat(text).timetuple())

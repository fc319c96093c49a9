"""What is said over a socket, each message a JSON object with a `type`.

From the client:

    subscribe    id, topic or topics, from (a position, to go on there), token (of a booking)
    unsubscribe  id, topic
    call         id, command, args, body, key (an idempotency key), timeout_ms
    sync         id, position: tell me when everything through there has been told

From us:

    hello        epoch, session
    snapshot     id, topic, position, state
    resumed      id, topic, position
    reset        id, topic, position, why, state
    delta        topic, before, after, delta
    unsubscribed id, topic
    result       id, position, answer
    synced       id, position
    error        id, topic (of one that cannot be followed, or not any more), and a problem
    goaway       why, after_ms: come back to us, or to another of us, not before so long

A topic is begun by exactly one of `snapshot`, `resumed` and `reset`. Answers name the `id` of what they answer; a
`reset` that nobody asked for has none. `subscribe` with several topics begins them all as of one moment: a `synced` of
the same id stands behind them, when everything through its position has been told. `synced` waits for what was left out
for a slow reader, and for what is in doubt, to be shown. `unsubscribe` is done at once: what it names and has not begun
by then, does not begin, unless it is subscribed to again.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.problems import Problem
from gateway.streams.limits import TOPICS_PER_SOCKET_MAX

Id: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
TopicName: TypeAlias = Annotated[str, Meta(max_length=200)]
Where: TypeAlias = Annotated[str, Meta(max_length=40)]
Begun: TypeAlias = Literal["snapshot", "resumed", "reset"]
"""By what a topic is begun."""
ToldKind: TypeAlias = Literal["hello", Begun, "delta", "unsubscribed", "result", "synced", "error", "goaway"]
"""All that we say. Clients' types name the same, and a test compares them."""


class Said(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """What a client says."""


class Subscribe(Said, frozen=True, tag="subscribe"):
    id: Id
    topic: TopicName = ""
    topics: Annotated[tuple[TopicName, ...], Meta(max_length=TOPICS_PER_SOCKET_MAX)] = ()
    since: Where = msgspec.field(default="", name="from")
    token: Annotated[str, Meta(max_length=200)] = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it names, each once."""
        return tuple(dict.fromkeys(self.topics or (self.topic,)))


class Unsubscribe(Said, frozen=True, tag="unsubscribe"):
    id: Id
    topic: TopicName


class CallFor(Said, frozen=True, tag="call"):
    id: Id
    command: Annotated[str, Meta(max_length=64)]
    args: Annotated[dict[str, Annotated[str, Meta(max_length=2_000)]], Meta(max_length=8)] = {}
    body: msgspec.Raw = msgspec.Raw(b"{}")
    key: Annotated[str, Meta(max_length=255)] = ""
    timeout_ms: Annotated[int, Meta(ge=50, le=30_000)] = 5_000
    shown_pass: Annotated[str, Meta(max_length=4_000)] = msgspec.field(default="", name="pass")


class Sync(Said, frozen=True, tag="sync"):
    id: Id
    position: Where = ""


AnySaid: TypeAlias = Subscribe | Unsubscribe | CallFor | Sync
SAID: Final[msgspec.json.Decoder[AnySaid]] = msgspec.json.Decoder(AnySaid)
_ENCODER: Final = msgspec.json.Encoder()
NO_ID: Final = b"null"


def written(kind: ToldKind, id: bytes, **members: Any) -> bytes:
    """A message for one client."""
    rest = _ENCODER.encode(members)[1:-1]
    return b'{"type":"%b","id":%b%b%b}' % (kind.encode(), id, b"," if rest else b"", rest)


def problem_told(id: bytes, problem: Problem, topic: str = "") -> bytes:
    rest = _ENCODER.encode(problem.told)[1:-1].replace(b'"type":', b'"problem":', 1)
    about = b'"topic":%b,' % _ENCODER.encode(topic) if topic else b""
    return b'{"type":"error","id":%b,%b%b}' % (id, about, rest)

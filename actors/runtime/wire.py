"""What travels between a sender and a host.

A message on a host's command subject is a JSON list of envelopes, each a command with its own id, deadline and
answer. Answers go to the message's reply subject as JSON lists too, in as many parts as it takes: a slow actor
never holds back the answers of its neighbours in the message. Trace contexts travel in the message's
`traceparent` header, one per envelope in order, separated by commas.

Deadlines travel as *how much longer*, not as instants: two machines' clocks need not agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson

from actors.decider import Command, Fault, Refusal
from actors.runtime import limits
from events.clock import Instant
from events.codec import canonical

TRACE_HEADER: Final = "traceparent"
TRACES_PER_COMMIT_MAX: Final = 32
"""A commit names the traces of so many of its commands, so that whoever follows the log can go on with them."""
WAKE_HEADER: Final = "Tidegate-Wake"
"""On a stored commit: the instant at which its actor wants a Tick; absent when it wants none; `0` when only its state
tells."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What a transaction asks of one further actor."""

    actor: str
    body: msgspec.Raw


class Envelope(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One command on its way. `number` is the sender's own, for matching the answer; `also` makes it a transaction."""

    number: int
    actor: str
    id: str
    by: str
    asked_at: Instant
    within_ms: int
    body: msgspec.Raw
    also: tuple[Part, ...] = ()


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """`body` is the reply when `accepted`, else a `Refusal`. `sequence` is where the answer's facts stand, 0 without
    any."""

    number: int
    accepted: bool
    sequence: int
    body: msgspec.Raw


class Accepted(msgspec.Struct, frozen=True):
    """The command was accepted and what it changed is stored. `sequence` is its commit's, 0 when it changed nothing."""

    reply: Any
    sequence: int


_TRACE: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

ENVELOPES: Final = msgspec.json.Decoder(list[Envelope])
ANSWERS: Final = msgspec.json.Decoder(list[Answer])
REFUSALS: Final = msgspec.json.Decoder(Refusal)

NULL: Final = msgspec.Raw(b"null")


def commands_subject(host: str) -> str:
    """Where one host takes commands."""
    return f"host.{host}.commands"


def partition_subject(partition: int) -> str:
    """Where whoever owns a partition takes commands; for senders that don't know who that is."""
    return f"cmd.{partition}"


def encode_command(command: Command) -> bytes:
    return canonical(command)


def encode_refusal(code: str, detail: str, fault: Fault = "caller", retry_after_ms: int | None = None) -> msgspec.Raw:
    return msgspec.Raw(orjson.dumps({"code": code, "detail": detail, "fault": fault, "retry_after_ms": retry_after_ms}))


UNKNOWN: Final = encode_refusal(
    "unknown_outcome", "the log did not say whether it was stored: ask again with the same id", "late"
)
"""No refusal, for it may have been done. Senders take it for no answer, and ask again."""


_OF_THE_RUNTIME: Final = frozenset({"deadline_passed", "internal", "log_full", "log_halted", "unknown_outcome"})


def passes(refusal: Refusal) -> bool:
    """Whether it says nothing of the command, only that somebody could not see to it: no rule stands against it."""
    return refusal.fault == "busy" or refusal.code in _OF_THE_RUNTIME


def join_traces(traces: Sequence[str]) -> dict[str, str] | None:
    return {TRACE_HEADER: ",".join(traces)} if any(traces) else None


def split_traces(header: str, count: int) -> list[str]:
    """One per envelope; what is no trace context is left out, and all are when their number is not that of the
    envelopes."""
    traces = header.split(",") if header else []
    if len(traces) != count:
        return [""] * count
    return [trace if is_trace(trace) else "" for trace in traces]


def is_trace(text: str) -> bool:
    """Whether `text` is a W3C trace context, `00-<trace>-<span>-<flags>`."""
    return _TRACE.fullmatch(text) is not None


def malformed(envelope: Envelope) -> str | None:
    """What is wrong with an envelope that parsed, or None."""
    if not 0 < envelope.within_ms <= limits.COMMAND_WITHIN_MS_MAX:
        return f"a command waits for 1 to {limits.COMMAND_WITHIN_MS_MAX} ms"
    largest = len(envelope.body)
    if envelope.also:
        largest = max(largest, *(len(part.body) for part in envelope.also))
    return oversized(envelope.id, envelope.by, 1 + len(envelope.also), largest)


def oversized(id: str, by: str, parts: int, largest: int) -> str | None:
    """What of a command with so many parts, the largest of so many bytes, is larger than it may be. Senders ask this
    too: such a one would be refused with all that share its message, if there were a message that could carry it."""
    if not 1 <= len(id) <= limits.COMMAND_ID_CHARACTERS_MAX:
        return f"a command id has 1 to {limits.COMMAND_ID_CHARACTERS_MAX} characters"
    if len(by) > limits.PRINCIPAL_CHARACTERS_MAX:
        return f"a principal has at most {limits.PRINCIPAL_CHARACTERS_MAX} characters"
    if parts > limits.COMMAND_PARTS_MAX:
        return f"a transaction spans at most {limits.COMMAND_PARTS_MAX} actors"
    if largest > limits.COMMAND_BYTES_MAX:
        return f"a command has at most {limits.COMMAND_BYTES_MAX} bytes"
    return None

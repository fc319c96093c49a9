"""The ways in which keeping facts can fail, each a type of its own, each with what to do next.

A refusal by a business rule is not here: it is an answer, not a failure (see `actors.decider`).
An internal bug is not here either: it is whatever Python raises, and is never dressed up as one of these.
"""

from __future__ import annotations

from typing import ClassVar


class TidegateError(Exception):
    """Base of every failure that has a stable `code`; `next_step` says what a caller or operator does about it."""

    code: ClassVar[str] = "error"
    next_step: ClassVar[str] = ""


class BadName(TidegateError):
    """An identifier that does not follow the grammar."""

    code = "bad_name"
    next_step = "use lower-case letters, digits, '-' and '_', at most 64, starting with a letter or digit"


class LogError(TidegateError):
    """Base of what an append or a read of the log can end in, besides success."""

    code = "log_error"


class Conflict(LogError):
    """Nothing was stored: another writer's commit stands where this one expected none."""

    code = "conflict"
    next_step = "reload the actor and decide again"

    def __init__(self, actor: str = "", detail: str = "") -> None:
        super().__init__(detail or f"another commit came first on {actor or 'one of the actors'}")
        self.actor = actor


class UnknownOutcome(LogError):
    """The append has neither failed nor succeeded as far as anyone can tell."""

    code = "unknown_outcome"
    next_step = "reload the actor, look for the command id, then decide"


class LogUnavailable(LogError):
    """Nothing was stored, because the log cannot be reached or has no leader."""

    code = "log_unavailable"
    next_step = "wait for the log to return, then try again"


class LogFull(LogError):
    """Nothing was stored, because the log has no room left or refuses this write."""

    code = "log_full"
    next_step = "give the log's disk or its configured limit more room"


class LogHalted(LogError):
    """Base of what must stop an actor at once: the log contradicts itself or what was acknowledged."""

    code = "log_halted"
    next_step = "stop, run `tidegate log verify`, and restore the log from its second copy before going on"


class ChainBroken(LogHalted):
    """A commit does not follow from the one before it: altered, dropped or reordered."""

    code = "chain_broken"


class SequenceRanBackwards(LogHalted):
    """The log ends before a sequence that it acknowledged earlier."""

    code = "sequence_ran_backwards"


class LogRecreated(LogHalted):
    """The stream was deleted and created anew: what was acknowledged is not in it."""

    code = "log_recreated"


class UnsafeLog(LogError):
    """The log's configuration cannot keep the promise that acknowledged means durable; the start refuses."""

    code = "unsafe_log"
    next_step = "change the setting that is named, or run on the embedded server"


class BusError(TidegateError):
    """Base of what a message on the bus can end in, besides an answer."""

    code = "bus_error"


class NoResponders(BusError):
    """Nobody listens on the subject."""

    code = "no_responders"
    next_step = "wait for a host to take the partition, then send again with the same command id"


class BusTimeout(BusError):
    """No answer came in time; the message may or may not have been acted on."""

    code = "bus_timeout"
    next_step = "send again with the same command id"

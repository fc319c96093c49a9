"""Problems: what one is told when one does not get what one asked for.

`code` is stable and for programs, `detail` a sentence for people, `fault` whose turn it is: `caller` (ask otherwise),
`late` (somebody was quicker, or the time is over), `busy` (ask again), `ours` (the gateway's own mistake). Whether the
same may be asked again is what `retry_after_ms` says; and what came from no gateway, but from something in between, may
be asked again when that was only out of breath.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, cast

Fault: TypeAlias = Literal["caller", "late", "busy", "ours"]
_FAULTS: Final = frozenset({"caller", "late", "busy", "ours"})
_BETWEEN: Final = frozenset({502, 503, 504})
"""What something in between answers when there is nobody behind it."""


class Problem(Exception):
    """`status` is the one of HTTP; 0 where there was no answer at all (`not_reached`)."""

    def __init__(
        self,
        code: str,
        detail: str,
        fault: Fault = "caller",
        status: int = 0,
        *,
        retry_after_ms: int | None = None,
        again: bool | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: Final = code
        self.detail: Final = detail
        self.fault: Final = fault
        self.status: Final = status
        self.retry_after_ms: Final = retry_after_ms
        self.again: Final = retry_after_ms is not None if again is None else again
        """Whether the same may be asked again, without a person having to think about it."""


def not_reached(why: str) -> Problem:
    """Nobody answered. What was asked may have been done."""
    return Problem("not_reached", why, "busy", again=True)


def closed() -> Problem:
    """Nobody hears an answer any more. What was asked for before may have been done."""
    return Problem("closed", "the stream was closed")


def misread(error: Exception, status: int = 0) -> Problem:
    """An answer that no gateway gives, or none of a version that is known here. What was asked for was done."""
    return Problem("misread", f"{type(error).__name__}: {error}", "ours", status)


def problem_of(status: int, headers: Mapping[str, str], body: bytes | str) -> Problem:
    """What an answer that is none says. Names of headers are in small letters."""
    told = _told(body)
    if told is None:
        after = headers.get("retry-after", "")
        after_ms = int(after) * 1_000 if after.isascii() and after.isdigit() else None
        fault: Fault = "busy" if status in _BETWEEN else "ours" if status >= 500 else "caller"
        again = status in _BETWEEN
        return Problem(f"http_{status}", "no problem was told", fault, status, retry_after_ms=after_ms, again=again)
    return problem_told(told, status)


def problem_told(told: Mapping[str, Any], status: int = 0) -> Problem:
    """A problem as a gateway tells it, in an answer or over a socket."""
    fault, after_ms = told.get("fault"), told.get("retry_after_ms")
    return Problem(
        str(told["code"]),
        str(told.get("detail", "")),
        cast("Fault", fault) if fault in _FAULTS else "ours",
        int(told.get("status", status)),
        retry_after_ms=after_ms if isinstance(after_ms, int) else None,
    )


def _told(body: bytes | str) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("code"), str) else None

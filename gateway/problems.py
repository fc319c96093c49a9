"""Problems: what a client is told when it does not get what it asked for (RFC 9457).

`code` is stable and for programs, `detail` a sentence for people, `fault` whose turn it is, and `retry_after_ms` when
the same may be asked again. The HTTP status follows from the code, or else from the fault; a socket says it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from actors.decider import Fault, Refusal
from events.errors import BusError, LogError, TidegateError
from projections.questions import Unanswered

log = structlog.get_logger(__name__)

TYPE_PREFIX: Final = "urn:tidegate:problem:"
RETRY_MS: Final = 200
"""What whoever is busy asks for, when nobody says more."""

_BY_FAULT: Final[Mapping[Fault, int]] = {"caller": 422, "late": 409, "busy": 503, "ours": 500}
_BY_CODE: Final[Mapping[str, int]] = {
    **dict.fromkeys(("malformed", "malformed_command", "bad_cursor", "bad_header", "bad_path"), 400),
    **dict.fromkeys(("unauthenticated", "bad_token", "token_expired", "pass_missing"), 401),
    **dict.fromkeys(
        (
            "not_permitted", "foreign_organisation", "wrong_token", "wrong_code", "not_your_hold", "not_your_ticket",
            "not_your_standby", "pass_needed", "pass_malformed", "pass_forged", "pass_expired", "pass_revoked",
            "pass_of_another_room", "pass_of_another_session", "bad_origin",
        ),
        403,
    ),
    **dict.fromkeys(
        ("block_exists", "booking_exists", "hold_exists", "key_exists", "standby_exists", "room_exists", "taken"), 409
    ),
    **dict.fromkeys(("hold_gone", "lapsed", "ticket_over", "room_closed"), 410),
    "wrong_method": 405,
    "position_unknown": 412,
    "too_large": 413,
    **dict.fromkeys(("not_json", "compressed"), 415),
    "upgrade_required": 426,
    **dict.fromkeys(("too_many_requests", "too_many_topics"), 429),
    "unknown_time_zone": 422,
    "unknown_outcome": 504,
    "deadline_passed": 504,
}  # fmt: skip


class Told(msgspec.Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """The body, `application/problem+json`."""

    kind: str
    title: str
    status: int
    code: str
    detail: str
    fault: Fault
    retry_after_ms: int | None = None


class Problem(TidegateError):
    def __init__(
        self,
        code: str,
        detail: str,
        fault: Fault = "caller",
        *,
        retry_after_ms: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]  # each rule has a code; the class has none of its own
        self.fault: Final[Fault] = fault
        self.retry_after_ms: Final = RETRY_MS if retry_after_ms is None and fault == "busy" else retry_after_ms
        self.headers: Final = headers or {}

    @property
    def status(self) -> int:
        if self.code in _BY_CODE:
            return _BY_CODE[self.code]
        return 404 if self.code.startswith("unknown_") and self.fault == "caller" else _BY_FAULT[self.fault]

    @property
    def said_in_headers(self) -> Mapping[str, str]:
        """What HTTP says of it in headers."""
        if self.retry_after_ms is None:
            return self.headers
        return {**self.headers, "Retry-After": str(max(1, -(-self.retry_after_ms // 1_000)))}

    @property
    def told(self) -> Told:
        title = self.code.replace("_", " ").capitalize()
        kind = TYPE_PREFIX + self.code
        return Told(kind, title, self.status, self.code, str(self), self.fault, self.retry_after_ms)


def problem_from(error: Exception) -> Problem:
    """Whatever went wrong, as it is told. Our own parts say what is wrong with what they were given, or that somebody
    is out of reach; everything else is a bug, which our log hears of."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, TidegateError):
        return Problem(error.code, str(error), "busy" if isinstance(error, BusError | LogError) else "caller")
    log.error("request_failed", exc_info=error)
    return Problem("internal", "this is our fault, and it is in our log", "ours")


def problem_of(refusal: Refusal) -> Problem:
    if refusal.code == "id_reused":
        return key_reused()
    return Problem(refusal.code, refusal.detail, refusal.fault, retry_after_ms=refusal.retry_after_ms)


def unanswered(error: Unanswered) -> Problem:
    return Problem(error.problem.code, error.problem.detail, error.problem.fault)


def key_reused() -> Problem:
    return Problem("idempotency_key_reused", "this Idempotency-Key belongs to another request of yours")


def not_known() -> Problem:
    """It may have been done, or may yet be."""
    detail = "no answer came in time: ask again with the same Idempotency-Key to learn what became of it"
    return Problem("unknown_outcome", detail, "busy", retry_after_ms=1_000)

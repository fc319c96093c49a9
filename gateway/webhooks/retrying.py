"""When something is tried again: soon at first, then ever more rarely, for a day."""

from __future__ import annotations

from events.clock import Instant
from gateway.webhooks.limits import BACKOFF_MS, JITTER_SHARE, TRIED_FOR_MS


def next_attempt(
    attempts: int,
    first_at: Instant,
    at: Instant,
    chance: float,
    *,
    backoff_ms: tuple[int, ...] = BACKOFF_MS,
    tried_for_ms: int = TRIED_FOR_MS,
) -> Instant | None:
    """When to try again what failed `at` that instant, after so many attempts since `first_at`; None for never.

    `chance`, between 0 and 1, makes the interval longer or shorter, so that those which failed together do not come
    back together. The last attempt is made when the time is over, and not before.
    """
    last_at = first_at + tried_for_ms
    if at >= last_at:
        return None
    interval_ms = backoff_ms[min(attempts, len(backoff_ms)) - 1]
    return min(at + max(1, int(interval_ms * (1 + JITTER_SHARE * (2 * chance - 1)))), last_at)

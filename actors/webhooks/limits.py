"""Every limit of webhooks as actors know them, in one place; units last; their relations asserted."""

from __future__ import annotations

from typing import Final

ENDPOINTS_MAX: Final = 20
"""Of one organisation."""
URL_CHARACTERS_MAX: Final = 2_000
SENDER_CHARACTERS_MAX: Final = 64
"""Of the name that letters are from."""
FILTERS_MAX: Final = 64
DESCRIPTION_CHARACTERS_MAX: Final = 500
WHY_CHARACTERS_MAX: Final = 200
OVERLAP_S: Final = 86_400
"""So long the secrets before a new one sign too, unless it is said otherwise."""
OVERLAP_S_MAX: Final = 30 * 86_400
SECRETS_LIVING_MAX: Final = 5
"""Of one endpoint at a time: each of them signs every delivery."""

LATE_MAX: Final = 1_000
"""Happenings that may be late at an endpoint. When there are more, no more is read: the log is the queue."""
LATE_ACCEPTED_MAX: Final = 3 * LATE_MAX
"""What a report may bring it to. However much one commit tells, a courier reads no more of it than may be open, and
names no more than it has read (`gateway.webhooks.limits` has the sum); as many may have been asked for meanwhile."""
DEAD_MAX: Final = 1_000
"""Dead letters that are kept; of more, the oldest are dropped and counted."""
ATTEMPTS_KEPT: Final = 100
LATE_PER_REPORT_MAX: Final = 300
DONE_PER_REPORT_MAX: Final = 300
DEAD_PER_REPORT_MAX: Final = 64
IDS_PER_REPLAY_MAX: Final = 1_000
ID_CHARACTERS_MAX: Final = 32
"""Of a happening: `<sequence>-<n>`, `<sequence>-<n>-<part>`, `test-<instant>`."""
CODE_CHARACTERS_MAX: Final = 40
"""Of an event's name, and of why an attempt failed."""
COURIER_CHARACTERS_MAX: Final = 64

LEASE_MS: Final = 10_000
"""For so long after it was heard of, nobody else takes a courier's place."""

_NUMBERS_BYTES_MAX: Final = 44
"""Two instants, two small numbers, and what stands between them."""
REPORT_BYTES_MAX: Final = (
    LATE_PER_REPORT_MAX * (ID_CHARACTERS_MAX + _NUMBERS_BYTES_MAX)
    + DONE_PER_REPORT_MAX * (ID_CHARACTERS_MAX + 3)
    + (DEAD_PER_REPORT_MAX + ATTEMPTS_KEPT) * (ID_CHARACTERS_MAX + 2 * CODE_CHARACTERS_MAX + _NUMBERS_BYTES_MAX)
)
"""How long a report can get, apart from a few words."""

assert LATE_MAX < LATE_ACCEPTED_MAX
assert SECRETS_LIVING_MAX >= 2, "or no secret could be rotated"

"""Every limit of the courier, in one place; units last; their relations asserted."""

from __future__ import annotations

from typing import Final

from actors.runtime.limits import COMMAND_BYTES_MAX
from actors.webhooks.limits import (
    LATE_ACCEPTED_MAX,
    LATE_MAX,
    LATE_PER_REPORT_MAX,
    LEASE_MS,
    REPORT_BYTES_MAX,
)

# Sending
AT_ONCE_PER_ENDPOINT_MAX: Final = 8
AT_ONCE_WHEN_FAILING_MAX: Final = 1
"""To one of which the last attempt failed: until one succeeds, it holds no more of the places that all share."""
AT_ONCE_MAX: Final = 64
"""Of one courier, whatever the endpoint."""
NAMES_AT_ONCE_MAX: Final = 32
"""Hosts whose names are looked up at a time, each once."""
TIMEOUT_MS: Final = 10_000
"""For everything: looking the name up, connecting, sending, and the beginning of an answer."""
ANSWER_BYTES_MAX: Final = 4_096
"""So much of an answer is read, for the connection's sake; nobody looks at it."""
ANSWER_READ_MS: Final = 1_000
"""And no longer than this: what it comes to was said before."""
IDLE_CONNECTION_MS: Final = 30_000

# Trying again
BACKOFF_MS: Final = (
    5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 14_400_000,
)  # fmt: skip
"""How long after each failure it is tried again; after more of them, the last."""
JITTER_SHARE: Final = 0.2
"""An interval is longer or shorter by up to so much of itself."""
TRIED_FOR_MS: Final = 86_400_000
"""Since the first attempt; the last one is made when it is over."""
FAILING_MAX_MS: Final = 3 * 86_400_000
"""An endpoint at which nothing has succeeded for so long is disabled."""
DEAD_IN_A_ROW_MAX: Final = 100
"""Or one of which so many happenings have been given up, with no success between them."""

# Reading ahead. An endpoint follows the log by itself, once for each of the `SOURCES`: fine for tens of endpoints in an
# installation, of which nothing but `ENDPOINTS_MAX` of an organisation bounds the number. For hundreds, one reading
# would have to serve all of an organisation's.
OPEN_MAX: Final = LATE_MAX
"""Happenings that are read and not done, or done and not reported. The others wait in the log, also those of a commit
that has been begun."""
UNNAMED_MAX: Final = LATE_PER_REPORT_MAX
"""Of these, so many that no report has named: then no more is read, so that each report can name them all."""
READY_MAX: Final = 32
"""Of these, so many that nothing stands in the way of; then no more is read."""
BODIES_BYTES_MAX: Final = 4 << 20
"""Bodies that one endpoint's backlog holds in memory; beyond that they are read again when their time comes."""
BODIES_KEPT_BYTES_MAX: Final = BODIES_BYTES_MAX // 2
"""While it holds no more, what has to be tried again keeps its body: to read one again costs as much as the commit that
it is in tells."""
TICKETS_PER_BODY_MAX: Final = 500

# Keeping in touch
LOOK_EVERY_MS: Final = 1_000
"""How often the endpoints are looked at."""
REPORT_EVERY_MS: Final = 1_000
"""While there is something to report."""
MOVED_EVERY_MS: Final = 30_000
"""When there is nothing to report but that the log was read, and told nothing that is wanted."""
ATTEND_EVERY_MS: Final = 2_000
"""While there is not. It is how soon a test or a replay is heard of."""
ASK_AGAIN_MS: Final = 3_000
"""How often a courier asks for an endpoint that another one attends to."""
ANSWERED_WITHIN_MS: Final = 5_000
SURE_FOR_MS: Final = 8_000
"""So long after it began to say that it is there, a courier that has had no answer since stops sending: somebody else
may be about to."""
FINISH_WITHIN_MS: Final = 3_000
"""When a courier goes, what is under way has so long to come to its end."""
MEND_AFTER_MS: Final = 5_000
"""After a bug of ours with one endpoint it is begun anew; when it comes again, twice as long after it, until that is"""
MEND_AFTER_MAX_MS: Final = 300_000
READ_AGAIN_MS: Final = 1_000
"""When a body could not be read again."""
STEPS_AT_A_TIME: Final = 64
"""Commits that are read for one endpoint while the others wait."""

assert REPORT_BYTES_MAX < COMMAND_BYTES_MAX * 9 // 10
assert REPORT_EVERY_MS <= ATTEND_EVERY_MS < SURE_FOR_MS < LEASE_MS
assert AT_ONCE_WHEN_FAILING_MAX <= AT_ONCE_PER_ENDPOINT_MAX <= AT_ONCE_MAX
assert READY_MAX < OPEN_MAX
assert UNNAMED_MAX <= LATE_PER_REPORT_MAX
assert OPEN_MAX + LATE_PER_REPORT_MAX + LATE_MAX <= LATE_ACCEPTED_MAX, (
    "or a report could be refused: all that is open, what was done while one named it, and what others asked for"
)

"""Every limit of the ground floor, in one place; units last; their relations asserted.

A limit that is reached answers with a stable code. None of these changes what is stored, except
`PARTITIONS`, which must be the same on every host of one system.
"""

from __future__ import annotations

from typing import Final

# Placement
PARTITIONS: Final = 64
"""How finely actors are spread over hosts. Changing it moves actors, never facts."""

# The log
LOG_MESSAGE_BYTES_MAX: Final = 1 << 20
"""The largest commit."""
BATCH_ENTRIES_MAX: Final = 1_000
"""Entries in one atomic append: the server's own limit."""
APPEND_TIMEOUT_MS: Final = 5_000
"""After this an append's outcome is unknown and is looked up."""
READY_WITHIN_MS: Final = 1_000
"""A log that was away is looked at before it is written to. What waited longer than this for that is not stored: it was
decided too long ago."""
PREPARED_WITHIN_MS: Final = 10
"""How long a batch that has begun is open at most, while the server prepares it: that takes 3 ms where the server is on
this machine. What was decided first waits so long for what is decided last; a server that is late is sent the rest."""
READ_TIMEOUT_MS: Final = 5_000
READ_PAGE_ENTRIES: Final = 1_000
"""How many recorded commits one read request asks for."""
READ_PAGE_BYTES: Final = 8 << 20
"""And how many bytes of them: a reader holds two pages in memory, the one it reads and the one that is coming."""
BATCHES_IN_FLIGHT_MAX: Final = 8
"""Atomic appends of one process that are being stored at once; the server allows 50 for all, so for five busy hosts:
each may have begun one more. One that is begun and never stored counts for 10 s."""
FOLLOW_HEARTBEAT_MS: Final = 1_000
"""How often a quiet log says that it is still there. Three missed and the follower asks anew."""
LOOKUP_ACTORS_MAX: Final = 256
"""How many actors' last commits one request asks for."""
DUPLICATE_WINDOW_MS: Final = 10_000
"""How long the server remembers message ids. A help, not a promise: the expected sequence is the promise."""

# The connection
CONNECT_TIMEOUT_MS: Final = 10_000
CLOSE_TIMEOUT_MS: Final = 2_000
"""How long who closes a connection waits for what was said last to have arrived."""
RECONNECT_WAIT_MS: Final = 100
"""Between two attempts to reach a server that was lost; attempts never end."""
PING_INTERVAL_MS: Final = 3_000
"""How often a silent server is asked whether it is there. Two pings unanswered and another one is looked for."""
OUTBOUND_BYTES_MAX: Final = 64 << 20
"""What may wait to be written to the connection before a writer has to wait."""

# The shelf
SHELF_ITEM_BYTES_MAX: Final = 8 << 20
"""The largest snapshot that is kept; an actor whose state is larger is replayed from the log instead."""
SERVER_PAYLOAD_BYTES_MAX: Final = (8 << 20) + (64 << 10)
"""What the server must accept as one message (its `max_payload`; the start refuses less): the largest item on the
shelf, and room for headers."""

assert LOG_MESSAGE_BYTES_MAX < SERVER_PAYLOAD_BYTES_MAX
assert SHELF_ITEM_BYTES_MAX < SERVER_PAYLOAD_BYTES_MAX
assert LOG_MESSAGE_BYTES_MAX < READ_PAGE_BYTES
assert SERVER_PAYLOAD_BYTES_MAX < OUTBOUND_BYTES_MAX
assert LOOKUP_ACTORS_MAX <= 1_024, "the server's own limit for one multi-subject read"

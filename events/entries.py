"""What every log asks of the entries of one call, before it looks at what it holds.

Breaking the first two rules is a bug of the caller and a `ValueError`. A body that is too large is a refused write,
`LogFull`: it comes from what was decided, and will come again until someone decides something smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

from events import limits
from events.errors import LogFull
from events.log import Entry


def check_each(entries: Sequence[Entry]) -> None:
    """The entries of one call are of different actors: each names what it expects before the call."""
    if len(entries) > 1 and len({entry.actor for entry in entries}) != len(entries):
        raise ValueError("the entries of one append must be of different actors")


def check_together(entries: Sequence[Entry]) -> None:
    """The same, and all of them small and few enough for one atomic append."""
    if len(entries) > limits.BATCH_ENTRIES_MAX:
        raise ValueError(f"{len(entries)} entries in one atomic append; at most {limits.BATCH_ENTRIES_MAX} fit")
    check_each(entries)
    for entry in entries:
        if (refusal := too_large(entry)) is not None:
            raise refusal


def too_large(entry: Entry) -> LogFull | None:
    if len(entry.body) <= limits.LOG_MESSAGE_BYTES_MAX:
        return None
    return LogFull(
        f"{entry.actor}: a commit of {len(entry.body)} bytes; at most {limits.LOG_MESSAGE_BYTES_MAX} are stored as one"
    )

"""What happened in a run, line by line, and how often each kind of fault really occurred.

Two runs of one seed have the same trace, byte for byte (`digest`); whoever looks for a bug reads it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

LOUD: Final = frozenset({"error", "critical", "exception"})
"""What a host says so only when something is wrong with it, or with the log."""
JUSTIFIED: Final = frozenset({"host_superseded"})
"""What is simulated justifies this, and nothing else."""


class Trace:
    """`where` tells which machine is running, `now` the virtual time."""

    def __init__(self, now: Callable[[], float], where: Callable[[], str]) -> None:
        self._now: Final = now
        self._where: Final = where
        self._lines: Final[list[tuple[float, str, str, tuple[Any, ...]]]] = []
        self.occurred: Final[Counter[str]] = Counter()
        self.complaints: Final[list[str]] = []

    def note(self, what: str, *details: Any, where: str = "") -> None:
        """Whatever the details are, they are kept as they are until somebody reads them; so they must not change."""
        self._lines.append((self._now(), where or self._where(), what, details))

    def fault(self, kind: str, *details: Any, where: str = "") -> None:
        """A fault really occurred: not drawn, but done to somebody."""
        self.occurred[kind] += 1
        self._lines.append((self._now(), where or self._where(), f"! {kind}", details))

    def complain(self, what: str, *details: Any) -> None:
        """Something happened that may not happen, whatever the weather."""
        self.note(f"!! {what}", *details)
        self.complaints.append(f"{self._now():.6f} {self._where()} {what} {' '.join(map(_spelled, details))}".rstrip())

    def from_log(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """A structlog processor: what a host logs is part of what happened."""
        said = str(event.pop("event"))
        error = event.pop("exc_info", None)
        if method in LOUD and said not in JUSTIFIED:
            self.complain(said, *event.items(), *(() if error is None else (_from_exception(error),)))
        else:
            self.note(said, *event.items())
        raise structlog.DropEvent

    def lines(self) -> Iterator[str]:
        for at, where, what, details in self._lines:
            yield f"{at:12.6f}  {where:<10} {what} {' '.join(map(_spelled, details))}".rstrip()

    def digest(self) -> str:
        digest = sha256()
        for line in self.lines():
            digest.update(line.encode())
            digest.update(b"\n")
        return digest.hexdigest()


def _spelled(detail: Any) -> str:
    if isinstance(detail, bytes):
        return detail.decode("utf-8", "replace")
    if isinstance(detail, tuple) and len(detail) == 2:
        return f"{detail[0]}={_spelled(detail[1])}"
    return str(detail)


def _from_exception(error: Any) -> str:
    """The error and the line that raised it."""
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return repr(error)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return repr(error)
    return f"{error!r} at {place.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{place.tb_lineno}"

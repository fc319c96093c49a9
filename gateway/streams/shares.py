"""Shares: how many of the topics that are followed here are whose.

Topics may be made up: any date is one. So who brings them about has a share of what a process bears, and what one
organisation's visitors ask for leaves room for another's. A topic that is there already costs nobody anything.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeVar

from gateway.problems import Problem
from gateway.streams import limits

T = TypeVar("T")

AGAIN_MS: Final = 5_000


class Shares:
    def __init__(self) -> None:
        self._taken: Final[dict[tuple[str, str], bytes | None]] = {}
        """By organisation and topic, from which address it was brought about."""
        self._by_org: Final[Counter[str]] = Counter()
        self._by_address: Final[Counter[bytes]] = Counter()

    def take(self, org: str, topic: str, address: bytes | None) -> None:
        """A topic that was not there; `Problem` when there are too many. Who shows a key, or is not counted for
        another reason, has no `address`."""
        if address is not None and self._by_address[address] >= limits.TOPICS_PER_ADDRESS_MAX:
            most = limits.TOPICS_PER_ADDRESS_MAX
            detail = f"at most {most} topics that nobody else follows are followed from one address without an API key"
            raise Problem("too_many_topics", detail, retry_after_ms=AGAIN_MS)
        if self._by_org[org] >= limits.TOPICS_PER_ORG_MAX:
            raise _full(f"at most {limits.TOPICS_PER_ORG_MAX} topics of an organisation are followed here")
        if len(self._taken) >= limits.TOPICS_MAX:
            raise _full(f"at most {limits.TOPICS_MAX} topics are followed here")
        self._taken[org, topic] = address
        self._by_org[org] += 1
        if address is not None:
            self._by_address[address] += 1

    def give_back(self, org: str, topic: str) -> None:
        _less(self._by_org, org)
        address = self._taken.pop((org, topic))
        if address is not None:
            _less(self._by_address, address)


def _less(counts: Counter[T], one: T) -> None:
    """And nothing is kept of who has none."""
    counts[one] -= 1
    if not counts[one]:
        del counts[one]


def _full(detail: str) -> Problem:
    return Problem("busy", detail, "busy", retry_after_ms=AGAIN_MS)

"""Idempotency keys: the id of a request's commands, which its caller named by a key.

The id follows from the caller and the key, and carries a seal that follows from the request. It is written with what
was done: so the same request again is done once and gets the first answer, whichever gateway it comes to and whatever
crashed meanwhile, and another request under that key is refused by whoever did the first one. That it is refused by
somebody else too, another day's actor perhaps, is the business of `KeysSeen`, in the memory of one gateway.

Actors remember the last 50,000 commands at least. A request that is repeated later than that is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from actors.runtime.memory import SEAL
from gateway.identity.callers import Caller
from gateway.limits import ID_DIGITS, KEYS_SEEN_MAX, SEAL_DIGITS
from gateway.problems import key_reused


def sealed_id(caller: Caller, key: str, *asked: bytes) -> str:
    """For whom it is asked is a part of the request: a server's key for one visitor is none for another. And of those
    who say nothing of themselves nobody knows which is which: theirs are the same only if the whole request is."""
    seal = digest((caller.session.encode(), *asked))[:SEAL_DIGITS]
    whose = seal if caller.standing == "anonymous" else ""
    known_as = digest((caller.org.encode(), caller.by.encode(), whose.encode(), key.encode()))[:ID_DIGITS]
    return f"{known_as}{SEAL}{seal}"


def digest(parts: Sequence[bytes]) -> str:
    """Of each part with its length before it, so that no two lists of parts read the same."""
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


class KeysSeen:
    """Which request belongs to each of the last idempotency keys."""

    def __init__(self, most: int = KEYS_SEEN_MAX) -> None:
        self._most: Final = most
        self._seals: Final[dict[str, str]] = {}

    def note(self, id: str) -> None:
        """`Problem` when another request came under the key."""
        known_as, _, seal = id.partition(SEAL)
        if self._seals.setdefault(known_as, seal) != seal:
            raise key_reused()
        if len(self._seals) > self._most:
            del self._seals[next(iter(self._seals))]

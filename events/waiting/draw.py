"""The draw: who joined before the opening is shuffled, in a way that anybody can recompute from the log.

1. Before the pre-queue opens, the SHA-256 of the operator's secret is in the log (`SecretCommitted`).
2. At the draw the secret is told. The *seed* is the SHA-256 of these lines, joined by line feeds, in UTF-8: the words
   `tidegate draw 1`, the secret, the beacon (or nothing), and the hash of each shard's last commit before the draw, in
   the order of the shards, as 64 hexadecimal digits (`0` × 64 for a shard without any).
3. For each lane: SHAKE-256 of the seed's 32 bytes followed by the lane's name gives eight bytes to each ticket of that
   lane that joined before the draw, in the order of the log. Read as big-endian numbers, sorted from small to large
   (equal ones in the order of the log), they are the order in which those tickets are called.

An operator is bound by the secret before anybody joins; a joiner does not know it when they join. A public beacon (a
number that nobody could know before) binds whoever may know the secret and join late.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, shake_256

import numpy as np
from numpy.typing import NDArray


def commitment_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def seed_of(secret: str, beacon: str, heads: Sequence[str]) -> str:
    return sha256("\n".join(("tidegate draw 1", secret, beacon, *heads)).encode()).hexdigest()


def drawn_order(seed: str, lane: str, count: int) -> NDArray[np.int64]:
    """Which ticket of a lane stands at each place: the numbers that they had in the order of the log, from 0."""
    stream = shake_256(bytes.fromhex(seed) + lane.encode()).digest(8 * count)
    return np.argsort(np.frombuffer(stream, ">u8"), kind="stable")

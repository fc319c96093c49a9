"""Proof of work: a little computing that a place in line costs, where a room asks for it.

It is written `<minute>:<nonce>`, and good when SHA-256 of `<room>:<visitor>:<minute>:<nonce>` begins with so many zero
bits. The minute is that of Unix time, so that nobody works ahead; the visitor's name, so that nobody works for others.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from typing import Final

from tidegate_client.limits import WORK_BITS_MAX

_MINUTE_MS: Final = 60_000


def zero_bits(room: str, visitor: str, work: str) -> int:
    """How many zero bits the hash begins with."""
    return 256 - int.from_bytes(sha256(f"{room}:{visitor}:{work}".encode()).digest(), "big").bit_length()


def work_of(room: str, visitor: str, bits: int, at_ms: int) -> str:
    """Do the work: about 2ᵇⁱᵗˢ hashes, a million a second or so."""
    if bits > WORK_BITS_MAX:
        raise ValueError(f"no room asks for more than {WORK_BITS_MAX} bits, and this is {bits}")
    minute = at_ms // _MINUTE_MS
    return next(work for n in count() if zero_bits(room, visitor, work := f"{minute}:{n:x}") >= bits)


def whose(visitor: str, identity: str, *, one_per_identity: bool) -> str:
    """By whom a place is: by their session; or by who they are, where a room gives one place to each."""
    return sha256(identity.encode()).hexdigest()[:32] if one_per_identity and identity else visitor

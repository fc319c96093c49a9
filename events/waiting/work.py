"""Proof of work: a little computing that a join costs, where a room asks for it.

The work is written `<minute>:<nonce>`. It is good when SHA-256 of `<room>:<session>:<minute>:<nonce>` begins with so
many zero bits; where a room gives one place to each identity, the identity's hash stands for the session. The minute,
of Unix time, bounds how long before it may have been done; the session, who may use it.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from typing import Final, Literal, TypeAlias

from events.clock import Instant

WORK_BITS_MAX: Final = 28
"""Some minutes of a slow machine. Anything more keeps people out, not machines."""
WORK_CHARACTERS_MAX: Final = 64
WORK_MINUTES_MAX: Final = 10
"""How old work may be."""
_MINUTE_MS: Final = 60_000

Flaw: TypeAlias = Literal["missing", "forged", "stale"]


def zero_bits(room: str, session: str, work: str) -> int:
    digest = int.from_bytes(sha256(f"{room}:{session}:{work}".encode("utf-8", "surrogatepass")).digest(), "big")
    return 256 - digest.bit_length()


def flaw_of(room: str, session: str, work: str, bits: int, at: Instant) -> Flaw | None:
    """What is wrong with the work, if anything."""
    if not work:
        return "missing"
    minute, _, nonce = work.partition(":")
    if not (nonce and minute.isascii() and minute.isdigit() and len(work) <= WORK_CHARACTERS_MAX):
        return "forged"
    if zero_bits(room, session, work) < bits:
        return "forged"
    now = at // _MINUTE_MS
    return None if now - WORK_MINUTES_MAX <= int(minute) <= now + 1 else "stale"


def done(room: str, session: str, bits: int, at: Instant) -> str:
    """Do the work: about 2ᵇⁱᵗˢ hashes."""
    minute = at // _MINUTE_MS
    return next(work for n in count() if zero_bits(room, session, work := f"{minute}:{n:x}") >= bits)

"""A commit: one actor's atomic step, stored as one message on that actor's own subject.

It holds the facts of one or many commands decided in one turn, each with its command's id and principal and
the first answer that was given, and the hash of the actor's commit before it. The hash is taken over the
exact bytes that are stored: altering, dropping or reordering any of them breaks every later link (law 10).

The answer is recorded because it is part of what was promised: a command retried after any crash gets the
same one again (law 7), read back from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar

import msgspec

from events.clock import Instant
from events.codec import canonical
from events.errors import ChainBroken

F = TypeVar("F")

GENESIS: Final = "0" * 64
"""What an actor's first commit names as the hash before it."""


class Decided(msgspec.Struct, Generic[F], frozen=True, gc=False):
    """What one command led to: who asked, when they first did, what became true, and the answer they were given."""

    id: str
    by: str
    asked_at: Instant
    facts: tuple[F, ...]
    reply: msgspec.Raw


class Commit(msgspec.Struct, Generic[F], frozen=True, omit_defaults=True):
    """One step of one actor. `together` names every actor of the transaction that it is part of, if any."""

    actor: str
    at: Instant
    previous: str
    decided: tuple[Decided[F], ...]
    together: tuple[str, ...] = ()


def encode(
    actor: str, at: Instant, previous: str, decided: Sequence[Decided[Any]], together: Sequence[str] = ()
) -> bytes:
    """The canonical bytes of a commit."""
    return canonical(Commit(actor, at, previous, tuple(decided), tuple(together)))


def hash_of(body: bytes) -> str:
    """The link that the next commit of the actor names as `previous`."""
    return sha256(body).hexdigest()


class _Link(msgspec.Struct, frozen=True):
    previous: str


_LINKS: Final = msgspec.json.Decoder(_Link)


def previous_of(body: bytes) -> str:
    """The hash that a commit stands on, without reading the rest of it."""
    try:
        return _LINKS.decode(body).previous
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ChainBroken(f"a commit cannot be read: {error}") from error


def follow_chain(head: str, commit: Commit[Any], body: bytes, sequence: int) -> str:
    """The new head after `commit`, or `ChainBroken` when it does not stand on `head`."""
    if commit.previous != head:
        raise ChainBroken(
            f"{commit.actor}: the commit at sequence {sequence} stands on {commit.previous[:12]}…, "
            f"but the commit before it hashes to {head[:12]}…"
        )
    return hash_of(body)

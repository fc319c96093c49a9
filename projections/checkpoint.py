"""Snapshots of projections on the shelf: the state and how far it has come, together or not at all.

A snapshot names the log that it was folded from, the sequence that it stands on and the hash of the commit there.
One that does not fit in every respect is as good as none: the log is replayed (law 8). It is cut into pieces, because
what a shelf takes as one item is bounded; pieces of different snapshots do not fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import structlog

from events.commit import hash_of
from events.log import EventLog
from events.shelf import Shelf
from projections.folding import Projection
from projections.limits import PIECE_BYTES_MAX, PIECES_MAX

log = structlog.get_logger(__name__)


class Mark(msgspec.Struct, frozen=True):
    """What a snapshot stands on."""

    log: str
    version: int
    sequence: int
    commit: str
    """The hash of the commit at that sequence."""
    pieces: int
    sha256: str


class _Piece(msgspec.Struct, frozen=True, array_like=True):
    mark: Mark
    number: int
    data: bytes


_PIECES = msgspec.msgpack.Decoder(_Piece)


async def put(shelf: Shelf, projection: Projection, data: bytes, identity: str, sequence: int, commit: str) -> bool:
    """Put what the projection was, at that sequence, on the shelf; whether all of it was taken."""
    parts = [data[start : start + PIECE_BYTES_MAX] for start in range(0, len(data), PIECE_BYTES_MAX)] or [b""]
    if len(parts) > PIECES_MAX:
        log.warning("projection_not_saved", projection=projection.name, bytes=len(data))
        return True  # nor would it be the next time
    mark = Mark(identity, projection.version, sequence, commit, len(parts), sha256(data).hexdigest())
    for number, part in enumerate(parts):
        if not await shelf.put(_name(projection, number), msgspec.msgpack.encode(_Piece(mark, number, part))):
            return False
    return True


async def get(shelf: Shelf, events: EventLog, projection: Projection, identity: str, last: int) -> int:
    """Load the projection from its snapshot, if there is one that fits; the sequence that it stands on, or 0."""
    first = await _pieces(shelf, projection, [0])
    if not first:
        return 0
    mark = first[0].mark
    if (mark.log, mark.version) != (identity, projection.version) or not 0 <= mark.sequence <= last:
        return 0
    pieces = [*first, *await _pieces(shelf, projection, range(1, min(mark.pieces, PIECES_MAX)))]
    data = b"".join(piece.data for piece in pieces)
    whole = len(pieces) == mark.pieces and all(piece.mark == mark for piece in pieces)
    if not whole or sha256(data).hexdigest() != mark.sha256:
        return 0
    recorded = await events.at(mark.sequence)
    if recorded is None or hash_of(recorded.body) != mark.commit:
        return 0
    projection.load(data)
    return mark.sequence


async def _pieces(shelf: Shelf, projection: Projection, numbers: Sequence[int]) -> list[_Piece]:
    names = [_name(projection, number) for number in numbers]
    found = await shelf.get(names) if names else {}
    try:
        return [_PIECES.decode(found[name]) for name in names if name in found]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _name(projection: Projection, number: int) -> str:
    return f"projections.{projection.name}.{number}"

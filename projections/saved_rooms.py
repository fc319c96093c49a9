"""How waiting rooms are written down: the tickets of each room as a batch of Arrow columns, the paces of all of them in
a second table behind it, and what is said of rooms as a whole before both.

Who stands where in a lane, which rows are a shard's, what waits in a block and all that is summed follows from the
tickets, so it is not written. Rooms come in order, tickets in that of the log, so equal states have equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from events.clock import Instant
from events.codec import canonical
from events.facts import Personal
from events.room import Phase, RoomSettings
from projections.paces import FIELDS, Row
from projections.places import COLUMNS, Places

_TYPES: Final[dict[str, Any]] = {
    "code": pa.uint32(),
    "lane": pa.int16(),
    "place": pa.uint32(),
    "state": pa.uint8(),
    "joined_s": pa.uint32(),
    "since_s": pa.uint32(),
    "until": pa.int64(),
    "changed_at": pa.int64(),
}
_TICKETS: Final = pa.schema([(name, _TYPES[name]) for name in COLUMNS])
_PACES: Final = pa.schema([(name, pa.int64()) for name in ("room", "second", "lane", *FIELDS)])
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")


class SavedLane(msgspec.Struct):
    name: str
    called_through: int
    moved: list[int]
    arrivals: list[tuple[int, int]]


class SavedRoom(msgspec.Struct):
    """A room without its tickets and its pace."""

    org: str
    id: str
    settings: RoomSettings
    phase: Phase
    seed: str
    first_in_at: Instant
    changed_at: int
    numbers_at: int
    drawing: bool
    lanes: list[SavedLane]
    block_lane: list[int]
    block_at: list[int]
    waits: int
    ring: list[int]
    pace_at: Instant
    addresses: list[tuple[int, Personal]]
    mailboxes_day: int
    mailboxes: list[tuple[int, int]]


_SAVED: Final = msgspec.json.Decoder(list[SavedRoom])


def pack(rooms: Sequence[tuple[SavedRoom, Places, Sequence[Row]]]) -> bytes:
    sink = pa.BufferOutputStream()
    tickets = _TICKETS.with_metadata({"rooms": canonical([saved for saved, _, _ in rooms])})
    with pa.ipc.new_stream(sink, tickets, options=_OPTIONS) as writer:
        for _, places, _ in rooms:
            columns = [pa.array(getattr(places, name)[: places.size], _TYPES[name]) for name in COLUMNS]
            writer.write_batch(pa.record_batch(columns, schema=tickets))
    rows = [(number, *row) for number, (_, _, pace) in enumerate(rooms) for row in pace]
    columns = list(np.array(rows, np.int64).reshape(-1, len(_PACES)).T)
    with pa.ipc.new_stream(sink, _PACES, options=_OPTIONS) as writer:
        writer.write_batch(pa.record_batch([pa.array(column) for column in columns], schema=_PACES))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpack(data: bytes) -> Iterator[tuple[SavedRoom, dict[str, NDArray[Any]], list[Row]]]:
    """Each room with the columns of its tickets and the rows of its pace."""
    source = pa.BufferReader(data)
    tickets = pa.ipc.open_stream(source)
    batches = list(tickets)
    paces: dict[int, list[Row]] = {}
    for room, *row in zip(*(column.to_pylist() for column in pa.ipc.open_stream(source).read_all()), strict=True):
        paces.setdefault(room, []).append(tuple(row))
    for number, (saved, batch) in enumerate(
        zip(_SAVED.decode(tickets.schema.metadata[b"rooms"]), batches, strict=True)
    ):
        columns = {name: column.to_numpy() for name, column in zip(COLUMNS, batch.columns, strict=True)}
        yield saved, columns, paces.get(number, [])


def lanes_of(places: Places) -> list[SavedLane]:
    return [SavedLane(lane.name, lane.called_through, lane.moved, lane.arrivals) for lane in places.lanes]


def places_of(saved: SavedRoom, columns: dict[str, NDArray[Any]]) -> Places:
    """Everybody where they stood."""
    places = Places()
    names = [lane.name for lane in saved.lanes]
    places.restore(columns, names, saved.block_lane, saved.block_at, drawing=saved.drawing)
    for lane, kept in zip(places.lanes, saved.lanes, strict=True):
        lane.called_through, lane.moved, lane.arrivals = kept.called_through, kept.moved, kept.arrivals
    return places

"""How availability is written down: three tables of Arrow columns, one behind the other.

They hold days, the claims on those days, and months, each in order, so that equal states have equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import msgspec
import pyarrow as pa

from events.catalog import Catalog
from events.codec import canonical
from events.day import Slots

Kind: TypeAlias = Literal["taken", "hold", "block"]
_KINDS: Final[tuple[Kind, ...]] = ("taken", "hold", "block")

_DAYS: Final = pa.schema(
    [
        ("org", pa.string()),
        ("resource", pa.string()),
        ("day", pa.int32()),
        ("taken_at", pa.int64()),
        ("held_at", pa.int64()),
    ]
)
_CLAIMS: Final = pa.schema(
    [
        ("day", pa.int32()),
        ("kind", pa.int8()),
        ("id", pa.string()),
        ("session", pa.string()),
        ("first", pa.int16()),
        ("end", pa.int16()),
        ("units", pa.int32()),
    ]
)
_MONTHS: Final = pa.schema(
    [
        ("org", pa.string()),
        ("resource", pa.string()),
        ("month", pa.string()),
        ("busy_at", pa.int64()),
    ]
)
_SIZES: Final = msgspec.json.Decoder(dict[str, Catalog])
_RESIZED: Final = msgspec.json.Decoder(dict[str, dict[str, int]])
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")


@dataclass
class SavedDays:
    today: int
    sizes: dict[str, Catalog] = field(default_factory=dict)
    resized: dict[str, dict[str, int]] = field(default_factory=dict)
    """By organisation and resource: where its capacity changed last."""
    days: list[tuple[str, str, int, int, int]] = field(default_factory=list)
    """Organisation, resource, day; the sequences of what is taken and of what is held."""
    claims: list[tuple[int, Kind, str, str, Slots]] = field(default_factory=list)
    """The place of the day in `days`, the id, the session of a hold, the slots."""
    months: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Organisation, resource, month; the sequence of what is busy."""


def pack(saved: SavedDays) -> bytes:
    claims = [
        (day, _KINDS.index(kind), id, session, slots.first, slots.end, slots.units)
        for day, kind, id, session, slots in saved.claims
    ]
    sink = pa.BufferOutputStream()
    for schema, rows in ((_DAYS, saved.days), (_CLAIMS, claims), (_MONTHS, saved.months)):
        about = {"today": str(saved.today), "sizes": canonical(saved.sizes), "resized": canonical(saved.resized)}
        named = schema.with_metadata(about if schema is _DAYS else None)
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        arrays = [pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)]
        with pa.ipc.new_stream(sink, named, options=_OPTIONS) as writer:
            writer.write_batch(pa.record_batch(arrays, schema=named))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpack(data: bytes) -> SavedDays:
    source = pa.BufferReader(data)
    tables = [pa.ipc.open_stream(source).read_all() for _ in range(3)]
    days, claims, months = ([column.to_pylist() for column in table.columns] for table in tables)
    about = tables[0].schema.metadata
    saved = SavedDays(int(about[b"today"]), _SIZES.decode(about[b"sizes"]), _RESIZED.decode(about[b"resized"]))
    saved.days, saved.months = _rows(days), _rows(months)
    saved.claims = [
        (day, _KINDS[kind], id, session, Slots(first, end, units))
        for day, kind, id, session, first, end, units in _rows(claims)
    ]
    return saved


def _rows(columns: list[list[Any]]) -> list[Any]:
    return list(zip(*columns, strict=True))

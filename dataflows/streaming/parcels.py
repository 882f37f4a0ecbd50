"""What travels between the steps of a flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa

from dataflows.streaming.split import Piece


@dataclass(frozen=True, slots=True)
class Aside:
    """Records that are read but in no window: with these, the books balance."""

    rejected: int = 0
    late: int = 0
    duplicates: int = 0

    def __add__(self, other: Aside) -> Aside:
        return Aside(
            self.rejected + other.rejected,
            self.late + other.late,
            self.duplicates + other.duplicates,
        )


NOTHING_ASIDE = Aside()


@dataclass(frozen=True, slots=True)
class Discarded:
    """Records of one partition that did not get into a window, booked on the window that was
    current in that partition: the one of the largest event time before them."""

    window_start_us: int
    rejected: int
    late: int

    @property
    def aside(self) -> Aside:
        """The counts alone."""
        return Aside(self.rejected, self.late)


@dataclass(frozen=True, slots=True)
class Parcel:
    """News of one origin for one key group.

    `sequence` numbers the parcels of an origin without gaps; every key group gets each of them, for
    its watermark. `silent_us` is how long a caught-up origin has had no record, 0 if it has.
    """

    origin: int
    origins: int
    group: int
    sequence: int
    max_event_us: int
    silent_us: int
    first_offset: int
    next_offset: int
    max_event_before_us: int
    pieces: list[Piece]
    discarded: list[Discarded] = field(default_factory=list)

    def __reduce__(self) -> tuple[Any, ...]:
        """Rows cross between processes as Arrow IPC (threads of a process share the parcel).

        The schema, which is the same for all batches of a table, is sent as bytes and read once.
        """
        pieces = [
            (
                p.window_start_us,
                p.table,
                p.rows.schema.serialize().to_pybytes(),
                p.rows.serialize().to_pybytes(),
            )
            for p in self.pieces
        ]
        discarded = [(d.window_start_us, d.rejected, d.late) for d in self.discarded]
        return _unpack_parcel, (
            (self.origin, self.origins, self.group, self.sequence),
            (self.max_event_us, self.silent_us),
            (self.first_offset, self.next_offset, self.max_event_before_us),
            pieces,
            discarded,
        )


def _unpack_parcel(
    identity: tuple[int, int, int, int],
    time: tuple[int, int],
    offsets: tuple[int, int, int],
    pieces: list[tuple[int, int, bytes, bytes]],
    discarded: list[tuple[int, int, int]],
) -> Parcel:
    return Parcel(
        *identity,
        *time,
        *offsets,
        [
            Piece(start_us, table, pa.ipc.read_record_batch(pa.py_buffer(rows), _schema(schema)))
            for start_us, table, schema, rows in pieces
        ],
        [Discarded(*item) for item in discarded],
    )


@cache
def _schema(serialized: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(serialized))


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """The final rows of one window in one key group by table name, and what is booked on it."""

    start_us: int
    tables: dict[str, pl.DataFrame]
    aside: Aside = NOTHING_ASIDE


@dataclass(frozen=True, slots=True)
class LateOnArrival:
    """Records of an origin that woke after their windows had closed without it.

    They are among the offsets `first_offset` to `next_offset` - 1 of the origin: those that are not
    late by their own partition, have a key of `group` and a window that is one of `starts_us`.
    """

    origin: int
    group: int
    first_offset: int
    next_offset: int
    max_event_before_us: int
    watermark_us: int
    starts_us: tuple[int, ...]
    records: int


@dataclass(frozen=True, slots=True)
class Closing:
    """A key group's word that its windows up to `watermark_us` are closed, and those newly so."""

    group: int
    watermark_us: int
    windows: list[ClosedWindow]
    late: list[LateOnArrival]
    unbooked: Aside = NOTHING_ASIDE
    """Records put aside since the last closing whose window was closed already."""

"""The rows of one table in one open window, and how they become bytes.

Bytes are always Arrow's IPC format, which any later version reads; never a library's own pickle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_WAS = b"was"
"""In the metadata of a column that was narrowed: its Arrow type before."""
_UNMERGED = b"unmerged"
"""In the metadata of rows that come as pieces do: a key may be in several of them."""
_UNSIGNED = ((pa.uint8(), 0xFF), (pa.uint16(), 0xFFFF), (pa.uint32(), 0xFFFF_FFFF))
_MOST_TEXT_BYTES = 1 << 30
_SAMPLE_ROWS = 1_024
_FEW_ROWS = 256
"""So few are packed once more in less time than they are merged."""
_AT_REST = 8
"""Less than one in so many rows that wait is new."""
_MOST_CODES = 128
"""A column of more different texts is no column of names."""

Merge = Callable[[Sequence[pl.DataFrame]], pl.DataFrame]
"""Adds frames of a table up to one."""


def pack(frame: pl.DataFrame) -> bytes:
    """Serialize a frame, each column as narrow as its values allow: half the bytes, in less time.

    Nothing is compressed: LZ4 makes a third of it, for three times the CPU time of each merge.
    """
    return _stream(_narrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))


def unpack(data: bytes) -> pl.DataFrame:
    """Read a frame that `pack` wrote."""
    return _to_frame(_wide(_read(data)))


def _stream(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = buffer.getvalue().to_pybytes()
    return stream


def _read(data: bytes) -> pa.Table:
    """Return the rows as views of `data`."""
    return pa.ipc.open_stream(data).read_all()


def _narrow(table: pa.Table) -> pa.Table:
    table = table.combine_chunks()
    columns = [_narrowed(column) for column in table.columns]
    fields = [
        pa.field(name, column.type, metadata={_WAS: str(was)} if column.type != was else None)
        for name, column, was in zip(table.column_names, columns, table.schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _wide(table: pa.Table) -> pa.Table:
    """Return the table as it was before it was made narrow."""
    columns = [
        column.cast(str(field.metadata[_WAS], "ascii")) if field.metadata else column
        for column, field in zip(table.columns, table.schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of the same values: texts that repeat as numbers, numbers in fewer bytes."""
    if pa.types.is_large_string(column.type) and column.nbytes < _MOST_TEXT_BYTES:
        sample = column.slice(0, _SAMPLE_ROWS)
        if len(sample) == _SAMPLE_ROWS and pc.count_distinct(sample).as_py() <= _MOST_CODES:
            coded = column.combine_chunks().dictionary_encode()
            if len(coded.dictionary) <= _MOST_CODES:
                indices = coded.indices.cast(pa.uint8())
                return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, coded.dictionary)])
        return column.cast(pa.string())
    if pa.types.is_int64(column.type) and len(column):
        bounds = pc.min_max(column)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        for width, top in _UNSIGNED:
            if low is not None and low >= 0 and high <= top:
                return column.cast(width)
    return column


@dataclass(frozen=True, slots=True)
class _Tier:
    """Merged rows, as bytes."""

    rows: int
    packed: bytes


class Tiers:
    """The rows of one table in one open window: tiers of merged rows, and pieces not merged yet.

    The idea of log-structured merge trees (O'Neil et al., 1996): a new tier takes in those before
    it that are not much larger. So a row is merged a few times only, however large the window
    grows, and a snapshot packs no more than what has come since the last one. Tiers are kept as
    the bytes that a snapshot holds, and as nothing else: a row is in memory once.
    """

    MERGE_ABOVE_ROWS = 16_384
    _GROWTH = 2

    __slots__ = ("_merge", "_packed_pieces", "_pieces", "_settled_rows", "_tiers", "_waiting_rows")

    def __init__(self, merge: Merge, packed: Sequence[bytes] = ()) -> None:
        self._merge = merge
        self._tiers: list[_Tier] = []
        self._pieces: list[pa.RecordBatch] = []
        # Pieces, too: those that the last snapshot has, and no newer ones.
        self._packed_pieces: bytes | None = None
        self._waiting_rows = self._settled_rows = 0
        for data in packed:
            table = _read(data)
            if _UNMERGED in (table.schema.metadata or {}):
                self._packed_pieces = data
                self._waiting_rows = table.num_rows
            else:
                self._tiers.append(_Tier(table.num_rows, data))

    @property
    def rows(self) -> int:
        """Number of rows held, merged or not."""
        return sum((tier.rows for tier in self._tiers), self._waiting_rows)

    def add(self, piece: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._waiting_rows += piece.num_rows
        newest_rows = self._tiers[-1].rows if self._tiers else 0
        if self._waiting_rows > max(newest_rows, self.MERGE_ABOVE_ROWS):
            self.compact()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        frames = [unpack(tier.packed) for tier in self._tiers]
        if len(frames) == 1 and not self._waiting_rows:
            return frames[0]
        return self._merge([*frames, *self._waiting()])

    def packed(self) -> list[bytes]:
        """Return all rows as bytes, tier by tier; what has not changed is not packed again."""
        if self._waiting_rows > self.MERGE_ABOVE_ROWS:
            self.compact()
        packed = [tier.packed for tier in self._tiers]
        if self._pieces:
            # As they are: to merge a few rows, or to make them narrow, takes longer than to pack
            # them again.
            together = pa.concat_tables(self._tables()).combine_chunks()
            self._packed_pieces = _stream(together.replace_schema_metadata({_UNMERGED: b""}))
            self._pieces = []
        if self._packed_pieces is not None:
            packed.append(self._packed_pieces)
        return packed

    def settle(self) -> None:
        """Merge what waits if hardly any row has come since this was last called.

        A window that does not grow any more has this behind it when it is packed or closed.
        """
        newer_rows = self._waiting_rows - self._settled_rows
        if self._waiting_rows > max(_FEW_ROWS, _AT_REST * newer_rows):
            self.compact()
        else:
            self._settled_rows = self._waiting_rows

    def compact(self) -> None:
        """Merge the pieces, and tiers that are not much larger than them, to a new tier."""
        if not self._waiting_rows:
            return
        frame = self._merge(self._waiting())
        self._settled_rows = 0
        self._pieces = []
        self._packed_pieces = None
        self._waiting_rows = 0
        while self._tiers and self._tiers[-1].rows <= self._GROWTH * frame.height:
            frame = self._merge([unpack(self._tiers.pop().packed), frame])
        self._tiers.append(_Tier(frame.height, pack(frame)))

    def _waiting(self) -> list[pl.DataFrame]:
        # To polars at once: piece by piece costs more than the merge itself.
        tables = self._tables()
        return [_to_frame(pa.concat_tables(tables))] if tables else []

    def _tables(self) -> list[pa.Table]:
        older = [] if self._packed_pieces is None else [_read(self._packed_pieces)]
        return older + ([pa.Table.from_batches(self._pieces)] if self._pieces else [])


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a frame")
    return frame

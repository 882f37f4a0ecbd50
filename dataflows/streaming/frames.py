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
_DTYPES = {b"int64": pl.Int64(), b"large_string": pl.String()}
_UNSIGNED = ((pa.uint8(), 0xFF), (pa.uint16(), 0xFFFF), (pa.uint32(), 0xFFFF_FFFF))
_MOST_TEXT_BYTES = 1 << 30
_SAMPLE_ROWS = 1_024
_FEW = 128

Merge = Callable[[Sequence[pl.DataFrame]], pl.DataFrame]
"""Adds frames of a table up to one."""


def pack(frame: pl.DataFrame) -> bytes:
    """Serialize a frame, each column as narrow as its values allow: half the bytes, in less time.

    Nothing is compressed: LZ4 makes a third of it, for three times the CPU time of each merge.
    """
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    columns = [_narrowed(column) for column in table.columns]
    fields = [
        pa.field(name, column.type, metadata={_WAS: str(was)} if column.type != was else None)
        for name, column, was in zip(table.column_names, columns, table.schema.types, strict=True)
    ]
    return _stream(pa.Table.from_arrays(columns, schema=pa.schema(fields)))


def unpack(data: bytes) -> pl.DataFrame:
    """Read a frame that `pack` wrote."""
    narrow = _read(data)
    frame = _to_frame(narrow)
    dtypes = {
        field.name: _DTYPES[field.metadata[_WAS]] for field in narrow.schema if field.metadata
    }
    return frame.cast(dtypes) if dtypes else frame


def _stream(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = buffer.getvalue().to_pybytes()
    return stream


def _read(data: bytes) -> pa.Table:
    """Return the rows as views of `data`."""
    return pa.ipc.open_stream(data).read_all()


def _unmerged(table: pa.Table) -> list[pa.RecordBatch]:
    batches: list[pa.RecordBatch] = table.replace_schema_metadata().to_batches()
    return batches


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of the same values: texts that repeat as numbers, numbers in fewer bytes."""
    if pa.types.is_large_string(column.type) and column.nbytes < _MOST_TEXT_BYTES:
        sample = column.slice(0, _SAMPLE_ROWS)
        if len(sample) == _SAMPLE_ROWS and pc.count_distinct(sample).as_py() <= _FEW:
            coded = column.combine_chunks().dictionary_encode()
            if len(coded.dictionary) <= _FEW:
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

    MERGE_ABOVE_ROWS = 8_192
    _GROWTH = 2

    __slots__ = ("_merge", "_packed_pieces", "_pieces", "_tiers", "_waiting_rows")

    def __init__(self, merge: Merge, packed: Sequence[bytes] = ()) -> None:
        self._merge = merge
        self._tiers: list[_Tier] = []
        self._pieces: list[pa.RecordBatch] = []
        self._packed_pieces: bytes | None = None
        for data in packed:
            table = _read(data)
            if _UNMERGED in (table.schema.metadata or {}):
                self._pieces += _unmerged(table)
            else:
                self._tiers.append(_Tier(table.num_rows, data))
        self._waiting_rows: int = sum(piece.num_rows for piece in self._pieces)

    @property
    def rows(self) -> int:
        """Number of rows held, merged or not."""
        return sum((tier.rows for tier in self._tiers), self._waiting_rows)

    def add(self, piece: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._packed_pieces = None
        self._waiting_rows += piece.num_rows
        newest_rows = self._tiers[-1].rows if self._tiers else 0
        if self._waiting_rows > max(newest_rows, self.MERGE_ABOVE_ROWS):
            self.compact()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        frames = [unpack(tier.packed) for tier in self._tiers]
        if len(frames) == 1 and not self._pieces:
            return frames[0]
        return self._merge([*frames, *self._waiting()])

    def packed(self) -> list[bytes]:
        """Return all rows as bytes, tier by tier; what has not changed is not packed again."""
        if self._waiting_rows > self.MERGE_ABOVE_ROWS:
            self.compact()
        packed = [tier.packed for tier in self._tiers]
        if self._pieces:
            if self._packed_pieces is None:
                # As they are: to merge a few rows costs ten times as much as to pack them again.
                together = pa.Table.from_batches(self._pieces).combine_chunks()
                data = _stream(together.replace_schema_metadata({_UNMERGED: b""}))
                # Read back they are views of these bytes: in memory once.
                self._pieces, self._packed_pieces = _unmerged(_read(data)), data
            packed.append(self._packed_pieces)
        return packed

    def compact(self) -> None:
        """Merge the pieces, and tiers that are not much larger than them, to a new tier."""
        if not self._pieces:
            return
        frame = self._merge(self._waiting())
        self._pieces = []
        self._packed_pieces = None
        self._waiting_rows = 0
        while self._tiers and self._tiers[-1].rows <= self._GROWTH * frame.height:
            frame = self._merge([unpack(self._tiers.pop().packed), frame])
        self._tiers.append(_Tier(frame.height, pack(frame)))

    def _waiting(self) -> list[pl.DataFrame]:
        # To polars at once: piece by piece costs more than the merge itself.
        return [_to_frame(pa.Table.from_batches(self._pieces))] if self._pieces else []


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a frame")
    return frame

"""How rows of a table are merged and packed: as Arrow tables where all is sums, else as frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import polars as pl
import pyarrow as pa

from dataflows.streaming.grouping import added_up
from dataflows.streaming.packing import frame_of, pack, pack_frame, unpack, unpack_frame
from stats.tables import Table

R = TypeVar("R")


class Merging(Protocol[R]):
    """Merges rows of one table, which it has as R."""

    def rows_of(self, table: pa.Table) -> R:
        """Take rows in, merged or not."""

    def merge(self, parts: Sequence[R]) -> R:
        """Add rows up."""

    def height(self, rows: R) -> int:
        """Return how many they are."""

    def pack(self, rows: R) -> bytes:
        """Serialize rows."""

    def unpack(self, data: bytes) -> R:
        """Return rows that were packed by this or any other merging."""

    def frame(self, rows: R) -> pl.DataFrame:
        """Return rows as a frame."""


def merging_of(table: Table) -> SumMerging | FrameMerging:
    """Return how a table is merged."""
    return SumMerging(table) if table.additive else FrameMerging(table)


class FrameMerging:
    """Merges frames, as the table says."""

    def __init__(self, table: Table) -> None:
        self.merge = table.merge

    def rows_of(self, table: pa.Table) -> pl.DataFrame:
        """Make a frame of rows: at once, piece by piece costs more than the merge itself."""
        return frame_of(table)

    def height(self, rows: pl.DataFrame) -> int:
        """Return the height."""
        return rows.height

    def pack(self, rows: pl.DataFrame) -> bytes:
        """Serialize a frame."""
        return pack_frame(rows)

    def unpack(self, data: bytes) -> pl.DataFrame:
        """Return a frame that was packed."""
        return unpack_frame(data)

    def frame(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the frame."""
        return rows


class SumMerging:
    """Adds rows up, without a detour by frames."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def rows_of(self, table: pa.Table) -> pa.Table:
        """Take rows as they are."""
        return table

    def merge(self, parts: Sequence[pa.Table]) -> pa.Table:
        """Add rows up."""
        if not parts:
            empty = self._table.merge([])
            return empty.to_arrow(compat_level=pl.CompatLevel.oldest())
        return added_up(parts, self._table.texts, self._table.additive)

    def height(self, rows: pa.Table) -> int:
        """Return the number of rows."""
        height: int = rows.num_rows
        return height

    def pack(self, rows: pa.Table) -> bytes:
        """Serialize a table."""
        return pack(rows)

    def unpack(self, data: bytes) -> pa.Table:
        """Return a table that was packed."""
        return unpack(data)

    def frame(self, rows: pa.Table) -> pl.DataFrame:
        """Make a frame."""
        return frame_of(rows)

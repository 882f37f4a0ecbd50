"""Newest tables: of all events of a key in a window the newest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from stats.cells import Cells
from stats.tables import EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION, Columns, Reduced

_ORDER = (EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION)


@dataclass(frozen=True, slots=True)
class NewestTable:
    """Keeps the newest event by `keys`: its `labels` (String) and its `numbers` (Int64).

    Newest is what has the largest event time; of equal ones the later offset counts, and, for a
    key that lies in several partitions, the higher partition. Frames have the columns `keys`,
    event time, offset and partition (Int64), `labels`, `numbers`: one row a key once merged.
    """

    name: str
    keys: tuple[str, ...]
    labels: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns that make up a cell."""
        return self.keys

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a frame."""
        return (*self.keys, *self._kept)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a batch that are needed."""
        return self.columns

    @property
    def additive(self) -> tuple[str, ...]:
        """None: there is more to a merge than to add up."""
        return ()

    def reduce(self, cells: Cells, columns: Columns) -> Reduced:
        """Return the newest event of each cell; those of a batch come in offset order."""
        rows = cells.newest_rows(columns[EVENT_TIME_US].to_numpy(zero_copy_only=False))
        return Reduced([columns[name].take(pa.array(rows)) for name in self._kept])

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Return the newest row of each key; row order is unspecified."""
        if not frames:
            schema = {
                name: pl.String if name in self.keys or name in self.labels else pl.Int64
                for name in self.columns
            }
            return pl.DataFrame(schema=schema)
        rows = pl.concat(frames, rechunk=False).sort(_ORDER)
        return rows.unique(subset=self.keys, keep="last", maintain_order=False)

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the newest rows as they are."""
        return merged, 0

    @property
    def _kept(self) -> tuple[str, ...]:
        return (*_ORDER, *self.labels, *self.numbers)

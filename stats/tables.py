"""Tables: what a window keeps per key group, by combinations of some fields of its events.

A table must be mergeable, so that any split of the events into batches, groups and restarts gives
the same table: `merge` is associative and commutative. What there is to choose from:

- `CountTable`: how many events, and sums of whole numbers;
- `stats.newest.NewestTable`: the newest event of each key;
- `stats.distinct.KeyTable`: which keys there are, exactly or by a sketch, and the frequent ones;
- `stats.spans.SpanTable`: from when to when a key was active, without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl
import pyarrow as pa

from stats.cells import Cells, Int64Array

COUNT = "count"
"""The column that holds the number of events of a row."""

EVENT_TIME_US = "event_time_us"
KAFKA_PARTITION = "kafka_partition"
KAFKA_OFFSET = "kafka_offset"
"""Columns that every event has besides its own fields; the last two only where a table asks."""

Columns = Mapping[str, pa.Array]
"""Columns of a batch: String or Int64, one entry an event, without nulls."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """The rows that a batch adds to a table.

    `cells[i]` is the cell that row i belongs to, None where there is one row a cell, in order.
    `columns` are those of the table that are not texts of the cell.
    """

    columns: list[pa.Array]
    cells: Int64Array | None = None


class Table(Protocol):
    """A kind of table. Frames have the columns `texts`, then what `reduce` returns."""

    @property
    def name(self) -> str:
        """Its name in the pipeline."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns that make up a cell; the first one decides the key group."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a frame while its window is open."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a batch that are needed."""

    @property
    def additive(self) -> tuple[str, ...]:
        """The Int64 columns of a frame where to merge is to add them up by the texts, else none."""

    def reduce(self, cells: Cells, columns: Columns) -> Reduced:
        """Return what the events of a batch add, cell by cell."""

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add frames up to one; row order is unspecified."""

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the final rows of a window, and how many events were duplicates."""


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts events by `keys`, and adds up `sums`, which are Int64 columns of the events.

    Frames of a table have the columns `keys` (String, never null), `count` (Int64, positive) and
    `sums` (Int64), one row a combination once merged. The first key decides the key group.

    With `distinct`, the name of an identity, events that agree in it and in all keys count once.
    Until the window is closed the identity is a column too; an empty one is like no other. It does
    not go together with sums.
    """

    name: str
    keys: tuple[str, ...]
    sums: tuple[str, ...] = ()
    distinct: str | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.distinct is not None and self.sums:
            raise TypeError("events that count once can not be summed up: they may differ")

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns of a frame while its window is open."""
        return self.keys if self.distinct is None else (*self.keys, self.distinct)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a frame while its window is open."""
        return (*self.texts, COUNT, *self.sums)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a batch that are needed."""
        return (*self.texts, *self.sums)

    @property
    def additive(self) -> tuple[str, ...]:
        """The columns that are added up."""
        return (COUNT, *self.sums)

    def empty(self) -> pl.DataFrame:
        """Return the frame of no events."""
        schema = {
            **dict.fromkeys(self.texts, pl.String),
            **dict.fromkeys((COUNT, *self.sums), pl.Int64),
        }
        return pl.DataFrame(schema=schema)

    def reduce(self, cells: Cells, columns: Columns) -> Reduced:
        """Count the events of each cell, and sum up their numbers."""
        sums = [cells.sums(columns[name].to_numpy(zero_copy_only=False)) for name in self.sums]
        return Reduced([pa.array(cells.counts), *map(pa.array, sums)])

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add frames up to one with one row a combination; row order is unspecified."""
        if not frames:
            return self.empty()
        return added_up(frames, self.texts, self.additive)

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the final counts by `keys`, and how many events were duplicates."""
        if self.distinct is None:
            return merged, 0
        once = pl.when(pl.col(self.distinct) == "").then(pl.col(COUNT)).otherwise(1)
        counts = merged.with_columns(once.cast(pl.Int64).alias(COUNT))
        final = counts.group_by(self.keys).agg(pl.col(COUNT).sum())
        return final, int(merged[COUNT].sum()) - int(final[COUNT].sum())


def added_up(
    frames: Sequence[pl.DataFrame], texts: Sequence[str], numbers: Sequence[str]
) -> pl.DataFrame:
    """Add the numbers of rows up that have the same texts; row order is unspecified."""
    # vertical without rechunking first: group_by reads chunks as they are
    rows = pl.concat(frames, rechunk=False)
    return rows.group_by(texts).agg([pl.col(name).sum() for name in numbers])


def totals(table: pl.DataFrame, key: str, *sums: str) -> pl.DataFrame:
    """Sum a count table by one of its keys: columns `key`, `count`, `sums`."""
    return table.group_by(key).agg([pl.col(name).sum() for name in (COUNT, *sums)])


def top(counts: pl.DataFrame, key: str, k: int, by: str = COUNT) -> pl.DataFrame:
    """Return the `k` rows with the largest `by`; ties by key, ascending."""
    if counts.height > 4 * k:
        # Everything at or above the k-th largest count is enough to sort out the ties.
        floor = counts[by].top_k(k).min()
        counts = counts.filter(pl.col(by) >= floor)
    return counts.sort(by, key, descending=[True, False]).head(k)

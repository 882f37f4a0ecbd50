"""Count tables: how often each combination of some fields occurs in a window.

A table is what a window keeps per key group. It must be mergeable, so that any split of the events
into batches, groups and restarts gives the same table: `merge` is associative and commutative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

COUNT = "count"
"""The column that holds the number of events of a row."""


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts events by `keys`.

    Frames of a table have the columns `keys` (String, never null) and `count` (Int64, positive),
    one row a combination once merged. The first key decides the key group.

    With `distinct`, the name of an identity, events that agree in it and in all keys count once.
    Until the window is closed the identity is a column too; an empty one is like no other.
    """

    name: str
    keys: tuple[str, ...]
    distinct: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The text columns of a frame while its window is open."""
        return self.keys if self.distinct is None else (*self.keys, self.distinct)

    def empty(self) -> pl.DataFrame:
        """Return the frame of no events."""
        return pl.DataFrame(schema={**dict.fromkeys(self.columns, pl.String), COUNT: pl.Int64})

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add frames up to one with one row a combination; row order is unspecified."""
        if not frames:
            return self.empty()
        # vertical without rechunking first: group_by reads chunks as they are
        return pl.concat(frames, rechunk=False).group_by(self.columns).agg(pl.col(COUNT).sum())

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the final counts by `keys`, and how many events were duplicates."""
        if self.distinct is None:
            return merged, 0
        once = pl.when(pl.col(self.distinct) == "").then(pl.col(COUNT)).otherwise(1)
        counts = merged.with_columns(once.cast(pl.Int64).alias(COUNT))
        final = counts.group_by(self.keys).agg(pl.col(COUNT).sum())
        return final, int(merged[COUNT].sum()) - int(final[COUNT].sum())


def totals(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """Sum a count table by one of its keys: columns `key`, `count`."""
    return table.group_by(key).agg(pl.col(COUNT).sum())


def top(counts: pl.DataFrame, key: str, k: int) -> pl.DataFrame:
    """Return the `k` rows with the largest counts; ties by key, ascending."""
    if counts.height > 4 * k:
        # Everything at or above the k-th largest count is enough to sort out the ties.
        floor = counts[COUNT].top_k(k).min()
        counts = counts.filter(pl.col(COUNT) >= floor)
    return counts.sort(COUNT, key, descending=[True, False]).head(k)

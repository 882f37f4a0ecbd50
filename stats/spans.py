"""Span tables: from when to when a key was active without a gap, as sessions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from stats.cells import Cells
from stats.tables import COUNT, EVENT_TIME_US, Columns, Reduced

FIRST_US = "first_us"
LAST_US = "last_us"


@dataclass(frozen=True, slots=True)
class SpanTable:
    """Keeps the spans of each key: events no further apart than `gap_us` are of one span.

    Frames have the columns `key` (String), `first_us`, `last_us` (event times) and `count` (Int64):
    one row a span once merged. Spans of one key are more than `gap_us` apart, so the merge of any
    partition of the events gives the same spans.
    """

    name: str
    key: str
    gap_us: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns that make up a cell."""
        return (self.key,)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a frame."""
        return (self.key, FIRST_US, LAST_US, COUNT)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a batch that are needed."""
        return (self.key, EVENT_TIME_US)

    @property
    def additive(self) -> tuple[str, ...]:
        """None: there is more to a merge than to add up."""
        return ()

    def reduce(self, cells: Cells, columns: Columns) -> Reduced:
        """Return the spans of each cell."""
        times = columns[EVENT_TIME_US].to_numpy(zero_copy_only=False)
        order = np.lexsort((times, cells.cell_of_row))
        cell, time = cells.cell_of_row[order], times[order]
        new = np.ones(len(order), bool)
        new[1:] = (cell[1:] != cell[:-1]) | (np.diff(time) > self.gap_us)
        firsts = np.flatnonzero(new)
        lasts = np.append(firsts[1:], len(order)) - 1
        columns_ = [time[firsts], time[lasts], lasts - firsts + 1]
        return Reduced([pa.array(column) for column in columns_], cell[firsts])

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Join the spans that are no further apart than the gap; row order is unspecified."""
        if not frames:
            numbers = dict.fromkeys((FIRST_US, LAST_US, COUNT), pl.Int64)
            return pl.DataFrame(schema={self.key: pl.String, **numbers})
        rows = pl.concat(frames, rechunk=False).sort(self.key, FIRST_US)
        reached_us = pl.col(LAST_US).cum_max().over(self.key).shift(1)
        same_key = pl.col(self.key) == pl.col(self.key).shift(1)
        joined = same_key & (pl.col(FIRST_US) - reached_us <= self.gap_us)
        return (
            rows.with_columns(span=(~joined.fill_null(value=False)).cum_sum())
            .group_by("span")
            .agg(
                pl.col(self.key).first(),
                pl.col(FIRST_US).min(),
                pl.col(LAST_US).max(),
                pl.col(COUNT).sum(),
            )
            .select(self.columns)
        )

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the spans as they are."""
        return merged, 0

"""Key tables: how many different keys there are, and the frequent ones, in bounded memory.

Up to `exact_keys` keys everything is exact. Beyond, the number of keys comes from a HyperLogLog
sketch, and the counts of the frequent keys from a Misra-Gries summary, and both say so.

- HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, 2007; the estimate is Ertl's improved one (2017,
  arXiv:1702.01284, algorithm 6), which needs no correction for bias. Its relative standard error
  is 1.04 / sqrt(4096), 1.6 %; sums over key groups, which share no key, do better.
- Mergeable Misra-Gries: Agarwal and others, "Mergeable Summaries", 2012. A count is too low by at
  most `Keys.count_error`, never too high, and that is at most all counts / `exact_keys`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from stats.cells import Cells
from stats.hashing import stable_hashes
from stats.tables import COUNT, Columns, Reduced

SLOT = "slot"
_PRECISION = 12
_SLOTS = 1 << _PRECISION
_RANK_BITS = 64 - _PRECISION
_ERROR_SLOT = -1
"""The row that holds by how much counts may be too low."""


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Which values `key` has, and how often each; the value `without` does not count.

    Frames have the columns `key` (String), `slot` (Int32) and `count` (Int64). A row has either a
    key, with the events it has, or a slot of the sketch, with its rank. Whether a sketch is used
    depends on the number of different keys alone, not on how they were merged.
    """

    name: str
    key: str
    exact_keys: int
    without: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns that make up a cell."""
        return (self.key,)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a frame."""
        return (self.key, SLOT, COUNT)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a batch that are needed."""
        return (self.key,)

    @property
    def additive(self) -> tuple[str, ...]:
        """None: there is more to a merge than to add up."""
        return ()

    def reduce(self, cells: Cells, columns: Columns) -> Reduced:
        """Count the events of each key."""
        return Reduced([pa.nulls(len(cells.counts), pa.int32()), pa.array(cells.counts)])

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add frames up; beyond `exact_keys` keys only the most frequent ones are kept."""
        if not frames:
            return pl.DataFrame(schema={self.key: pl.String, SLOT: pl.Int32, COUNT: pl.Int64})
        rows = pl.concat(frames, rechunk=False)
        keys = rows.filter(pl.col(self.key).is_not_null())
        if self.without is not None:
            keys = keys.filter(pl.col(self.key) != self.without)
        keys = keys.group_by(self.key).agg(pl.col(COUNT).sum())
        sketch = rows.filter(pl.col(SLOT) >= 0).select(SLOT, COUNT)
        if keys.height <= self.exact_keys and not sketch.height:
            return keys.select(self.key, pl.lit(None, pl.Int32).alias(SLOT), COUNT)
        sketch = pl.concat([sketch, self._sketched(keys)]).group_by(SLOT).agg(pl.col(COUNT).max())
        error = int(rows.filter(pl.col(SLOT) == _ERROR_SLOT)[COUNT].sum())
        if keys.height > self.exact_keys:
            # What the first key to go has is taken from all: so is what the merged parts lack.
            floor = int(keys[COUNT].top_k(self.exact_keys + 1).min())  # type: ignore[arg-type]
            keys = keys.with_columns(pl.col(COUNT) - floor).filter(pl.col(COUNT) > 0)
            error += floor
        lost = pl.DataFrame(
            {SLOT: [_ERROR_SLOT], COUNT: [error]}, schema={SLOT: pl.Int32, COUNT: pl.Int64}
        )
        return pl.concat([keys, sketch, lost], how="diagonal").select(self.columns)

    def close(self, merged: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the rows as they are."""
        return merged, 0

    def _sketched(self, keys: pl.DataFrame) -> pl.DataFrame:
        slots, ranks = _places(keys[self.key].to_arrow().cast(pa.string()))
        return pl.DataFrame({SLOT: slots, COUNT: ranks}, schema={SLOT: pl.Int32, COUNT: pl.Int64})


@dataclass(frozen=True, slots=True)
class Keys:
    """What a key table tells in the end: `distinct` keys, and their `counts` (`key`, `count`).

    Not `exact`: `distinct` is an estimate, and counts, of the frequent keys only, are too low by at
    most `count_error`.
    """

    distinct: int
    exact: bool
    counts: pl.DataFrame
    count_error: int


def keys_of(table: KeyTable, rows: pl.DataFrame) -> Keys:
    """Return what the final rows of a key table tell."""
    counts = rows.filter(pl.col(table.key).is_not_null()).select(table.key, COUNT)
    sketch = rows.filter(pl.col(SLOT) >= 0)
    if not sketch.height:
        return Keys(counts.height, True, counts, 0)
    ranks = np.zeros(_SLOTS, np.int64)
    ranks[sketch[SLOT].to_numpy()] = sketch[COUNT].to_numpy()
    error = int(rows.filter(pl.col(SLOT) == _ERROR_SLOT)[COUNT].sum())
    return Keys(round(_estimate(ranks)), False, counts, error)


def _places(keys: pa.StringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the slot of each key, and its rank there: 1 + the leading zeros of the other bits."""
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    hashes = stable_hashes(keys)
    slots = (hashes >> np.uint64(_RANK_BITS)).astype(np.int64)
    rest = hashes & np.uint64((1 << _RANK_BITS) - 1)
    # frexp's exponent of an integer below 2**53 is its number of bits, exactly.
    bits = np.frexp(rest.astype(np.float64))[1]
    return slots, (_RANK_BITS - bits + 1).astype(np.int64)


def _estimate(ranks: npt.NDArray[np.int64]) -> float:
    counts = np.bincount(ranks, minlength=_RANK_BITS + 2)
    size = float(_SLOTS)
    total = size * _tau(1.0 - counts[_RANK_BITS + 1] / size)
    for rank in range(_RANK_BITS, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += size * _sigma(counts[0] / size)
    return size * size / (2.0 * math.log(2.0) * total)


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    total, y, before = x, 1.0, -1.0
    while total != before:
        x *= x
        before = total
        total += x * y
        y += y
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    total, y, before = 1.0 - x, 1.0, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        y *= 0.5
        total -= (1.0 - x) ** 2 * y
    return total / 3.0

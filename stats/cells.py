"""Cells: the combinations of column values that occur in a batch, and what their rows add up to.

Columns come as codes (integers from 0), so that grouping is integer arithmetic over the whole
batch. Everything beyond the counts is computed only when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

_DENSE_CELLS_PER_ROW = 16
"""Up to here a place per possible combination is cheaper than sorting the ones that occur."""
_EXACT_IN_FLOAT = 1 << 53


class Cells:
    """The distinct combinations of `codes`; `codes[i]` has one entry a row, below `sizes[i]`."""

    def __init__(self, codes: Sequence[Int64Array], sizes: Sequence[int]) -> None:
        domain = math.prod(sizes)
        combinations: Int64Array | None = None
        if domain > np.iinfo(np.int64).max:
            # Too many to be numbered in 63 bits: those that occur are numbered instead.
            combinations, numbers = np.unique(np.stack(list(codes)), axis=1, return_inverse=True)
            packed, domain = numbers.reshape(-1).astype(np.int64), combinations.shape[1]
        else:
            packed = codes[0]
            for kind, size in zip(codes[1:], sizes[1:], strict=True):
                packed = packed * size + kind
        self._packed, self._domain = packed, domain
        self._dense = domain <= _DENSE_CELLS_PER_ROW * len(packed)
        self.counts: Int64Array
        """Rows of each cell."""
        if self._dense:
            dense = np.bincount(packed, minlength=domain)
            self._cells = np.flatnonzero(dense)
            self.counts = dense[self._cells]
        else:
            self._cells, self.counts = np.unique(packed, return_counts=True)
        self.kinds: list[Int64Array]
        """The codes of each cell, kind by kind."""
        if combinations is not None:
            self.kinds = list(combinations)
        else:
            cells, unpacked = self._cells, []
            for size in reversed(sizes[1:]):
                cells, kind = np.divmod(cells, size)
                unpacked.append(kind)
            self.kinds = [cells, *reversed(unpacked)]

    @cached_property
    def cell_of_row(self) -> Int64Array:
        """The cell of each row."""
        if self._dense:
            places = np.empty(self._domain, np.int64)
            places[self._cells] = np.arange(len(self._cells))
            return places[self._packed]
        return np.searchsorted(self._cells, self._packed)

    def sums(self, values: Int64Array) -> Int64Array:
        """Sum the values of each cell's rows, exactly as long as the sum fits in 63 bits."""
        largest = int(np.abs(values).max(initial=0))
        if largest * len(values) < _EXACT_IN_FLOAT:
            weighted = np.bincount(self.cell_of_row, values, minlength=len(self._cells))
            return weighted.astype(np.int64)
        exact = np.zeros(len(self._cells), np.int64)
        np.add.at(exact, self.cell_of_row, values)
        return exact

    def newest_rows(self, order: Int64Array) -> Int64Array:
        """Return the row of each cell that is last by `order`; of equal ones the last in place."""
        newest = np.empty(len(self._cells), np.int64)
        rows = np.argsort(order, kind="stable")
        newest[self.cell_of_row[rows]] = rows  # of several assignments the last one stands
        return newest

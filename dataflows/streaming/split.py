"""From a batch's columns to small count tables, one per window and key group.

Strings are turned into dictionary codes once per column and batch; from there on counting is
integer arithmetic, and only the distinct keys are hashed to their groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.timestamps import Int64Array
from stats.tables import COUNT, CountTable

_DENSE_CELLS_PER_ROW = 16
"""Up to here a count per possible combination is cheaper than sorting the ones that occur."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one table that belong to one window and one key group."""

    window_start_us: int
    table: int
    rows: pa.RecordBatch
    """A slice of the batch's table: columns as in `stats.tables`."""


class Splitter:
    """Splits batches by window and key group. Holds no state between batches."""

    def __init__(self, tables: Sequence[CountTable], window_us: int, key_groups: int) -> None:
        self._tables = tuple(tables)
        self._window_us = window_us
        self._key_groups = key_groups

    def split(
        self, columns: dict[str, pa.StringArray], event_time_us: Int64Array
    ) -> list[list[Piece]]:
        """Return the pieces of each key group, by group number; all groups are in the list."""
        groups: list[list[Piece]] = [[] for _ in range(self._key_groups)]
        if not len(event_time_us):
            return groups
        windows = event_time_us // self._window_us
        window_codes, starts = _codes_of_windows(windows)
        encoded: dict[str, tuple[npt.NDArray[np.int64], pa.StringArray]] = {}
        for number, table in enumerate(self._tables):
            for key in table.columns:
                if key not in encoded:
                    dictionary = columns[key].dictionary_encode()
                    indices = dictionary.indices.to_numpy().astype(np.int64)
                    encoded[key] = indices, dictionary.dictionary
            kinds = [encoded[key] for key in table.columns]
            codes, counts = _count(
                [window_codes, *(indices for indices, _ in kinds)],
                [len(starts), *(len(values) for _, values in kinds)],
            )
            rows = [
                values.take(pa.array(c)) for (_, values), c in zip(kinds, codes[1:], strict=True)
            ]
            group_of_key = key_groups_of(kinds[0][1], self._key_groups)
            batch = pa.RecordBatch.from_arrays([*rows, pa.array(counts)], [*table.columns, COUNT])
            self._distribute(groups, number, batch, group_of_key[codes[1]], codes[0], starts)
        return groups

    def _distribute(
        self,
        groups: list[list[Piece]],
        number: int,
        batch: pa.RecordBatch,
        group_of_row: npt.NDArray[np.int64],
        window_of_row: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
    ) -> None:
        """Cut a table's rows into pieces and hand each to its group."""
        shelf = group_of_row * len(starts) + window_of_row
        if self._key_groups * len(starts) <= np.iinfo(np.uint16).max:
            shelf = shelf.astype(np.uint16)  # numpy sorts 16-bit integers by radix
        order = np.argsort(shelf, kind="stable")
        sorted_rows = batch.take(pa.array(order))
        shelf = shelf[order]
        bounds = [0, *(np.flatnonzero(np.diff(shelf)) + 1).tolist(), len(shelf)]
        for begin, end in pairwise(bounds):
            group, window = divmod(int(shelf[begin]), len(starts))
            start_us = int(starts[window]) * self._window_us
            piece = sorted_rows.slice(begin, end - begin)
            groups[group].append(Piece(start_us, number, piece))


def _codes_of_windows(
    windows: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number the windows of a batch from 0; the second result is the window of each number."""
    lowest, highest = int(windows.min()), int(windows.max())
    if highest - lowest < 64:
        return windows - lowest, np.arange(lowest, highest + 1)
    distinct, codes = np.unique(windows, return_inverse=True)
    return codes.astype(np.int64), distinct


def _count(
    codes: Sequence[npt.NDArray[np.int64]], sizes: Sequence[int]
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """Count the combinations of codes that occur; `sizes[i]` is the number of codes of kind i.

    Returns the codes of each combination, kind by kind, and how often it occurs.
    """
    domain = math.prod(sizes)
    if domain > np.iinfo(np.int64).max:
        return _count_rows(codes)
    packed = codes[0]
    for kind, size in zip(codes[1:], sizes[1:], strict=True):
        packed = packed * size + kind
    if domain <= _DENSE_CELLS_PER_ROW * len(packed):
        dense = np.bincount(packed, minlength=domain)
        cells = np.flatnonzero(dense)
        counts = dense[cells]
    else:
        cells, counts = np.unique(packed, return_counts=True)
    unpacked = []
    for size in reversed(sizes[1:]):
        cells, kind = np.divmod(cells, size)
        unpacked.append(kind)
    return [cells, *reversed(unpacked)], counts


def _count_rows(
    codes: Sequence[npt.NDArray[np.int64]],
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """Count combinations that are too many to be numbered in 63 bits."""
    combinations, counts = np.unique(np.stack(codes), axis=1, return_counts=True)
    return list(combinations), counts

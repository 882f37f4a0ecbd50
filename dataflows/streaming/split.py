"""From a batch's columns to small count tables, one per window and key group.

Strings are turned into dictionary codes once per column and batch; from there on counting is
integer arithmetic, and only the distinct keys are hashed to their groups.
"""

from __future__ import annotations

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
            cells, counts = _count(
                window_codes, len(starts), [encoded[key] for key in table.columns]
            )
            self._distribute(groups, number, table, cells, counts, encoded, starts)
        return groups

    def _distribute(
        self,
        groups: list[list[Piece]],
        number: int,
        table: CountTable,
        cells: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        encoded: dict[str, tuple[npt.NDArray[np.int64], pa.StringArray]],
        starts: npt.NDArray[np.int64],
    ) -> None:
        codes: dict[str, npt.NDArray[np.int64]] = {}
        for key in reversed(table.columns):
            cells, codes[key] = np.divmod(cells, len(encoded[key][1]))
        first = table.keys[0]
        group_of_key = key_groups_of(encoded[first][1], self._key_groups)
        shelf = group_of_key[codes[first]] * len(starts) + cells  # cells: the window code is left
        if self._key_groups * len(starts) <= np.iinfo(np.uint16).max:
            shelf = shelf.astype(np.uint16)  # numpy sorts 16-bit integers by radix
        order = np.argsort(shelf, kind="stable")
        rows = pa.RecordBatch.from_arrays(
            [
                *(encoded[key][1].take(pa.array(codes[key][order])) for key in table.columns),
                pa.array(counts[order]),
            ],
            [*table.columns, COUNT],
        )
        shelf = shelf[order]
        bounds = [0, *(np.flatnonzero(np.diff(shelf)) + 1).tolist(), len(shelf)]
        for begin, end in pairwise(bounds):
            group, window = divmod(int(shelf[begin]), len(starts))
            start_us = int(starts[window]) * self._window_us
            groups[group].append(Piece(start_us, number, rows.slice(begin, end - begin)))


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
    window_codes: npt.NDArray[np.int64],
    window_count: int,
    keys: Sequence[tuple[npt.NDArray[np.int64], pa.StringArray]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the combinations that occur; each is one number, mixed-radix over the codes."""
    packed = window_codes
    domain = window_count
    for codes, dictionary in keys:
        packed = packed * len(dictionary) + codes
        domain *= len(dictionary)
    if domain <= _DENSE_CELLS_PER_ROW * len(packed):
        dense = np.bincount(packed, minlength=domain)
        cells = np.flatnonzero(dense)
        return cells, dense[cells]
    cells, counts = np.unique(packed, return_counts=True)
    return cells, counts

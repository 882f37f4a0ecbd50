"""Cuts batches of columns into pieces: the rows that they add to each table, window and key group.

Strings are turned into dictionary codes once per column and batch; from there on grouping is
integer arithmetic, and only the distinct keys are hashed to their groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.grouping import codes_of
from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.timestamps import Int64Array
from stats.cells import Cells
from stats.tables import EVENT_TIME_US, Columns, Table


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one table that belong to one window and one key group."""

    window_start_us: int
    table: int
    rows: pa.RecordBatch
    """A slice of the batch's table: columns as in `stats.tables`."""


class Splitter:
    """Splits batches by window and key group. Holds no state between batches."""

    def __init__(self, tables: Sequence[Table], window_us: int, key_groups: int) -> None:
        self._tables = tuple(tables)
        self._with_times = any(EVENT_TIME_US in table.inputs for table in tables)
        self._window_us = window_us
        self._key_groups = key_groups

    def split(self, columns: Columns, event_time_us: Int64Array) -> list[list[Piece]]:
        """Return the pieces of each key group, by group number; all groups are in the list."""
        groups: list[list[Piece]] = [[] for _ in range(self._key_groups)]
        if not len(event_time_us):
            return groups
        if self._with_times:
            columns = {**columns, EVENT_TIME_US: pa.array(event_time_us)}
        windows = event_time_us // self._window_us
        window_codes, starts = _codes_of_windows(windows)
        encoded: dict[str, tuple[Int64Array, pa.StringArray]] = {}
        for number, table in enumerate(self._tables):
            for key in table.texts:
                if key not in encoded:
                    encoded[key] = codes_of(columns[key])
            kinds = [encoded[key] for key in table.texts]
            cells = Cells(
                [window_codes, *(indices for indices, _ in kinds)],
                [len(starts), *(len(values) for _, values in kinds)],
            )
            reduced = table.reduce(cells, columns)
            codes = cells.kinds
            if reduced.cells is not None:
                codes = [kind[reduced.cells] for kind in codes]
            group_of_key = key_groups_of(kinds[0][1], self._key_groups)
            shelf = group_of_key[codes[1]] * len(starts) + codes[0]
            if self._key_groups * len(starts) <= np.iinfo(np.uint16).max:
                shelf = shelf.astype(np.uint16)  # numpy sorts 16-bit integers by radix
            order = np.argsort(shelf, kind="stable")
            texts = [
                values.take(pa.array(code[order]))
                for (_, values), code in zip(kinds, codes[1:], strict=True)
            ]
            numbers = [column.take(pa.array(order)) for column in reduced.columns]
            batch = pa.RecordBatch.from_arrays([*texts, *numbers], [*table.columns])
            self._distribute(groups, number, batch, shelf[order], starts)
        return groups

    def _distribute(
        self,
        groups: list[list[Piece]],
        number: int,
        batch: pa.RecordBatch,
        shelf: npt.NDArray[np.integer],
        starts: npt.NDArray[np.int64],
    ) -> None:
        """Cut a table's rows into pieces and hand each to its group.

        `shelf`, ascending, is the group and window of each row: group x windows + window.
        """
        bounds = [0, *(np.flatnonzero(np.diff(shelf)) + 1).tolist(), len(shelf)]
        for begin, end in pairwise(bounds):
            group, window = divmod(int(shelf[begin]), len(starts))
            start_us = int(starts[window]) * self._window_us
            groups[group].append(Piece(start_us, number, batch.slice(begin, end - begin)))


def _codes_of_windows(
    windows: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number the windows of a batch from 0; the second result is the window of each number."""
    lowest, highest = int(windows.min()), int(windows.max())
    if highest - lowest < 64:
        return windows - lowest, np.arange(lowest, highest + 1)
    distinct, codes = np.unique(windows, return_inverse=True)
    return codes.astype(np.int64), distinct

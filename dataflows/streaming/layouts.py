"""Batches of records read as columns straight from their bytes, by the layouts that they have.

What is read here is what the parser would have read, only in a third of the time, and nearly all of
it without Python's global lock. A record that fits no known layout, has escapes or control
characters, or numbers written in an unusual way, is left to the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from dataflows.streaming.layout import Layout, layout_of
from dataflows.streaming.native import available
from dataflows.streaming.native.record_bytes import CompiledBytes
from dataflows.streaming.record_bytes import Bools, Bounds, NumpyBytes, Places, RecordBytes
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import Role
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.values import Values

_Part = tuple[Int64Array, Places]
"""The rows of one layout, ascending, and the places of their values."""
_Column = tuple[Bounds, Bounds, Bools | None]
"""Where each value of a field begins and ends, and which are there; None for all."""

_MOST_LAYOUTS = 8
_TRIES = 3
"""Records of a batch that are looked at for a new layout, at most."""
_WORTH_ROWS = 64
"""Fewer rows than this are left to the parser."""
_WORTH_SHARE = 1 / 4
"""Where the layouts explain less of a batch, the next ones are left to the parser at once..."""
_LONGEST_PAUSE = 64
"""...up to so many of them."""
_Bytes: Callable[[Values], RecordBytes] = NumpyBytes
if available:
    _Bytes = CompiledBytes
_LARGEST_BATCH = (1 << 31) - 64


class Matched:
    """The records that fit: `rows[i]` is the place in the batch of entry i of each column."""

    def __init__(self, batch: RecordBytes, rows: Int64Array, places: Mapping[str, _Column]) -> None:
        self.rows = rows
        self._batch = batch
        self._places = places

    def texts(self, name: str) -> pa.StringArray | None:
        """Copy a field out; null where a record has not got it, None where no record has."""
        place = self._places.get(name)
        return None if place is None else self._batch.texts(*place)

    def times(self, name: str) -> Int64Array:
        """Return a required field as microseconds since the epoch, `INVALID_US` for no time."""
        begins, ends, _ = self._places[name]
        return self._batch.times(begins, ends)


class Layouts:
    """Knows the layouts of a topic partition. What it returns never depends on what it knows."""

    def __init__(self, roles: Mapping[str, Role], limits: Limits) -> None:
        self._roles = dict(roles)
        self._limits = limits
        self._known: list[Layout] = []
        self._pause = 0
        self._longest_pause = 1

    def match(self, values: Values) -> Matched | None:
        """Read the records that fit; None if there are none."""
        if self._pause:
            self._pause -= 1
            return None
        if not self._known and not self._learn(values, range(len(values))):
            return None
        if values.bounds[-1] > _LARGEST_BATCH:
            return None
        batch = _Bytes(values)
        fits = batch.plain_rows() & (values.lengths <= self._limits.max_message_bytes)
        left = np.flatnonzero(fits)
        parts: list[_Part] = []
        matched: dict[Layout, int] = {}
        tries = _TRIES
        unseen = list(self._known)
        while len(left) >= _WORTH_ROWS:
            if not unseen:
                learned = self._learn(values, left.tolist()) if tries else None
                if learned is None:
                    break
                unseen.append(learned)
                tries -= 1
            layout = unseen.pop(0)
            fits, places = batch.places(layout, left)
            matched[layout] = int(fits.sum())
            if matched[layout]:
                parts.append((left[fits], places))
                left = left[~fits]
        self._remember(matched, len(values))
        return self._joined(batch, parts) if parts else None

    def _learn(self, values: Values, rows: Sequence[int]) -> Layout | None:
        """Learn the layout of one of the first of these rows."""
        for row in rows[:_TRIES]:
            layout = layout_of(values[row] or b"", self._roles)
            if layout is not None and layout not in self._known:
                self._known.append(layout)
                return layout
        return None

    def _remember(self, matched: Mapping[Layout, int], rows: int) -> None:
        """Keep the layouts that explain most, and leave a topic alone in which none does."""
        self._known.sort(key=lambda layout: -matched.get(layout, 0))
        del self._known[_MOST_LAYOUTS:]
        if sum(matched.values()) >= rows * _WORTH_SHARE:
            self._longest_pause = 1
        else:
            self._pause = self._longest_pause
            self._longest_pause = min(2 * self._longest_pause, _LONGEST_PAUSE)

    def _joined(self, batch: RecordBytes, parts: list[_Part]) -> Matched:
        """Put the rows of all layouts in order."""
        if len(parts) == 1:
            ((rows, places),) = parts
            return Matched(batch, rows, {name: (*bounds, None) for name, bounds in places.items()})
        rows = np.concatenate([rows for rows, _ in parts])
        order = np.argsort(rows, kind="stable")
        columns: dict[str, _Column] = {}
        for name in self._roles:
            if not any(name in places for _, places in parts):
                continue
            # A record without the field has an empty place at its begin, so that places ascend.
            bounds = [
                places.get(name, (batch.starts[some], batch.starts[some])) for some, places in parts
            ]
            there = np.concatenate([np.full(len(some), name in places) for some, places in parts])
            begins, ends = (np.concatenate(side)[order] for side in zip(*bounds, strict=True))
            columns[name] = begins, ends, None if there.all() else there[order]
        return Matched(batch, rows[order], columns)

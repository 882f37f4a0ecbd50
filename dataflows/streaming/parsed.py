"""The records of a batch that are JSON of the schema, field by field, whoever has read them.

Some were read as columns by their layout, the others parsed to structs one by one; from here on
there is no difference.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataflows.streaming.layouts import Layouts
from dataflows.streaming.numbers import Floats, floats_of, optional_floats_of
from dataflows.streaming.record_parser import RecordParser
from dataflows.streaming.rejects import Reject
from dataflows.streaming.schema import Event
from dataflows.streaming.texts import TextColumns
from dataflows.streaming.timestamps import Int64Array, parse_timestamps
from dataflows.streaming.values import Values


class Parsed:
    """Columns over the records at `positions` of a batch, ascending."""

    def __init__(
        self,
        values: Values,
        layouts: Layouts | None,
        parser: RecordParser,
        texts: TextColumns,
        rejects: list[Reject],
    ) -> None:
        """Read the values; what is not accepted is added to `rejects`."""
        self._values = values
        self._parser = parser
        self._texts = texts
        self._matched = matched = (
            layouts.match(values) if layouts is not None and len(values) else None
        )
        self._rows: list[Event] = []
        self._order: pa.Array | None = None
        every = np.arange(len(values), dtype=np.int64)
        if matched is None:
            self._rows, self.positions = parser.parse(list(values), every, rejects)
        elif len(matched.rows) == len(values):
            self.positions = matched.rows
        else:
            left = np.ones(len(values), bool)
            left[matched.rows] = False
            rest = every[left]
            self._rows, parsed = parser.parse(values.picked(rest), rest, rejects)
            if not self._rows:
                self.positions = matched.rows
                return
            positions = np.concatenate([matched.rows, parsed])
            order = np.argsort(positions, kind="stable")
            self.positions = positions[order]
            self._order = pa.array(order)

    def original(self, row: int, name: str) -> object:
        """Return what a record has in a field, as the parser reads it."""
        return getattr(self._parser.parse_one(self._values[int(self.positions[row])]), name)

    def required_texts(self, name: str) -> pa.StringArray:
        """Return ids or names as texts."""
        return self._joined(name, lambda: self._texts.column_of(self._found(name)))

    def optional_texts(self, name: str) -> tuple[pa.StringArray, int]:
        """Return what may be texts, null where there is none.

        The second result is how many of the nulls stand for something that is no text.
        """
        slow, wrong = self._texts.optional_column_of(self._found(name))
        return self._joined(name, lambda: slow), wrong

    def numbers(self, name: str) -> Floats:
        """Return numbers as floats."""
        return self._joined_numbers(name, floats_of(self._found(name)))

    def optional_numbers(self, name: str) -> tuple[Floats, int]:
        """Return what may be numbers as floats, NaN where there is none.

        The second result is how many of those stand for something that is no number.
        """
        slow, wrong = optional_floats_of(self._found(name))
        return self._joined_numbers(name, slow), wrong

    def times(self, name: str) -> Int64Array:
        """Return times in microseconds since the epoch, `INVALID_US` where there is none."""
        if self._matched is None:
            return parse_timestamps(self._found(name))
        times = self._matched.times(name)
        if self._order is None:
            return times
        both = np.concatenate([times, parse_timestamps(self._found(name))])
        joined: Int64Array = both[self._order.to_numpy()]
        return joined

    def _found(self, name: str) -> list[Any]:
        return list(map(attrgetter(name), self._rows))

    def _joined(self, name: str, slow: Any) -> pa.StringArray:
        if self._matched is None:
            return slow()
        fast = self._matched.texts(name)
        if fast is None:
            fast = pa.nulls(len(self._matched.rows), pa.string())
        if self._order is None:
            return fast
        return pa.concat_arrays([fast, slow()]).take(self._order)

    def _joined_numbers(self, name: str, slow: Floats) -> Floats:
        if self._matched is None:
            return slow
        texts = self._matched.texts(name)
        fast: Floats
        if texts is None:
            fast = np.full(len(self._matched.rows), np.nan)
        else:
            fast = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
        if self._order is None:
            return fast
        joined: Floats = np.concatenate([fast, slow])[self._order.to_numpy()]
        return joined

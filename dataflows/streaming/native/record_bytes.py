"""The bytes of a batch, read by the compiled half: the same as `NumpyBytes`, in one pass."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from dataflows.streaming.layout import Kind, Layout
from dataflows.streaming.native import compiled
from dataflows.streaming.record_bytes import Bools, Bounds, Places
from dataflows.streaming.timestamps import INVALID_US, Int64Array, parse_timestamp
from dataflows.streaming.values import Values

_KINDS = {Kind.TEXT: 0, Kind.DIGITS: 1, Kind.DECIMAL: 2}
"""As in records.h."""


class CompiledBytes:
    """The bytes of a batch, record after record."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.starts = values.bounds[:-1]

    def plain_rows(self) -> Bools:
        """Tell which records may have a layout: only `places` looks at them."""
        return np.ones(len(self._values), bool)

    def places(self, layout: Layout, rows: Int64Array) -> tuple[Bools, Places]:
        """Tell which rows have the layout, and of those where each value begins and ends."""
        count = len(layout.values)
        fits = np.empty(len(rows), bool)
        begins = np.empty((count, len(rows)), np.int32)
        ends = np.empty((count, len(rows)), np.int32)
        compiled.match(
            self._values.joined, self._values.bounds, rows, *_program(layout), fits, begins, ends
        )
        if not fits.all():
            begins, ends = begins[:, fits], ends[:, fits]
        return fits, {value.name: (begins[at], ends[at]) for at, value in enumerate(layout.values)}

    def texts(self, begins: Bounds, ends: Bounds, there: Bools | None = None) -> pa.StringArray:
        """Copy the given places out as a column; null where `there` is false."""
        offsets, texts = compiled.texts(
            self._values.joined,
            np.ascontiguousarray(begins, np.int32),
            np.ascontiguousarray(ends, np.int32),
        )
        valid = None if there is None else pa.py_buffer(np.packbits(there, bitorder="little"))
        return pa.StringArray.from_buffers(
            len(begins), pa.py_buffer(offsets), pa.py_buffer(texts), valid
        )

    def times(self, begins: Bounds, ends: Bounds) -> Int64Array:
        """Parse the texts at the given places; what is unusual goes through `parse_timestamp`."""
        found = np.empty(len(begins), np.int64)
        compiled.times(
            self._values.joined,
            np.ascontiguousarray(begins, np.int32),
            np.ascontiguousarray(ends, np.int32),
            found,
        )
        for row in np.flatnonzero(found == INVALID_US).tolist():
            text = self._values.joined[int(begins[row]) : int(ends[row])].decode()
            parsed = parse_timestamp(text)
            if parsed is not None:
                found[row] = parsed
        return found


@lru_cache(maxsize=256)
def _program(layout: Layout) -> tuple[bytes, Int64Array, bytes]:
    """Return the fixed bytes one after the other, where each ends, and the kinds of the values."""
    fixed = b"".join(each.content for each in layout.fixed) + bytes(compiled.PADDING)
    ends = np.cumsum([each.length for each in layout.fixed], dtype=np.int64)
    return fixed, ends, bytes(_KINDS[value.kind] for value in layout.values)

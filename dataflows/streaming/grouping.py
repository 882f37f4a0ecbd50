"""Grouping by texts: which distinct ones there are, and what their rows add up to.

By the compiled half where it is built, else by Arrow and polars.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from dataflows.streaming.native import available, compiled
from dataflows.streaming.packing import frame_of
from dataflows.streaming.timestamps import Int64Array
from stats.tables import added_up as frames_added_up

_SEED = secrets.randbits(64)
"""Nobody can choose keys that are all in one place of a hash table."""
_MOST_BYTES = 1 << 30
"""More might not fit in 32-bit offsets."""


def codes_of(texts: pa.StringArray) -> tuple[Int64Array, pa.StringArray]:
    """Number the distinct texts from 0: return the number of each row, and the texts by number."""
    if not available:
        encoded = texts.dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary
    _, offsets, data = texts.buffers()
    codes, distinct = compiled.distinct(offsets, data, texts.offset, len(texts), _SEED)
    return np.frombuffer(codes, np.int64), _texts_of(*distinct)


def added_up(tables: Sequence[pa.Table], texts: Sequence[str], numbers: Sequence[str]) -> pa.Table:
    """Add the numbers of rows up that have the same texts; the order of rows is unspecified.

    The columns `texts` are String or LargeString, `numbers` Int64; none has nulls.
    """
    if not available or sum(table.nbytes for table in tables) > _MOST_BYTES:
        sums = frames_added_up([frame_of(table) for table in tables], texts, numbers)
        return sums.to_arrow(compat_level=pl.CompatLevel.oldest())
    parts = [
        part for table in tables for part in _parts(table.select([*texts, *numbers]), len(texts))
    ]
    groups, keys, sums_of = compiled.add_up(parts, len(texts), len(numbers), _SEED)
    columns = [
        *(_texts_of(*key) for key in keys),
        *(pa.Array.from_buffers(pa.int64(), groups, [None, pa.py_buffer(s)]) for s in sums_of),
    ]
    return pa.Table.from_arrays(columns, names=[*texts, *numbers])


def _parts(
    table: pa.Table, texts: int
) -> list[tuple[int, list[tuple[pa.Buffer, pa.Buffer | None, int]], list[tuple[pa.Buffer, int]]]]:
    """Return the rows as the compiled half takes them."""
    found = []
    for batch in table.to_batches():
        keys = [_short(column) for column in batch.columns[:texts]]
        sums = batch.columns[texts:]
        found.append(
            (
                batch.num_rows,
                [(*key.buffers()[1:], key.offset) for key in keys],
                [(number.buffers()[1], number.offset) for number in sums],
            )
        )
    return found


def _short(column: pa.Array) -> pa.StringArray:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _texts_of(offsets: bytes, data: bytes) -> pa.StringArray:
    count = len(offsets) // 4 - 1
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data))

"""Cells against counting by hand: dense, sparse, and too many for 63 bits."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.cells import Cells

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(-(10**6), 10**6)),
    min_size=1,
    max_size=50,
)


@pytest.mark.parametrize("size", [5, 10**6, 10**12])
@settings(deadline=None)
@given(rows=ROWS)
def test_counts_sums_and_newest_rows(size: int, rows: list[tuple[int, int, int]]) -> None:
    left, right, values = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    cells = Cells([left, right], [4, size])
    names = list(zip(*(kind.tolist() for kind in cells.kinds), strict=True))
    pairs = [(a, b) for a, b, _ in rows]
    assert dict(zip(names, cells.counts.tolist(), strict=True)) == Counter(pairs)

    sums: dict[tuple[int, int], int] = defaultdict(int)
    newest: dict[tuple[int, int], int] = {}
    for place, (a, b, value) in enumerate(rows):
        sums[a, b] += value
        if (a, b) not in newest or value >= rows[newest[a, b]][2]:
            newest[a, b] = place
    assert dict(zip(names, cells.sums(values).tolist(), strict=True)) == sums
    assert dict(zip(names, cells.newest_rows(values).tolist(), strict=True)) == newest
    assert [names[cell] for cell in cells.cell_of_row.tolist()] == pairs


def test_more_combinations_than_63_bits_can_number() -> None:
    codes = np.array([0, 1, 1, 0], np.int64)
    cells = Cells([codes, codes, codes], [1 << 40, 1 << 40, 2])
    assert cells.counts.tolist() == [2, 2]
    assert cells.sums(np.array([1, 2, 3, 4], np.int64)).tolist() == [5, 5]


def test_sums_are_exact_where_a_float_is_not() -> None:
    large = (1 << 53) + 1
    cells = Cells([np.array([0, 0, 1], np.int64)], [2])
    assert cells.sums(np.array([large, 2, -large], np.int64)).tolist() == [large + 2, -large]

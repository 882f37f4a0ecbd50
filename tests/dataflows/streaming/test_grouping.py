"""Grouping by texts, compiled and by Arrow and polars: the same groups, the same sums."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming import grouping
from dataflows.streaming.grouping import added_up, codes_of
from dataflows.streaming.native import compiled

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ALIKE = st.sampled_from(
    ["", "a", "a\0", "ab", "abcd", "abcde", "x" * 8, "x" * 16, "x" * 17, "x" * 40]
)


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "python"])
def _both_halves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "available", request.param)


def sliced(texts: Sequence[str], before: int) -> pa.StringArray:
    """Return texts as the rest of a longer column."""
    return pa.array(["before"] * before + list(texts), pa.string()).slice(before)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS | ALIKE, max_size=60), st.integers(0, 3))
def test_each_text_has_its_number(texts: list[str], before: int) -> None:
    codes, distinct = codes_of(sliced(texts, before))
    assert codes.dtype == np.int64
    assert distinct.take(pa.array(codes)).to_pylist() == texts
    assert sorted(distinct.to_pylist()) == sorted(set(texts))
    distinct.validate(full=True)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 511, 512, 513, 100_000])
def test_many_texts_are_numbered(count: int) -> None:
    texts = [f"text-{number}" for number in range(count)]
    random.Random(count).shuffle(texts)
    codes, distinct = codes_of(pa.array(texts + texts, pa.string()))
    assert len(distinct) == count
    assert codes.tolist() == list(range(count)) * 2
    assert distinct.to_pylist() == texts


ROWS = st.lists(
    st.tuples(TEXTS | ALIKE, ALIKE, st.integers(0, 2**40), st.integers(-(2**40), 2**40)),
    max_size=30,
)


def table_of(rows: Sequence[tuple[str, str, int, int]], kind: Any, before: int) -> pa.Table:
    """Return rows as a slice of a table with a column of no interest."""
    padded = [("before", "", 1, 1)] * before + list(rows)
    keys, names, counts, cents = zip(*padded, strict=True) if padded else ((), (), (), ())
    columns = {
        "cents": pa.array(cents, pa.int64()),
        "other": pa.array([None] * len(padded), pa.float64()),
        "name": pa.array(names, kind),
        "count": pa.array(counts, pa.int64()),
        "key": pa.array(keys, kind),
    }
    return pa.table(columns).slice(before)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(ROWS, st.sampled_from([pa.string(), pa.large_string()]), st.integers(0, 2)),
        min_size=1,
        max_size=5,
    )
)
def test_rows_are_added_up_by_their_texts(parts: list[tuple[Any, Any, int]]) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for rows, _, _ in parts:
        for key, name, count, cent in rows:
            counts[key, name] += count
            cents[key, name] += cent
    found = added_up([table_of(*part) for part in parts], ["key", "name"], ["count", "cents"])
    assert found.column_names == ["key", "name", "count", "cents"]
    rows_found = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    assert sorted(rows_found) == sorted((*key, counts[key], cents[key]) for key in counts)
    found.validate(full=True)


def test_a_hundred_thousand_keys_are_added_up() -> None:
    rng = random.Random(7)
    rows = [(f"user-{rng.randrange(60_000)}", rng.choice("ab"), 1, 2) for _ in range(200_000)]
    parts = [table_of(rows[at : at + 1_234], pa.string(), 1) for at in range(0, len(rows), 1_234)]
    found = added_up(parts, ["key", "name"], ["count", "cents"])
    wanted = Counter((key, name) for key, name, _, _ in rows)
    keys = zip(found["key"].to_pylist(), found["name"].to_pylist(), strict=True)
    assert dict(zip(keys, found["count"].to_pylist(), strict=True)) == wanted
    assert found["cents"].to_pylist() == [2 * count for count in found["count"].to_pylist()]


OFFSETS = np.array([0, 1, 3], np.int32)
NUMBERS = np.array([5, 6], np.int64)


@pytest.mark.parametrize(
    ("offsets", "data", "first", "rows"),
    [
        (OFFSETS, b"abc", 0, 3),
        (OFFSETS, b"abc", 2, 1),
        (OFFSETS, b"abc", -1, 1),
        (OFFSETS, b"abc", 0, -1),
        (OFFSETS, b"ab", 0, 2),
        (OFFSETS, None, 0, 2),
        (np.array([2, 1], np.int32), b"abc", 0, 1),
        (np.array([-1, 1], np.int32), b"abc", 0, 1),
        (b"abc", b"abc", 0, 0),
    ],
)
def test_texts_outside_are_refused(offsets: Any, data: Any, first: int, rows: int) -> None:
    part = (rows, [(offsets, data, first)], [(NUMBERS, 0)])
    for call in (
        lambda: compiled.distinct(offsets, data, first, rows, 1),
        lambda: compiled.key_groups(offsets, data, first, rows, 4),
        lambda: compiled.add_up([part], 1, 1, 1),
    ):
        with pytest.raises(ValueError, match=r"outside|no array|do not belong"):
            call()


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ((3, [(OFFSETS, b"abc", 0)], [(NUMBERS, 0)]), ValueError),
        ((2, [(OFFSETS, b"abc", 0)], [(NUMBERS, 1)]), ValueError),
        ((2, [(OFFSETS, b"abc", 0)], [(NUMBERS, -1)]), ValueError),
        ((2, [(OFFSETS, b"abc", 0)], []), ValueError),
        ((2, [], [(NUMBERS, 0)]), ValueError),
        ((2, [(OFFSETS, b"abc", 0)], [(b"123", 0)]), ValueError),
        ((2, [(OFFSETS, b"abc")], [(NUMBERS, 0)]), TypeError),
        ([2], TypeError),
    ],
)
def test_parts_that_do_not_fit_are_refused(part: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        compiled.add_up([part], 1, 1, 1)

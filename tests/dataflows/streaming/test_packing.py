"""Rows as bytes: nothing is lost, and little is taken."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.packing import pack_frame, unpack_frame
from stats.tables import CountTable

TABLE = CountTable("t", ("key", "name"))


def frame(counts: dict[str, int]) -> pl.DataFrame:
    rows = [(key, "n", count) for key, count in counts.items()]
    return pl.DataFrame(rows, schema=TABLE.empty().schema, orient="row")


@pytest.mark.parametrize("counts", [{}, {"a": 1}, {"ü.😀": 2**50, "": 1}])
def test_frames_come_back_from_bytes(counts: dict[str, int]) -> None:
    table = frame(counts)
    assert unpack_frame(pack_frame(table)).equals(table)
    assert unpack_frame(pack_frame(table)).schema == table.schema


@pytest.mark.parametrize("length", [0, 1])
def test_slices_are_packed_without_the_rest(length: int) -> None:
    large = frame({f"key-{n}": n + 1 for n in range(10_000)})
    packed = pack_frame(large.slice(5, length))
    assert len(packed) < 5_000
    assert unpack_frame(packed).equals(large.slice(5, length))


VALUES = {
    "key": st.text(max_size=3) | st.none(),
    "number": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1) | st.none(),
    "count": st.sampled_from([0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]),
    "kept": st.booleans(),
    "slot": st.integers(-1, 9),
}
DTYPES = {
    "key": pl.String(),
    "number": pl.Int64(),
    "count": pl.Int64(),
    "kept": pl.Boolean(),
    "slot": pl.Int32(),
}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.fixed_dictionaries(VALUES), max_size=5), st.sampled_from([1, 1_000]))
def test_nothing_is_lost_by_being_narrow(rows: list[dict[str, object]], times: int) -> None:
    table = pl.DataFrame(rows * times, schema=DTYPES, orient="row")
    assert unpack_frame(pack_frame(table)).equals(table)
    assert unpack_frame(pack_frame(table)).schema == table.schema


def test_texts_that_repeat_and_small_numbers_take_a_byte() -> None:
    rows = 100_000
    few = pl.DataFrame({"name": ["a name of twenty-one"] * rows, "count": [7] * rows})
    assert len(pack_frame(few)) < 3 * rows
    # Few at first only: more texts than there are numbers.
    late = pl.DataFrame({"name": [f"{max(0, n - 5_000)}" for n in range(rows)]})
    assert unpack_frame(pack_frame(late)).equals(late)

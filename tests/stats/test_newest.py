"""Newest tables: of each key the newest event, however the events were cut, merged and ordered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.cells import Cells
from stats.newest import NewestTable
from stats.tables import EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION

TABLE = NewestTable("newest", ("place",), labels=("kind",), numbers=("stock",))
Row = tuple[str, int, int, int, str, int]
"""Place, event time, offset, partition, kind, stock."""


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLE.merge([]).schema, orient="row")


def reduced(rows: Sequence[Row]) -> pl.DataFrame:
    """Return what a batch adds: of one partition, in offset order."""
    names, codes = np.unique([row[0] for row in rows], return_inverse=True)
    columns = {
        name: pa.array([row[at] for row in rows]) for at, name in enumerate(TABLE.columns) if at
    }
    cells = Cells([codes.astype(np.int64)], [len(names)])
    made = TABLE.reduce(cells, columns)
    assert made.cells is None
    places = pa.array(names[cells.kinds[0]])
    return frame([*zip(*(c.to_pylist() for c in (places, *made.columns)), strict=True)])


def newest(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the newest by place: by event time, then offset, then partition."""
    found: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row[1:4]):
        found[row[0]] = row
    return found


def content(table: pl.DataFrame) -> dict[str, Row]:
    rows: list[Row] = list(table.select(TABLE.columns).iter_rows())
    found = {row[0]: row for row in rows}
    assert len(found) == len(rows)
    return found


@st.composite
def batches(draw: st.DrawFn) -> list[list[Row]]:
    """Draw batches of several partitions: offsets of a partition grow, times do what they like."""
    offsets = [0, 0, 0]
    made: list[list[Row]] = []
    for _ in range(draw(st.integers(0, 6))):
        partition = draw(st.integers(0, 2))
        batch: list[Row] = []
        for _ in range(draw(st.integers(1, 8))):
            place, time = draw(st.sampled_from("abc")), draw(st.integers(-2, 3))
            number = len(made) * 100 + len(batch)
            batch.append((place, time, offsets[partition], partition, f"k{number}", number))
            offsets[partition] += draw(st.integers(1, 3))
        made.append(batch)
    return made


@settings(max_examples=150, deadline=None)
@given(batches(), st.randoms(), st.integers(0, 6))
def test_any_way_of_cutting_and_merging_gives_the_newest(
    parts: list[list[Row]], random: np.random.Generator, cut: int
) -> None:
    wanted = newest([row for part in parts for row in part])
    frames = [reduced(part) for part in parts]
    assert content(TABLE.merge(frames)) == wanted
    random.shuffle(frames)
    nested = TABLE.merge([TABLE.merge(frames[:cut]), TABLE.merge(frames[cut:])])
    assert content(nested) == wanted
    assert TABLE.close(nested) == (nested, 0)


def test_of_equal_times_the_later_offset_counts() -> None:
    older, newer = ("a", 5, 1, 0, "x", 1), ("a", 5, 2, 0, "y", 2)
    for rows in ([older, newer], [newer, older]):
        assert content(TABLE.merge([frame([row]) for row in rows])) == {"a": newer}


def test_a_later_offset_does_not_beat_a_later_time() -> None:
    newer, older = ("a", 6, 1, 0, "x", 1), ("a", 5, 2, 0, "y", 2)
    assert content(reduced([newer, older])) == {"a": newer}


def test_merging_nothing_is_the_empty_table_and_it_is_neutral() -> None:
    some = frame([("a", 1, 1, 0, "x", 1)])
    assert TABLE.merge([]).schema == TABLE.merge([some]).schema
    assert content(TABLE.merge([TABLE.merge([]), some])) == content(some)


def test_it_asks_for_time_offset_and_partition() -> None:
    assert {EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION} < set(TABLE.inputs)

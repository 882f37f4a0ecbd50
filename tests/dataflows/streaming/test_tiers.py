"""Rows in tiers: the sum of what was added, whatever happens between."""

from __future__ import annotations

from collections import Counter
from itertools import cycle

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming import grouping
from dataflows.streaming.packing import unpack_frame
from dataflows.streaming.tiers import Tiers
from stats.tables import CountTable

TABLE = CountTable("t", ("key", "name"))


def piece(counts: dict[str, int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"key": list(counts), "name": ["n"] * len(counts), "count": list(counts.values())},
        pa.schema({"key": pa.string(), "name": pa.string(), "count": pa.int64()}),
    )


def content(table: pl.DataFrame) -> dict[str, int]:
    found = {key: count for key, _, count in table.iter_rows()}
    assert len(found) == table.height
    return found


class Eager(Tiers):
    MERGE_ABOVE_ROWS = 2
    __slots__ = ()


STEPS = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), max_size=6),
        st.sampled_from(["merged", "resume", "settle", "other half"]),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.sampled_from([Tiers, Eager]))
def test_tiers_hold_the_sum_whatever_happens_between(
    steps: list[dict[str, int] | str], kind: type[Tiers]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        follow(steps, kind, monkeypatch)


def follow(
    steps: list[dict[str, int] | str], kind: type[Tiers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Follow the steps, on either half."""
    halves = cycle([False, True])
    tiers = kind(TABLE)
    wanted: Counter[str] = Counter()
    for step in steps:
        if isinstance(step, dict):
            tiers.add(piece(step))
            wanted.update(step)
        elif step == "merged":
            assert content(tiers.merged()) == wanted
        elif step == "settle":
            tiers.settle()
        elif step == "other half":
            monkeypatch.setattr(grouping, "available", next(halves))
        else:
            tiers = kind(TABLE, tiers.packed())
    assert content(tiers.merged()) == wanted
    assert content(TABLE.merge([TABLE.empty(), *map(unpack_frame, tiers.packed())])) == wanted


def test_many_rows_are_merged_on_the_way_and_right() -> None:
    tiers = Tiers(TABLE)
    for step in range(30):
        tiers.add(piece({f"k{step % 3}-{n}": 1 for n in range(1_000)}))
    assert content(tiers.merged()) == {f"k{k}-{n}": 10 for k in range(3) for n in range(1_000)}


def test_what_was_packed_is_independent_of_what_is_added_later() -> None:
    tiers = Tiers(TABLE)
    tiers.add(piece({"a": 1}))
    packed = tiers.packed()
    tiers.add(piece({"a": 5}))
    assert content(Tiers(TABLE, packed).merged()) == {"a": 1}
    assert content(Tiers(TABLE, tiers.packed()).merged()) == {"a": 6}


def test_tiers_grow_so_that_few_are_packed_anew() -> None:
    tiers = Eager(TABLE)
    known: set[bytes] = set()
    packed_bytes = 0
    for step in range(64):
        tiers.add(piece({f"k{step}-{n}": 1 for n in range(100)}))
        packed = tiers.packed()
        packed_bytes += sum(len(data) for data in packed if data not in known)
        known.update(packed)
        assert len(packed) <= 8
        assert tiers.rows == 100 * (step + 1)
    # Each row is packed a few times, not once a snapshot.
    assert packed_bytes < 12 * sum(map(len, tiers.packed()))


def test_a_few_rows_are_packed_as_they_come_and_once() -> None:
    tiers = Tiers(TABLE)
    tiers.add(piece({"a": 1, "b": 1}))
    tiers.add(piece({"a": 1}))
    (packed,) = tiers.packed()
    assert tiers.rows == 3
    assert tiers.packed()[0] is packed
    resumed = Tiers(TABLE, [packed])
    assert resumed.rows == 3
    assert content(resumed.merged()) == content(tiers.merged()) == {"a": 2, "b": 1}
    tiers.add(piece({"b": 1}))
    assert content(Tiers(TABLE, tiers.packed()).merged()) == {"a": 2, "b": 2}


def test_what_does_not_grow_any_more_is_merged() -> None:
    tiers = Tiers(TABLE)
    for step in range(8):
        tiers.add(piece({f"k{n}": 1 for n in range(100)}))
        tiers.settle()
        assert tiers.rows == 100 * (step + 1)
    tiers.add(piece({"k1": 1}))
    tiers.settle()
    assert tiers.rows == 100
    assert content(tiers.merged()) == {f"k{n}": 8 + (n == 1) for n in range(100)}


def test_rows_counts_what_waits_and_what_is_merged() -> None:
    tiers = Tiers(TABLE)
    tiers.add(piece({"a": 1, "b": 1}))
    tiers.add(piece({"a": 1}))
    assert tiers.rows == 3
    tiers.compact()
    assert tiers.rows == 2

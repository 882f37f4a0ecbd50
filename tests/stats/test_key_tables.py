"""Key tables: exact up to their limit; beyond, within the bounds of the sketches, and saying so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.tiers import Tiers
from stats.cells import Cells
from stats.distinct import SLOT, Keys, KeyTable, keys_of
from stats.tables import COUNT

EXACT = 6
TABLE = KeyTable("devices", "device", EXACT, without="unknown")
DEVICES = st.sampled_from([f"d{n}" for n in range(24)] + ["unknown", "ü", "d 1", "$d.1"])
FEW = st.sampled_from([f"d{n}" for n in range(EXACT)] + ["unknown"])
STANDARD_ERROR = 1.04 / math.sqrt(4096)


def frame(keys: Iterable[str], table: KeyTable = TABLE) -> pl.DataFrame:
    """Return the rows that a batch adds."""
    counts = Counter(keys)
    return pl.DataFrame(
        {table.key: list(counts), SLOT: [None] * len(counts), COUNT: list(counts.values())},
        schema={table.key: pl.String, SLOT: pl.Int32, COUNT: pl.Int64},
    )


def cut(keys: Sequence[str], places: Iterable[int]) -> list[pl.DataFrame]:
    bounds = [0, *sorted(place % (len(keys) + 1) for place in places), len(keys)]
    return [frame(keys[a:b]) for a, b in pairwise(bounds)]


def final(merged: pl.DataFrame) -> Keys:
    rows, duplicates = TABLE.close(merged)
    assert duplicates == 0
    return keys_of(TABLE, rows)


def assert_within_bounds(found: Keys, keys: Sequence[str]) -> None:
    """What every key table must hold, whether it is exact or not."""
    truth = Counter(key for key in keys if key != "unknown")
    assert found.exact == (len(truth) <= EXACT)
    counts = dict(found.counts.iter_rows())
    assert len(counts) == found.counts.height
    if found.exact:
        assert (found.distinct, counts, found.count_error) == (len(truth), truth, 0)
        return
    # So few keys hardly ever share a slot: the estimate is the number itself, or one beside it.
    assert abs(found.distinct - len(truth)) <= 1
    assert found.count_error <= truth.total() / (EXACT + 1)
    assert len(counts) <= EXACT
    assert counts.keys() <= truth.keys()
    for key, count in truth.items():
        assert count - found.count_error <= counts.get(key, 0) <= count


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.lists(DEVICES, max_size=120), st.lists(FEW, max_size=60)),
    st.lists(st.integers(0, 200), max_size=6),
    st.randoms(use_true_random=False),
)
def test_any_cut_and_any_order_of_merging_is_within_the_bounds(
    keys: list[str], places: list[int], random: Random
) -> None:
    frames = cut(keys, places)
    assert_within_bounds(final(TABLE.merge(frames)), keys)
    one_by_one = TABLE.merge([])
    for each in frames:
        one_by_one = TABLE.merge([one_by_one, each])
    assert_within_bounds(final(one_by_one), keys)
    random.shuffle(frames)
    middle = len(frames) // 2
    nested = TABLE.merge([TABLE.merge(frames[middle:]), TABLE.merge(frames[:middle])])
    assert_within_bounds(final(nested), keys)


@settings(max_examples=100, deadline=None)
@given(st.lists(DEVICES, max_size=120), st.lists(st.integers(0, 200), max_size=6))
def test_number_of_keys_and_its_exactness_do_not_depend_on_the_cut(
    keys: list[str], places: list[int]
) -> None:
    whole = final(TABLE.merge([frame(keys)]))
    merged = TABLE.merge([])
    for each in cut(keys, places):
        merged = TABLE.merge([each, merged])
    assert (final(merged).distinct, final(merged).exact) == (whole.distinct, whole.exact)


@settings(max_examples=60, deadline=None)
@given(st.lists(DEVICES, max_size=80), st.lists(DEVICES, max_size=80))
def test_a_restart_between_batches_changes_nothing(before: list[str], after: list[str]) -> None:
    schema = pa.schema([("device", pa.string()), (SLOT, pa.int32()), (COUNT, pa.int64())])
    straight, stopped = Tiers(TABLE), Tiers(TABLE)
    for keys in (before, after):
        for rows in frame(keys).to_arrow().cast(schema).to_batches():
            straight.add(rows)
            stopped.add(rows)
        stopped = Tiers(TABLE, stopped.packed())
    once, twice = final(straight.merged()), final(stopped.merged())
    assert (once.distinct, once.exact) == (twice.distinct, twice.exact)
    assert_within_bounds(twice, [*before, *after])


def test_a_batch_is_reduced_to_one_row_a_key() -> None:
    cells = Cells([np.array([0, 1, 0, 0])], [2])
    reduced = TABLE.reduce(cells, {"device": pa.array(["a", "b", "a", "a"])})
    assert reduced.cells is None
    assert [column.to_pylist() for column in reduced.columns] == [[None, None], [3, 1]]


def test_nothing_merges_to_nothing_and_is_neutral() -> None:
    some = frame(["a", "b", "a"])
    assert final(TABLE.merge([])).distinct == 0
    assert final(TABLE.merge([TABLE.merge([]), some])).distinct == 2
    assert final(TABLE.merge([frame(["unknown"])])).counts.height == 0


def test_a_key_of_most_events_is_found_among_very_many() -> None:
    keys = [f"x{n}" for n in range(5_000)] + ["hot"] * 2_000
    parts = [keys[start::7] for start in range(7)]
    merged = TABLE.merge([])
    for part in parts:
        merged = TABLE.merge([merged, frame(part)])
    found = final(merged)
    counts = dict(found.counts.iter_rows())
    assert 2_000 - found.count_error <= counts["hot"] <= 2_000
    assert found.count_error <= 1_000


def test_memory_does_not_grow_with_the_number_of_keys() -> None:
    merged = TABLE.merge([])
    for start in range(0, 60_000, 10_000):
        merged = TABLE.merge([merged, frame(f"k{n}" for n in range(start, start + 10_000))])
    assert merged.height <= 4096 + EXACT + 1


def test_the_keys_of_one_group_are_estimated_as_well_as_any() -> None:
    keys = pa.array([f"k{number}" for number in range(160_000)])
    own = keys.filter(pa.array(key_groups_of(keys, 16) == 3)).to_pylist()
    found = final(TABLE.merge([frame(own)]))
    assert abs(found.distinct / len(own) - 1) < 3 * STANDARD_ERROR


@pytest.mark.parametrize("size", [300, 3_000, 100_000])
def test_estimates_are_off_by_no_more_than_the_standard_error_says(size: int) -> None:
    errors = []
    for salt in range(8):
        merged = TABLE.merge([frame(f"{salt}/{number}" for number in range(size))])
        errors.append(final(merged).distinct / size - 1)
    assert max(map(abs, errors)) < 3.5 * STANDARD_ERROR
    assert math.sqrt(sum(error**2 for error in errors) / len(errors)) < 1.5 * STANDARD_ERROR
    assert abs(sum(errors) / len(errors)) < STANDARD_ERROR

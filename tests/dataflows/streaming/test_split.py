"""Splitting: every event is counted once, in its window and in its key's group."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.split import Splitter
from stats.tables import COUNT, CountTable
from tests.dataflows.streaming.making import rows_of

TABLES = (CountTable("by_user", ("user", "kind")), CountTable("by_kind", ("kind",)))
WINDOW = 10
Event = tuple[str, str, int]

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3", "ü", "😀" * 9, "$a.b"]),
        st.sampled_from(["view", "buy", "v.1"]),
        st.one_of(st.integers(-40, 60), st.integers(-(10**15), 10**15)),
    ),
    max_size=60,
)


def found(
    splitter: Splitter, events: list[Event], key_groups: int
) -> Counter[tuple[int, int, tuple[str, ...]]]:
    """Return the counts by table, window start and key; checks the group of each piece."""
    columns = {
        "user": pa.array([event[0] for event in events], pa.string()),
        "kind": pa.array([event[1] for event in events], pa.string()),
    }
    groups = splitter.split(columns, np.array([event[2] for event in events], np.int64))
    assert len(groups) == key_groups
    counts: Counter[tuple[int, int, tuple[str, ...]]] = Counter()
    for group, pieces in enumerate(groups):
        seen = [(piece.window_start_us, piece.table) for piece in pieces]
        assert len(set(seen)) == len(seen), "a window and table comes once a group"
        for piece in pieces:
            table = TABLES[piece.table]
            rows = rows_of(piece)
            assert rows.height
            assert rows.schema == table.empty().schema
            keys = pa.array(rows[table.keys[0]].to_list(), pa.string())
            assert set(key_groups_of(keys, key_groups).tolist()) == {group}
            for *key, count in rows.iter_rows():
                counts[piece.table, piece.window_start_us, tuple(key)] += count
    return counts


def naive(events: list[Event]) -> Counter[tuple[int, int, tuple[str, ...]]]:
    counts: Counter[tuple[int, int, tuple[str, ...]]] = Counter()
    for user, kind, time in events:
        start = time // WINDOW * WINDOW
        counts[0, start, (user, kind)] += 1
        counts[1, start, (kind,)] += 1
    return counts


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from([1, 3, 16]))
def test_counts_are_those_of_a_counter(events: list[Event], key_groups: int) -> None:
    splitter = Splitter(TABLES, WINDOW, key_groups)
    assert found(splitter, events, key_groups) == naive(events)


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.integers(0, 60))
def test_two_batches_sum_up_to_one(events: list[Event], cut: int) -> None:
    splitter = Splitter(TABLES, WINDOW, 4)
    parts = found(splitter, events[:cut], 4) + found(splitter, events[cut:], 4)
    assert parts == found(splitter, events, 4)


@pytest.mark.parametrize("spread", [1, 300])
def test_large_batches_of_few_and_of_many_keys(spread: int) -> None:
    events = [
        (f"u{n * 7 % (10 * spread)}", f"k{n % 3}", n * 11 % (70 * spread)) for n in range(6_000)
    ]
    assert found(Splitter(TABLES, WINDOW, 16), events, 16) == naive(events)


def test_more_groups_and_windows_than_sixteen_bits() -> None:
    events = [(f"u{n}", "k", n * WINDOW) for n in range(100)]
    assert found(Splitter(TABLES, WINDOW, 1_024), events, 1_024) == naive(events)


def test_filtered_columns_split_like_new_ones() -> None:
    users = pa.array(["a", "b", "c", "a"]).filter(pa.array([False, True, True, True])).slice(1)
    kinds = pa.array(["x", "y", "x", "y"]).slice(2)
    pieces = Splitter(TABLES, WINDOW, 1).split(
        {"user": users, "kind": kinds}, np.array([1, 2], np.int64)
    )[0]
    by_user = next(rows_of(piece) for piece in pieces if piece.table == 0)
    assert sorted(by_user.iter_rows()) == [("a", "y", 1), ("c", "x", 1)]


def test_no_events_are_no_pieces_for_every_group() -> None:
    empty = {name: pa.array([], pa.string()) for name in ("user", "kind")}
    assert Splitter(TABLES, WINDOW, 3).split(empty, np.array([], np.int64)) == [[], [], []]


def test_many_keys_of_many_values_do_not_wrap_around() -> None:
    names = ("a", "b", "c", "d", "e")
    table = CountTable("wide", names)
    rows = 10_000
    columns = {name: pa.array([f"{name}{n}" for n in range(rows)]) for name in names}
    pieces = Splitter([table], WINDOW, 1).split(columns, np.zeros(rows, np.int64))[0]
    got = {tuple(row[:-1]) for piece in pieces for row in rows_of(piece).iter_rows()}
    assert sum(int(rows_of(piece)[COUNT].sum()) for piece in pieces) == rows
    assert got == {tuple(f"{name}{n}" for name in names) for n in range(rows)}

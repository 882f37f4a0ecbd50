"""Count tables: merging is associative and commutative, rankings come out by count and id."""

from __future__ import annotations

from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.tables import COUNT, CountTable, top, totals

TABLE = CountTable("pairs", ("left", "right"))
SMALL = st.text("ab.$é", max_size=2)
ROWS = st.lists(st.tuples(SMALL, SMALL, st.integers(1, 5)), max_size=12)


def frame(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLE.empty().schema, orient="row")


def content(table: pl.DataFrame) -> dict[tuple[str, str], int]:
    rows = list(table.iter_rows())
    found = {(left, right): count for left, right, count in rows}
    assert len(found) == len(rows)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=5), st.integers(0, 5))
def test_any_way_of_merging_gives_the_same_table(
    parts: list[list[tuple[str, str, int]]], cut: int
) -> None:
    frames = [frame(rows) for rows in parts]
    wanted: Counter[tuple[str, str]] = Counter()
    for left, right, count in (row for rows in parts for row in rows):
        wanted[left, right] += count
    nested = TABLE.merge([TABLE.merge(frames[:cut]), TABLE.merge(frames[cut:])])
    assert content(TABLE.merge(frames)) == wanted
    assert content(TABLE.merge(frames[::-1])) == wanted
    assert content(nested) == wanted


def test_merging_nothing_is_the_empty_table_and_it_is_neutral() -> None:
    some = frame([("a", "b", 2)])
    assert TABLE.merge([]).schema == TABLE.empty().schema == TABLE.merge([some]).schema
    assert content(TABLE.merge([TABLE.empty(), some, TABLE.empty()])) == {("a", "b"): 2}


def test_counts_do_not_overflow_small_integers() -> None:
    big = frame([("a", "b", 2**40)])
    assert content(TABLE.merge([big, big])) == {("a", "b"): 2**41}


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_totals_sum_over_the_other_key(rows: list[tuple[str, str, int]]) -> None:
    wanted: Counter[str] = Counter()
    for _, right, count in rows:
        wanted[right] += count
    assert dict(totals(frame(rows), "right").iter_rows()) == wanted


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 4), max_size=40),
    st.integers(1, 12),
)
def test_top_is_by_count_then_by_id(counts: dict[str, int], k: int) -> None:
    table = pl.DataFrame(
        list(counts.items()), schema={"key": pl.String, COUNT: pl.Int64}, orient="row"
    )
    wanted = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:k]
    assert list(top(table, "key", k).iter_rows()) == wanted


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(SMALL, SMALL, st.sampled_from(["", "", "e1", "e2", "e3"])), max_size=20),
    st.integers(0, 20),
)
def test_events_of_one_identity_count_once_and_the_books_balance(
    events: list[tuple[str, str, str]], cut: int
) -> None:
    table = CountTable("pairs", ("left", "right"), distinct="event_id")

    def counted(part: list[tuple[str, str, str]]) -> pl.DataFrame:
        rows = [(*event, count) for event, count in Counter(part).items()]
        return pl.DataFrame(rows, schema=table.empty().schema, orient="row")

    final, duplicates = table.close(table.merge([counted(events[:cut]), counted(events[cut:])]))
    wanted: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str, str]] = set()
    for left, right, identity in events:
        if not identity or (left, right, identity) not in seen:
            wanted[left, right] += 1
        seen.add((left, right, identity))
    assert content(final) == wanted
    assert final.schema == TABLE.empty().schema
    assert duplicates == len(events) - wanted.total()

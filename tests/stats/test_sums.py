"""Count tables with sums: exact, and the same however the events are cut and merged."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.cells import Cells
from stats.tables import COUNT, CountTable, top

TABLE = CountTable("sold", ("kind",), ("quantity", "cents"))
Event = tuple[str, int, int]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b.c", "$", "é"]), st.integers(-5, 9), st.integers(-(10**14), 10**14)
    ),
    min_size=1,
    max_size=30,
)


def reduced(events: list[Event]) -> pl.DataFrame:
    kinds, codes = np.unique([event[0] for event in events], return_inverse=True)
    columns = {
        name: pa.array([e[at] for e in events]) for at, name in ((1, "quantity"), (2, "cents"))
    }
    cells = Cells([codes.astype(np.int64)], [len(kinds)])
    made = TABLE.reduce(cells, columns)
    data = dict(zip(TABLE.columns, [kinds[cells.kinds[0]].tolist(), *made.columns], strict=True))
    return pl.DataFrame(data, schema=TABLE.empty().schema)


def content(table: pl.DataFrame) -> dict[str, tuple[int, int, int]]:
    rows = {kind: tuple(numbers) for kind, *numbers in table.select(TABLE.columns).iter_rows()}
    assert len(rows) == table.height
    return rows


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=5), st.integers(0, 5))
def test_any_way_of_cutting_and_merging_gives_the_exact_sums(
    parts: list[list[Event]], cut: int
) -> None:
    wanted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for kind, quantity, cents in (event for part in parts for event in part):
        for at, number in enumerate((1, quantity, cents)):
            wanted[kind][at] += number
    exact = {kind: tuple(numbers) for kind, numbers in wanted.items()}
    frames = [reduced(part) for part in parts]
    assert content(TABLE.merge(frames)) == exact
    assert content(TABLE.merge(frames[::-1])) == exact
    nested = TABLE.merge([TABLE.merge(frames[:cut]), TABLE.merge(frames[cut:])])
    assert content(nested) == exact


def test_sums_beyond_the_floats_are_exact() -> None:
    table = reduced([("a", 1, 10**16 + 1), ("a", 1, 10**16 + 1), ("b", 0, 3)])
    assert content(table) == {"a": (2, 2, 2 * 10**16 + 2), "b": (1, 0, 3)}


def test_the_top_may_be_by_a_sum_ties_by_key() -> None:
    table = reduced([(name, 1, cents) for name, cents in (("c", 5), ("a", 5), ("b", 9), ("d", -1))])
    assert top(table, "kind", 3, by="cents")["kind"].to_list() == ["b", "a", "c"]
    many = reduced([(f"{number:02d}", 1, number % 3) for number in range(60)])
    assert top(many, "kind", 2, by="cents")["kind"].to_list() == ["02", "05"]


def test_what_is_summed_up_can_not_count_once() -> None:
    with pytest.raises(TypeError, match="count once"):
        CountTable("sold", ("kind",), ("cents",), distinct="event_id")


def test_the_empty_table_has_the_sums() -> None:
    assert TABLE.merge([]).columns == ["kind", COUNT, "quantity", "cents"]

"""Groups against adding up by hand."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.groups import Groups, groups, merged

ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 9), st.integers(-9, 9)),
    max_size=20,
)
Row = tuple[str, str, int, int]


def groups_of(rows: list[Row]) -> Groups:
    schema = {"k": pl.String, "l": pl.String, "count": pl.Int64, "cents": pl.Int64}
    return groups(pl.DataFrame(rows, schema, orient="row"), "l", "cents")


@settings(deadline=None)
@given(ROWS, ROWS)
def test_groups_add_up_whatever_the_parts(one: list[Row], other: list[Row]) -> None:
    rows = one + other
    expected = {
        key: (sum(r[2] for r in rows if r[1] == key), sum(r[3] for r in rows if r[1] == key))
        for key in {row[1] for row in rows}
    }
    assert groups_of(rows) == expected
    assert merged(groups_of(one), groups_of(other)) == expected
    assert merged(groups_of(other), groups_of(one)) == expected

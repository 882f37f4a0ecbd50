"""Sets of records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemark.deadletters.offsets import RecordSet

records = st.tuples(st.integers(0, 3), st.integers(0, 2**40) | st.integers(32_760, 32_776))


@given(st.lists(records), st.lists(records))
def test_holds_what_was_added_and_nothing_else(
    added: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    found, expected = RecordSet(), set[tuple[int, int]]()
    for record in added:
        assert found.add(record) == (record not in expected)
        expected.add(record)
    assert len(found) == len(expected)
    assert [record in found for record in added + others] == [
        record in expected for record in added + others
    ]

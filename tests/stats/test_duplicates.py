"""Tables that count an event once however often it comes."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from stats.tables import CountTable

TABLE = CountTable("by_user", ("user", "kind"), distinct="event")
EVENTS = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", "1", "2"]))


def frame(events: list[tuple[str, str, str]]) -> pl.DataFrame:
    rows = [(*event, 1) for event in events]
    return pl.DataFrame(rows, schema=TABLE.empty().schema, orient="row")


@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_copies_count_once_wherever_the_stream_is_cut(
    events: list[tuple[str, str, str]], cut: int
) -> None:
    merged = TABLE.merge([TABLE.merge([frame(events[:cut])]), TABLE.merge([frame(events[cut:])])])
    final, duplicates = TABLE.close(merged)

    identified = {event for event in events if event[2]}
    counted = [event[:2] for event in identified] + [e[:2] for e in events if not e[2]]
    assert {row[:2]: row[2] for row in final.iter_rows()} == {
        key: counted.count(key) for key in counted
    }
    assert duplicates == len(events) - len(counted)
    assert final.columns == ["user", "kind", "count"]

"""Span tables: any cut of the events into batches gives the spans of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.cells import Cells
from stats.sessions import summarize
from stats.spans import SpanTable

TABLE = SpanTable("spans", "user", gap_us=10)
Event = tuple[str, int]
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-50, 200)), max_size=60)
Span = tuple[str, int, int, int]


def frame_of(events: Sequence[Event]) -> pl.DataFrame:
    """Return a batch's spans, as the splitter makes them."""
    if not events:
        return TABLE.merge([])
    users = pa.array([user for user, _ in events]).dictionary_encode()
    codes = users.indices.to_numpy().astype(np.int64)
    cells = Cells([codes], [len(users.dictionary)])
    reduced = TABLE.reduce(cells, {"event_time_us": pa.array([at for _, at in events])})
    assert reduced.cells is not None
    texts = users.dictionary.take(pa.array(cells.kinds[0][reduced.cells]))
    frame = pl.from_arrow(pa.table([texts, *reduced.columns], names=list(TABLE.columns)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def naive(events: Sequence[Event]) -> list[Span]:
    spans: list[Span] = []
    for user, at in sorted(events):
        if spans and spans[-1][0] == user and at - spans[-1][2] <= TABLE.gap_us:
            _, first, _, count = spans.pop()
            spans.append((user, first, at, count + 1))
        else:
            spans.append((user, at, at, 1))
    return spans


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=5))
def test_batches_merge_to_the_spans_of_all_events(batches: list[list[Event]]) -> None:
    merged = TABLE.merge([frame_of(events) for events in batches])
    assert sorted(merged.rows()) == naive([event for events in batches for event in events])


@settings(deadline=None)
@given(EVENTS, EVENTS, EVENTS)
def test_the_order_of_merging_does_not_matter(
    a: list[Event], b: list[Event], c: list[Event]
) -> None:
    one = TABLE.merge([TABLE.merge([frame_of(a), frame_of(b)]), frame_of(c)])
    other = TABLE.merge([frame_of(b), TABLE.merge([frame_of(c), frame_of(a)])])
    assert sorted(one.rows()) == sorted(other.rows())


@settings(deadline=None)
@given(EVENTS, EVENTS)
def test_summaries_of_spans_add_up(a: list[Event], b: list[Event]) -> None:
    one, other = frame_of(a), frame_of(b)
    assert summarize(one).merge(summarize(other)) == summarize(pl.concat([one, other]))


def test_no_sessions_have_no_length() -> None:
    summary = summarize(TABLE.merge([]))
    assert (summary.mean_length_s, summary.events_per_session) == (0.0, 0.0)

"""Session windows: every cut of the closings, with restarts, gives the sessions of all events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.parcels import Aside, ClosedWindow, Closing
from dataflows.streaming.sessions import Sessions
from dataflows.streaming.watermark import END_US
from dataflows.streaming.windows import StateMismatchError
from stats.spans import SpanTable

WINDOW = 10
TABLE = SpanTable("spans", "user", gap_us=14)
Event = tuple[str, int]
Span = tuple[str, int, int, int]
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 150)), max_size=60)


def closing_of(events: Sequence[Event], from_us: int, watermark_us: int) -> Closing:
    """Return what a group closes when the watermark passes from one moment to another."""
    windows = []
    for start in range(from_us // WINDOW * WINDOW, 160, WINDOW):
        inside = [event for event in events if start <= event[1] < start + WINDOW]
        if inside and from_us < start + WINDOW <= watermark_us:
            rows = [(user, at, at, 1) for user, at in inside]
            frame = pl.DataFrame(rows, TABLE.merge([]).schema, orient="row")
            aside = Aside(rejected=1)
            windows.append(ClosedWindow(start, {"spans": TABLE.merge([frame])}, aside))
    return Closing(0, watermark_us, windows, [])


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
@given(EVENTS, st.lists(st.integers(1, 150), max_size=8))
def test_all_sessions_come_out_once_in_the_window_of_their_last_event(
    events: list[Event], watermarks: list[int]
) -> None:
    sessions = Sessions(TABLE, WINDOW)
    found: list[Span] = []
    rejected = 0
    before, final_us = -1, -(10**9)
    for watermark_us in [*sorted(watermarks), END_US]:
        (out,) = sessions.absorb(closing_of(events, before, watermark_us))
        assert out.watermark_us >= final_us
        for window in out.windows:
            for row in window.tables["spans"].rows():
                assert window.start_us == row[2] // WINDOW * WINDOW
                # Nothing comes for a window that was said to be final.
                assert window.start_us + WINDOW > final_us
                found.append(row)
            rejected += window.aside.rejected
        before, final_us = watermark_us, out.watermark_us
        sessions = Sessions(TABLE, WINDOW, sessions.snapshot())
    assert sorted(found) == naive(events)
    assert rejected == len(Counter(at // WINDOW for _, at in events)), "each is booked once"
    assert final_us == END_US


def test_a_session_is_kept_open_until_no_event_can_extend_it() -> None:
    sessions = Sessions(TABLE, WINDOW)
    events = [("a", 1), ("b", 9)]
    # The next event may be at 10, and so may one at 15, which is as far from 1 as the gap.
    ends = {10: [], 19: [], 20: ["a"], 29: [], 30: ["b"]}
    before = -1
    for watermark_us, users in ends.items():
        (out,) = sessions.absorb(closing_of(events, before, watermark_us))
        assert [row[0] for w in out.windows for row in w.tables["spans"].rows()] == users
        before = watermark_us


def test_a_state_with_another_gap_is_refused() -> None:
    state = Sessions(TABLE, WINDOW).snapshot()
    with pytest.raises(StateMismatchError, match="gap_us=14"):
        Sessions(SpanTable("spans", "user", gap_us=15), WINDOW, state)

"""The merge over key groups: final once, oldest first, whatever the order of arrival."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.parcels import NOTHING_ASIDE, Aside, ClosedWindow
from dataflows.streaming.summary import (
    GroupPartials,
    Part,
    SummarySpec,
    SummaryWindows,
    WindowSummary,
)
from dataflows.streaming.watermark import END_US
from tidemark.errors import TidemarkError

GROUPS, WINDOW = 3, 10


class Total(msgspec.Struct, frozen=True):
    n: int

    def merge(self, other: Total) -> Total:
        return Total(self.n + other.n)


def partial(window: ClosedWindow) -> Total:
    raise AssertionError("the parts are summed up before they come here")


SPEC = SummarySpec(partial, Total, GROUPS, WINDOW)


def news(
    group: int, watermark: int, *parts: tuple[int, int], unbooked: Aside = NOTHING_ASIDE
) -> GroupPartials[Total]:
    return GroupPartials(
        group, watermark, [(s, Part(Total(n), Aside(1, 2))) for s, n in parts], unbooked
    )


def said(finals: list[WindowSummary[Total]]) -> list[tuple[int, int]]:
    return [(final.start_us, final.summary.n) for final in finals]


def test_a_window_is_final_when_the_last_group_has_closed_it() -> None:
    windows = SummaryWindows(SPEC)
    assert windows.absorb([news(0, 10, (0, 5))]) == []
    assert windows.absorb([news(1, 30, (0, 1), (20, 4))]) == []
    assert windows.absorb([news(0, 25)]) == []
    finals = windows.absorb([news(2, 12)])
    assert said(finals) == [(0, 6)]
    assert (finals[0].watermark_us, finals[0].aside.rejected, finals[0].aside.late) == (12, 2, 4)
    assert said(windows.absorb([news(0, END_US), news(1, END_US), news(2, END_US, (10, 9))])) == [
        (10, 9),
        (20, 4),
    ]


def test_a_group_that_was_never_heard_holds_everything_back() -> None:
    windows = SummaryWindows(SPEC)
    assert windows.absorb([news(0, END_US, (0, 1)), news(2, END_US, (0, 1))]) == []
    assert said(windows.absorb([news(1, END_US)])) == [(0, 2)]


def test_unbooked_records_are_booked_on_the_next_final_window() -> None:
    windows = SummaryWindows(SPEC)
    windows.absorb([news(0, 10, (0, 1), unbooked=Aside(3)), news(1, 10, unbooked=Aside(0, 4))])
    windows = SummaryWindows(SPEC, pickle.loads(pickle.dumps(windows.snapshot())))
    finals = windows.absorb([news(2, 10)])
    assert [(final.aside.rejected, final.aside.late) for final in finals] == [(4, 6)]
    finals = windows.absorb([news(g, END_US, (10, 1)) for g in range(GROUPS)])
    assert [(final.aside.rejected, final.aside.late) for final in finals] == [(3, 6)]


HISTORIES = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), max_size=6),
    min_size=GROUPS,
    max_size=GROUPS,
)


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.data())
def test_any_interleaving_and_restart_gives_each_window_once(
    histories: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """A history is a group's closings: how far it went, and the count of its only new window."""
    queues: list[list[GroupPartials[Total]]] = []
    wanted: dict[int, int] = {}
    for group, steps in enumerate(histories):
        mark, queue = 0, []
        for step, count in steps:
            start = (mark // WINDOW) * WINDOW
            mark += step
            closes = start + WINDOW <= mark
            if closes:
                wanted[start] = wanted.get(start, 0) + count
            queue.append(news(group, mark, *([(start, count)] if closes else [])))
        queues.append([*queue, news(group, END_US)])
    windows = SummaryWindows(SPEC)
    finals: list[WindowSummary[Total]] = []
    while any(queues):
        group = data.draw(st.sampled_from([g for g, queue in enumerate(queues) if queue]))
        count = data.draw(st.integers(1, 3))
        taken, queues[group] = queues[group][:count], queues[group][count:]
        finals += windows.absorb(taken)
        if data.draw(st.booleans()):
            windows = SummaryWindows(SPEC, pickle.loads(pickle.dumps(windows.snapshot())))
    assert said(finals) == sorted(wanted.items())
    assert all(final.start_us + WINDOW <= final.watermark_us for final in finals)


def test_a_snapshot_is_independent_of_later_changes() -> None:
    windows = SummaryWindows(SPEC)
    windows.absorb([news(0, 10, (0, 1))])
    state = windows.snapshot()
    before = pickle.dumps(state)
    windows.absorb([news(group, 50, (0, 1), (20, 1)) for group in (1, 2)])
    assert pickle.dumps(state) == before


def test_state_of_another_version_is_refused() -> None:
    state = {**SummaryWindows(SPEC).snapshot(), "version": 999}
    with pytest.raises(TidemarkError, match="999"):
        SummaryWindows(SPEC, state)

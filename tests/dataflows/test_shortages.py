"""Shortages: an alert where stock begins and ceases to be short, not at each update."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.alerts import Alert
from dataflows.shortages import Shortages
from dataflows.streaming.parcels import ClosedWindow, Closing
from dataflows.streaming.windows import StateMismatchError
from stats.inventory import LEVELS
from tests.dataflows.streaming.making import SECOND, T0

Level = tuple[str, str, int, int]
"""Product, warehouse, stock, reorder level."""


def closing(first: int, *windows: Sequence[Level]) -> Closing:
    """Return the windows of ten seconds from number `first` on, as closed at once."""
    closed = []
    for number, levels in enumerate(windows, first):
        start_us = T0 + number * 10 * SECOND
        rows = [(p, w, start_us, 0, 0, "c", stock, reorder) for p, w, stock, reorder in levels]
        frame = pl.DataFrame(rows, schema=LEVELS.merge([]).schema, orient="row")
        closed.append(ClosedWindow(start_us, {LEVELS.name: frame}))
    return Closing(0, T0 + (first + len(windows)) * 10 * SECOND, closed, [])


def told(alerts: list[list[Alert]]) -> list[list[tuple[str, str, str, float, float]]]:
    return [
        [(a.rule.name, a.state, a.subject, a.value, a.threshold) for a in some] for some in alerts
    ]


def levels_of(*stocks: int) -> list[list[Level]]:
    return [[("p", "w", stock, 10)] for stock in stocks]


def test_low_stock_begins_once_and_ends_once() -> None:
    found = Shortages("inventory", 10).absorb(closing(0, *levels_of(50, 10, 9, 3, 11, 50)))
    assert told(found) == [
        [("low_stock", "begin", "p/w", 10, 10)],
        [("low_stock", "end", "p/w", 11, 10)],
    ]
    assert [alert.window_start.second for some in found for alert in some] == [10, 40]


def test_what_is_out_stays_low() -> None:
    found = Shortages("inventory", 10).absorb(closing(0, *levels_of(5, 0, -3, 4, 40)))
    assert told(found) == [
        [("low_stock", "begin", "p/w", 5, 10)],
        [("out_of_stock", "begin", "p/w", 0, 0)],
        [("out_of_stock", "end", "p/w", 4, 0)],
        [("low_stock", "end", "p/w", 40, 10)],
    ]


def test_both_may_begin_and_end_in_one_window() -> None:
    found = Shortages("inventory", 10).absorb(closing(0, *levels_of(0, 40)))
    assert told(found) == [
        [("low_stock", "begin", "p/w", 0, 10), ("out_of_stock", "begin", "p/w", 0, 0)],
        [("low_stock", "end", "p/w", 40, 10), ("out_of_stock", "end", "p/w", 40, 0)],
    ]


def test_another_reorder_level_begins_and_ends_it_too() -> None:
    windows: list[list[Level]] = [[("p", "w", 5, level)] for level in (4, 5, 6, 4)]
    found = Shortages("inventory", 10).absorb(closing(0, *windows))
    assert [states for ((_, states, *_),) in told(found)] == ["begin", "end"]


def test_places_are_told_apart_and_in_order() -> None:
    follower = Shortages("inventory", 10)
    first: list[Level] = [("b", "w", 1, 5), ("a", "w", 1, 5), ("a", "v", 1, 5), ("a/b", "v", 1, 5)]
    (some,) = told(follower.absorb(closing(0, first)))
    assert [subject for _, _, subject, *_ in some] == ["a/v", "a/w", "a/b/v", "b/w"]
    (some,) = told(follower.absorb(closing(1, [("a", "w", 9, 5)])))
    assert some == [("low_stock", "end", "a/w", 9, 5)]


def test_a_place_that_is_not_told_of_stays_as_it_is() -> None:
    follower = Shortages("inventory", 10)
    follower.absorb(closing(0, *levels_of(1)))
    assert follower.absorb(closing(1, [], [("q", "w", 9, 5)], *levels_of(1))) == []


def test_messages_name_place_and_numbers() -> None:
    found = Shortages("inventory", 10).absorb(closing(0, *levels_of(0, 40)))
    assert [alert.message for some in found for alert in some] == [
        "p in w is to be reordered: stock 0, reorder level 10",
        "p in w is out of stock (0)",
        "p in w is above its reorder level of 10 again: stock 40",
        "p in w is in stock again: 40",
    ]


def test_a_state_of_another_version_is_refused() -> None:
    state = Shortages("inventory", 10).snapshot()
    with pytest.raises(StateMismatchError):
        Shortages("inventory", 10, {**state, "version": 0})


WINDOWS = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.sampled_from("vw")),
        st.tuples(st.integers(-2, 8), st.integers(0, 5)),
        max_size=4,
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(WINDOWS, st.sets(st.integers(0, 12)), st.booleans())
def test_alerts_are_the_changes_however_windows_come_and_over_restarts(
    windows: list[dict[tuple[str, str], tuple[int, int]]], cuts: set[int], restarts: bool
) -> None:
    levels: list[list[Level]] = [
        [(*place, *level) for place, level in window.items()] for window in windows
    ]
    wanted = set()
    holding: set[tuple[str, str]] = set()
    for number, window in enumerate(levels):
        for product, warehouse, stock, reorder in window:
            for rule, holds in (("low_stock", stock <= reorder), ("out_of_stock", stock <= 0)):
                key = (rule, f"{product}/{warehouse}")
                if holds != (key in holding):
                    holding ^= {key}
                    wanted.add((*key, "begin" if holds else "end", number * 10))

    follower = Shortages("inventory", 10)
    found: list[Alert] = []
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(levels)), len(levels)]
    for begin, end in pairwise(bounds):
        if restarts:
            follower = Shortages("inventory", 10, follower.snapshot())
        found += [a for some in follower.absorb(closing(begin, *levels[begin:end])) for a in some]
    assert len(found) == len(wanted)
    offsets = [round(alert.window_start.timestamp() - T0 / SECOND) for alert in found]
    told_of = zip(found, offsets, strict=True)
    assert {(a.rule.name, a.subject, a.state, at) for a, at in told_of} == wanted

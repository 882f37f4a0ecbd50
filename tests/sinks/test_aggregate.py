"""The pure aggregate: the algebra that every store must show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.aggregate import accumulate
from sinks.commands import Document
from tests.sinks.builders import window_start

counts = st.dictionaries(st.text(max_size=5), st.integers(1, 1000), min_size=1, max_size=6)
windows = st.dictionaries(st.integers(0, 50), counts, min_size=1, max_size=20)


def fold(applied: list[tuple[int, dict[str, int]]], document: Document | None = None) -> Document:
    for number, of_window in applied:
        document = accumulate(document, "k", window_start(number), of_window)
    assert document is not None
    return document


@given(windows)
def test_it_equals_a_recomputation_over_all_windows(of: dict[int, dict[str, int]]) -> None:
    document = fold(sorted(of.items()))
    totals = [sum(of[number].values()) for number in sorted(of)]
    names = {name for of_window in of.values() for name in of_window}
    assert document == {
        "_id": "k",
        "total": sum(totals),
        "by_type": {name: sum(w.get(name, 0) for w in of.values()) for name in names},
        "windows": len(totals),
        "avg_per_window": pytest.approx(sum(totals) / len(totals)),
        "max_per_window": max(totals),
        "min_per_window": min(totals),
        "last_window": window_start(max(of)),
        "last_window_count": totals[-1],
        "first_seen": window_start(min(of)),
        "last_seen": window_start(max(of)),
    }


@given(windows, st.data())
def test_a_replay_of_any_windows_changes_nothing(
    of: dict[int, dict[str, int]], data: st.DataObject
) -> None:
    document = fold(sorted(of.items()))
    again = data.draw(st.lists(st.sampled_from(sorted(of.items()))))
    assert fold(again, document) == document


@given(windows, st.data())
def test_a_replay_of_a_suffix_that_goes_on_equals_the_run_without_it(
    of: dict[int, dict[str, int]], data: st.DataObject
) -> None:
    ordered = sorted(of.items())
    crash = data.draw(st.integers(0, len(ordered)))
    resume = data.draw(st.integers(0, crash))
    assert fold([*ordered[:crash], *ordered[resume:]]) == fold(ordered)


def test_the_given_document_is_not_changed() -> None:
    first = accumulate(None, "k", window_start(0), {"a": 1})
    before = {**first, "by_type": dict(first["by_type"])}
    accumulate(first, "k", window_start(1), {"a": 2, "b": 1})
    assert first == before

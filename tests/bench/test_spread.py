from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.spread import Spread, percentile, ratios

VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30)


def test_a_spread_has_the_median_and_the_ends() -> None:
    assert Spread.of([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert Spread.of([0.5, 1.25, 0.75, 1.0]).text(".2f") == "0.88 (0.50-1.25)"


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([1.0, 3.0], [2.0, 4.0]) == [0.5, 0.75]


def test_rounds_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, wanted: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == wanted


@given(VALUES, st.floats(0.0, 1.0))
def test_at_least_that_share_does_not_exceed_a_percentile(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console

from bench.results import Bar, Relation, Result
from bench.verdict import row, unmet, verdict
from tests.bench.samples import ORIGIN


def of(*bars: Bar, quick: bool = False) -> Result:
    origin = msgspec.structs.replace(ORIGIN, quick=quick)
    return Result("x", origin, {"rounds": 1}, {}, list(bars))


def shown(*results: Result) -> str:
    out = StringIO()
    Console(file=out, width=200).print(verdict(results))
    return out.getvalue()


@pytest.mark.parametrize(
    ("relation", "values", "met"),
    [
        (">=", [0.44, 0.46, 0.9], True),
        (">=", [0.1, 0.44, 0.9], False),
        (">=", [0.45], True),
        ("<=", [0.45], True),
        ("<=", [0.1, 0.46, 0.47], False),
    ],
)
def test_the_median_decides(relation: Relation, values: list[float], met: bool) -> None:
    assert Bar("1", "x", relation, 0.45, values).met is met


def test_a_row_tells_what_was_wanted_and_what_came_out() -> None:
    bar = Bar("5a", "latency p50", "<=", 150.0, [120.0, 180.0, 160.0], "ms")
    assert row(bar) == ("5a", "latency p50", "<= 150 ms", "160 ms", "120-180", "NO")
    assert row(replace_values(bar, [0.5]))[2:5] == ("<= 150 ms", "0 ms", "0-0")


def test_small_numbers_keep_two_decimals() -> None:
    bar = Bar("1a", "of raw", ">=", 0.45, [0.451, 0.5, 0.449])
    assert row(bar)[2:] == (">= 0.45", "0.45", "0.45-0.50", "yes")


def test_bars_come_in_their_order_and_those_that_fail_are_known() -> None:
    good, bad = Bar("1a", "first", ">=", 1.0, [2.0]), Bar("2a", "second", ">=", 1.0, [0.5])
    results = [of(bad), of(good)]
    table = shown(*results)
    assert table.index("first") < table.index("second")
    assert unmet(results) == [bad]


def test_quick_figures_say_that_they_do_not_count() -> None:
    assert "count for nothing" in shown(of(quick=True), of())
    assert "count for nothing" not in shown(of())


def replace_values(bar: Bar, values: list[float]) -> Bar:
    return msgspec.structs.replace(bar, values=values)

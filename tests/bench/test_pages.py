from __future__ import annotations

import pytest

from bench.origin import ROOT
from bench.pages import UnknownBlock, table, written
from bench.results import Bar, read_all
from tests.bench.samples import given, result, results

PAGE = ROOT / "docs" / "performance.md"


def test_a_block_is_written_anew_and_the_rest_is_left_alone() -> None:
    bar = Bar("1a", "one process", ">=", 0.45, [0.5])
    found = {"throughput": result("throughput", {"one": given()}, [bar])}
    page = "# Title\n\n<!-- bench bars -->\nold\n<!-- bench end -->\n\nText.\n"
    once = written(page, found)
    assert "old" not in once
    assert "| 1a | one process | >= 0.45 | 0.50 | 0.50-0.50 | yes | 1 |" in once
    assert once.startswith("# Title\n\n<!-- bench bars -->\n| bar |")
    assert once.endswith("<!-- bench end -->\n\nText.\n")
    assert written(once, found) == once


def test_a_result_is_a_block_of_its_own() -> None:
    page = "<!-- bench keys -->\n<!-- bench end -->"
    assert "5,000,000 users, 2,000 items" in written(page, results())


@pytest.mark.parametrize("name", ["costs", "fitted", "held out", "needs", "limits"])
def test_the_model_has_tables(name: str) -> None:
    page = written(f"<!-- bench capacity {name} -->\n<!-- bench end -->", results())
    assert page.count("\n|") > 2


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(UnknownBlock, match="a table of nothing"):
        written("<!-- bench nothing -->\n<!-- bench end -->", results())


def test_a_plot_is_shown_where_there_is_one() -> None:
    blocks = (f"<!-- bench plot {name} -->\n<!-- bench end -->" for name in ("keys", "latency"))
    shown = written("\n".join(blocks), results())
    assert "by items in a window](images/performance/keys.svg)" in shown
    assert "latency.svg" not in shown


def test_what_is_not_measured_is_told() -> None:
    assert "Not measured yet." in written("<!-- bench latency -->\n<!-- bench end -->", results())


def test_numbers_stand_to_the_right() -> None:
    assert table(("a", "b"), [("x", "1,000"), ("y", "2")]).splitlines()[1] == "| --- | --: |"


def test_the_page_has_the_figures_of_the_results() -> None:
    page, results = PAGE.read_text(), read_all(ROOT / "bench" / "results")
    assert not [name for name, result in results.items() if result.origin.quick]
    assert written(page, results) == page, "run `make bench-plots`"

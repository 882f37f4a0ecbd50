"""What the table and the bars make of the runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchmarkError
from bench.peers.catalog import OURS
from bench.peers.comparison import bars_of, extended, key_of, lines_of
from bench.peers.document import BEGIN, END, rewritten
from bench.peers.rooms import START_UP_EVENTS
from bench.peers.table import COLUMNS, cells, written
from bench.results import Figures, Origin, Result

ORIGIN = Origin("a machine", 2, 8.0, "3.11.7", "Linux 6", "0123456789", "2026-01-01T00:00:00+00:00")
FLINK = "Flink SQL"


def _figures(events: int, cpu_s: float, seconds: float = 10.0, lost: float = 0.0) -> Figures:
    return {
        "events": float(events),
        "seconds": seconds,
        "cpu_s": cpu_s,
        "peak_mib": 100.0,
        "lost_share": lost,
        "open_windows": 1.0,
        "twice": 0.0,
    }


def _result(*runs: tuple[str, Figures]) -> Result:
    result = None
    for name, figures in runs:
        result = extended(result, key_of(name, int(figures["events"])), figures, ORIGIN)
    assert result is not None
    return result


MILLION = 1_000_000
BOTH = _result(
    (FLINK, _figures(START_UP_EVENTS, 10.0)),
    (OURS, _figures(START_UP_EVENTS, 1.0)),
    (FLINK, _figures(MILLION, 20.0)),
    (FLINK, _figures(10 * MILLION, 110.0, lost=0.25)),
    (OURS, _figures(10 * MILLION, 21.0)),
)


def test_ours_comes_first_and_sizes_in_their_order() -> None:
    lines = [(line.subject, line.events) for line in lines_of(BOTH)]
    assert lines == [(OURS, 10 * MILLION), (FLINK, MILLION), (FLINK, 10 * MILLION)]


def test_medians_of_runs() -> None:
    runs = [(OURS, _figures(MILLION, cpu_s)) for cpu_s in (2.0, 9.0, 3.0)]
    (line,) = lines_of(_result(*runs))
    assert (line.runs, line.cpu_s_per_million, line.events_per_s) == (3, 3.0, 100_000.0)
    assert line.net_cpu_s_per_million is None


def test_what_starting_takes_is_taken_off_in_a_column_of_its_own() -> None:
    line = list(lines_of(BOTH))[2]
    assert line.cpu_s_per_million == pytest.approx(11.0)
    assert line.net_cpu_s_per_million == pytest.approx(10.0)


def test_bars_compare_with_the_best_peer_at_the_most_events() -> None:
    bars = {bar.id: bar for bar in BOTH.bars}
    assert bars["9a"].values == [pytest.approx(110 / 21)]
    assert bars["9a"].met
    assert bars["9b"].values == [pytest.approx(100 / 20)]
    assert FLINK in bars["9a"].what


def test_the_best_peer_is_the_one_that_takes_least() -> None:
    loop = ("kafka-python", _figures(MILLION, 5.0))
    (bar,) = _result((OURS, _figures(MILLION, 2.0)), (FLINK, _figures(MILLION, 9.0)), loop).bars
    assert "kafka-python" in bar.what
    assert bar.values == [2.5]
    assert not bar.met


def test_without_ours_there_is_no_bar() -> None:
    assert bars_of(list(lines_of(_result((FLINK, _figures(MILLION, 1.0)))))) == []


def test_figures_of_another_commit_are_not_put_beside() -> None:
    other = replace_commit(ORIGIN, "9876543210")
    with pytest.raises(BenchmarkError, match="0123456789"):
        extended(BOTH, key_of(OURS, MILLION), _figures(MILLION, 1.0), other)


def replace_commit(origin: Origin, commit: str) -> Origin:
    """Return the same origin at another commit."""
    fields = {name: getattr(origin, name) for name in Origin.__struct_fields__}
    return Origin(**{**fields, "commit": commit})


def test_cells_follow_the_columns() -> None:
    line = list(lines_of(BOTH))[2]
    row = dict(zip(COLUMNS, cells(line), strict=True))
    assert row["events"] == "10,000,000"
    assert row["events/s"] == "1,000,000"
    assert row["lost as late"] == "25.0%"
    assert (
        dict(zip(COLUMNS, cells(replace(line, lost_share=0.0)), strict=True))["lost as late"] == "0"
    )


def test_a_loss_too_small_for_the_cell_is_not_written_as_none() -> None:
    line = replace(next(lines_of(BOTH)), lost_share=1e-6)
    assert dict(zip(COLUMNS, cells(line), strict=True))["lost as late"] == "<0.01%"


def test_the_page_gets_the_tables_between_its_marks() -> None:
    page = f"# Peers\n{BEGIN}\nold\n{END}\nafter\n"
    new = rewritten(page, BOTH)
    assert written(BOTH) in new
    assert "old" not in new
    assert new.startswith("# Peers\n")
    assert new.endswith("after\n")
    assert rewritten(new, BOTH) == new


def test_a_page_without_marks_is_told() -> None:
    with pytest.raises(BenchmarkError, match="has no"):
        rewritten("# Peers\n", BOTH)

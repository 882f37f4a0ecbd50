from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchmarkError
from bench.latency import of_watch
from bench.live import OUT_OF_ORDERNESS_S, Watch


def watch(readable_s: dict[float, float], freshness: list[tuple[float, float]]) -> Watch:
    seen = Watch(Path("nowhere"), 1)
    seen.readable_s = readable_s
    seen.freshness = freshness
    return seen


def test_latency_counts_from_the_moment_at_which_a_window_is_over() -> None:
    ends = [float(end) for end in range(100, 110)]
    readable = {end: end + OUT_OF_ORDERNESS_S + 0.1 for end in ends}
    readable[109.0] += 0.3
    found = of_watch(watch(readable, [(106.0, 5.5)]), 0.0, 1e9, 1)
    assert found["windows"] == 10
    assert found["latency_p50_ms"] == pytest.approx(100.0)
    assert found["latency_max_ms"] == found["latency_p99_ms"] == pytest.approx(400.0)
    # An event is half a window older than the window, on average.
    assert found["event_age_p50_s"] == pytest.approx(5.6, abs=0.06)
    assert found["freshness_p50_s"] == 5.5


def test_windows_of_other_times_do_not_count() -> None:
    readable = {100.0: 106.0, 200.0: 205.2, 300.0: 340.0}
    found = of_watch(watch(readable, [(200.0, 6.0)]), 150.0, 250.0, 1)
    assert found["windows"] == 1
    assert found["latency_max_ms"] == pytest.approx(200.0)


def test_no_window_at_all_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="no window"):
        of_watch(watch({100.0: 105.0}, []), 0.0, 50.0, 1)

"""Counting by batch, and what is worked out when somebody asks."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
from prometheus_client import REGISTRY

from tests.support.unique import unique_name
from tests.tidemark.observability.making import Counts, FakeBatch, Taken
from tidemark.observability.metrics import (
    STATES,
    SourceMeter,
    StateMeter,
    packed_bytes,
    window_final,
)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return unique_name(request.node.name)


def test_a_partition_that_has_read_nothing_shows_zero(topic: str) -> None:
    SourceMeter(topic, 4, 0, None)
    assert value("tidemark_source_records_total", topic=topic, partition="4") == 0
    assert value("tidemark_source_watermark_lag_seconds", topic=topic, partition="4") is None


def test_cumulative_counts_of_batches_are_counted_once(topic: str) -> None:
    meter = SourceMeter(topic, 0, 0, None)
    meter.batch(FakeBatch(Counts(10, {"invalid_json": 2}, {"a": 1}), {"a": Taken([0] * 7)}))
    meter.batch(FakeBatch(Counts(15, {"invalid_json": 2}, {"a": 3}), {"a": Taken([0] * 3)}))
    here = {"topic": topic, "partition": "0"}
    assert value("tidemark_source_records_total", **here) == 15
    rejected = value("tidemark_source_rejected_records_total", reason="invalid_json", **here)
    assert rejected == 2
    assert value("tidemark_source_late_records_total", pipeline="a", **here) == 3
    assert value("tidemark_source_on_time_records_total", pipeline="a", **here) == 10


def test_what_was_counted_before_the_resumed_snapshot_is_not_counted_again(topic: str) -> None:
    state = {"read": 100, "rejected": {"too_large": 4}, "late": {"a": 5}, "dropped": {}}
    meter = SourceMeter(topic, 0, 0, state)
    meter.batch(FakeBatch(Counts(103, {"too_large": 5}, {"a": 5})))
    here = {"topic": topic, "partition": "0"}
    assert value("tidemark_source_records_total", **here) == 3
    assert value("tidemark_source_rejected_records_total", reason="too_large", **here) == 1
    assert value("tidemark_source_late_records_total", pipeline="a", **here) is None


def test_lags_are_those_of_the_last_batch_and_the_clock(topic: str) -> None:
    now_s = 1_000.0
    meter = SourceMeter(topic, 0, 5_000_000, None, clock=lambda: now_s)
    batch = FakeBatch(Counts(), next_offset=60, high_offset=100, max_event_us=990_000_000)
    meter.batch(batch)
    now_s = 1_020.0
    here = {"topic": topic, "partition": "0"}
    assert value("tidemark_source_lag_records", **here) == 40
    assert value("tidemark_source_watermark_lag_seconds", **here) == pytest.approx(35.0)
    assert value("tidemark_source_snapshot_age_seconds", **here) == pytest.approx(20.0)
    meter.snapshot()
    assert value("tidemark_source_snapshot_age_seconds", **here) == pytest.approx(0.0)


def test_idleness_ends_with_the_next_batch_that_is_not_silent(topic: str) -> None:
    meter = SourceMeter(topic, 0, 0, None)
    here = {"topic": topic, "partition": "0"}
    meter.batch(FakeBatch(Counts(), silent_us=1))
    assert value("tidemark_source_idle", **here) == 1
    meter.batch(FakeBatch(Counts()))
    assert value("tidemark_source_idle", **here) == 0


def test_windows_are_counted_and_the_newest_makes_the_pipeline_fresh(topic: str) -> None:
    window_final(topic, 2_000_000, 7, 1)
    newest = value("tidemark_pipeline_freshness_seconds", pipeline=topic)
    window_final(topic, 1_000_000, 3, 0)
    assert value("tidemark_pipeline_windows_total", pipeline=topic) == 2
    assert value("tidemark_pipeline_events_total", pipeline=topic) == 10
    assert value("tidemark_pipeline_duplicate_events_total", pipeline=topic) == 1
    older = value("tidemark_pipeline_freshness_seconds", pipeline=topic)
    assert newest is not None
    assert older == pytest.approx(newest, abs=60.0)


def test_snapshots_of_all_live_parts_are_added_up() -> None:
    gc.collect()
    before = sum(meter.snapshot_bytes for meter in STATES._meters)
    one, other = StateMeter(), StateMeter()
    assert one.measured(lambda: {"windows": [(0, [b"1234", b"56"])]}) == {
        "windows": [(0, [b"1234", b"56"])]
    }
    other.measured(lambda: b"123")
    assert value("tidemark_state_snapshot_bytes") == before + 9


@pytest.mark.parametrize(
    ("state", "size_bytes"),
    [({}, 0), (b"12", 2), ({"a": [b"1", (b"23", {"x": b"4"})], "n": 7}, 4), ("text", 0)],
)
def test_the_size_of_a_state_is_that_of_its_packed_parts(state: object, size_bytes: int) -> None:
    assert packed_bytes(state) == size_bytes


def test_metrics_import_no_engine() -> None:
    code = (
        "import sys, tidemark.observability.metrics;"
        "sys.exit(any(name in sys.modules for name in ('bytewax', 'confluent_kafka', 'polars')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

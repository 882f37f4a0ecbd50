"""With `dedupe_by` an event seen twice within its window counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from generator import GeneratorSettings
from tests.conftest import MakeTopic
from tests.end_to_end.conftest import PARTITIONS, WINDOW_S, fill
from tests.sinks.readers import sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.recompute import current_aggregates, interactions_documents, load_truth
from tests.support.running import TIDEMARK, run
from tests.support.servers import KafkaEndpoint


@pytest.mark.parametrize("processes", [1, 2])
def test_copies_count_once_and_are_told(
    processes: int, kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(PARTITIONS)
    generated = GeneratorSettings(
        rate=None,
        event_rate=1_000.0,
        count=30_000,
        seed=5,
        start_time=datetime.now(UTC) - timedelta(hours=1),
        population={"users": 300, "items": 100},
        faults={"duplicate_share": 0.1, "out_of_order_share": 0.1, "malformed_share": 0.01},
    )
    fill(kafka, topic, generated, tmp_path / "truth.parquet")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_PIPELINES__INTERACTIONS__DEDUPE_BY": "event_id",
        "TIDEMARK_SOURCE__BATCH_SIZE": "700",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
    }
    command = (*TIDEMARK, "run", "--until-end", "--processes", str(processes))
    done = run(command, tmp_path, settings)
    assert done.code == 0, done.stderr

    truth = load_truth(tmp_path / "truth.parquet", window_s=WINDOW_S)
    event_id = pl.col("value").cast(pl.String).str.json_path_match("$.event_id")
    accepted = truth.accepted.with_columns(event_id=event_id)
    assert accepted["event_id"].null_count() == 0
    once = accepted.unique(["start_us", "event_id"])
    copies = len(accepted) - len(once)
    assert copies > 1_000

    read = sqlite_documents(tmp_path / "out.db")
    assert_same(
        read("aggregated_data"), interactions_documents(once, window_s=WINDOW_S), "aggregated_data"
    )
    assert_same(read("user_stats"), current_aggregates(once, "user_id"), "user_stats")
    assert_same(read("item_stats"), current_aggregates(once, "item_id"), "item_stats")
    points = sqlite_series(tmp_path / "out.db")("pipeline", ("pipeline",)).values()
    assert sum(point["duplicates"] for point in points) == copies
    assert (
        sum(
            point[name] for point in points for name in ("events", "rejected", "late", "duplicates")
        )
        == 30_000
    )

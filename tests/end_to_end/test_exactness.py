"""Every stored value equals a batch recomputation, however the work is cut and divided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.conftest import EVENTS, WINDOW_S, Dataset
from tests.sinks.readers import influx_series, mongo_documents, sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.recompute import (
    current_aggregates,
    interactions_documents,
    interactions_points,
)
from tests.support.running import BYTEWAX, TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint

TAGS = {
    "interactions": ("interaction_type", "day_type", "hour_of_day"),
    "interactions_summary": (),
    "item_interactions": ("item_id",),
}
WAYS = {
    "one process": (*TIDEMARK, "run", "--until-end"),
    "two threads": (*BYTEWAX, "-w", "2", "-s", "1"),
    "two processes": (*TIDEMARK, "run", "--until-end", "--processes", "2"),
}


CASES = [
    *((way, batch_size, True) for way in WAYS for batch_size in (500, 20_000)),
    ("one process", 20_000, False),
    ("two processes", 500, False),
]


@pytest.mark.parametrize(("way", "batch_size", "compiled"), CASES)
def test_all_documents_and_points_equal_the_recomputation(
    way: str,
    batch_size: int,
    compiled: bool,
    dataset: Dataset,
    kafka: KafkaEndpoint,
    mongo: MongoEndpoint,
    mongo_database: str,
    influx: InfluxDBEndpoint,
    influx_database: str,
    tmp_path: Path,
) -> None:
    # A bulk upsert on the stand-in for MongoDB takes a thousand times as long as the engine: the
    # small batches and the threads do without it.
    with_mongo = batch_size == 20_000 and way != "two threads" and compiled
    uri = mongo.uri if with_mongo else "null:"
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": dataset.topic,
        "TIDEMARK_SOURCE__BATCH_SIZE": str(batch_size),
        "TIDEMARK_SOURCE__UNTIL_END": "true",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": f"sqlite:out.db,{uri}",
        "TIDEMARK_DOCUMENTS__DATABASE": mongo_database,
        "TIDEMARK_SERIES__URLS": f"sqlite:out.db,{influx.url}",
        "INFLUX_TOKEN": influx.token or "none:none",
        "INFLUX_BUCKET": influx_database,
        "TIDEMARK_COMPILED": "" if compiled else "off",
    }
    done = run(WAYS[way], tmp_path, settings)
    assert done.code == 0, done.stderr
    assert f'"compiled": {"true" if compiled else "false"}' in done.stderr + done.stdout

    truth = dataset.truth
    documents = interactions_documents(truth.accepted, window_s=WINDOW_S)
    users = current_aggregates(truth.accepted, "user_id")
    items = current_aggregates(truth.accepted, "item_id")
    readers = [sqlite_documents(tmp_path / "out.db")]
    if with_mongo:
        readers.append(mongo_documents(mongo, mongo_database))
    for read in readers:
        assert_same(read("aggregated_data"), documents, "aggregated_data")
        assert_same(read("user_stats"), users, "user_stats")
        assert_same(read("item_stats"), items, "item_stats")

        newest = max(documents.values(), key=lambda document: document["timestamp"])
        metrics = read("real_time_metrics")
        for name in ("total", "users", "items", "avg_per_user"):
            assert metrics[f"interactions.{name}"]["value"] == pytest.approx(newest[name])
            assert metrics[f"interactions.{name}"]["timestamp"] == newest["timestamp"]

        status = read("pipeline_status").values()
        assert sum(part["read"] for part in status) == EVENTS
        assert sum(part["rejected"] for part in status) == len(truth.rejected)
        assert sum(part["late"] for part in status) == len(truth.late)

    for series in (sqlite_series(tmp_path / "out.db"), influx_series(influx, influx_database)):
        points = interactions_points(documents)
        for measurement, tags in TAGS.items():
            expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
            assert_same(series(measurement, tags), expected, measurement)
        _assert_books_balance(list(series("pipeline", ("pipeline",)).values()), dataset)


def _assert_books_balance(points: Sequence[dict[str, float]], dataset: Dataset) -> None:
    """Every record read is in exactly one of the three sums."""
    truth = dataset.truth
    assert sum(point["events"] for point in points) == len(truth.accepted)
    assert sum(point["rejected"] for point in points) == len(truth.rejected)
    assert sum(point["late"] for point in points) == len(truth.late)
    assert truth.read == EVENTS

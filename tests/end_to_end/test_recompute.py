"""Late records made whole: windows and aggregates rebuilt over all stores, twice and back."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.end_to_end.conftest import WINDOW_S, fill, interactions_with_faults
from tests.end_to_end.flow import Flow, make_flow
from tests.sinks.readers import (
    influx_series,
    mongo_documents,
    sqlite_documents,
    sqlite_series,
)
from tests.support.comparing import assert_same
from tests.support.recompute import (
    Truth,
    current_aggregates,
    interactions_documents,
    interactions_points,
    load_truth,
)
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint
from tests.support.unique import unique_name

EVENTS = 20_000
TAGS = {
    "interactions": ("interaction_type", "day_type", "hour_of_day"),
    "interactions_summary": (),
    "item_interactions": ("item_id",),
}


@dataclass(frozen=True)
class Finish:
    """A finished bounded run over generated records with every fault."""

    flow: Flow
    truth: Truth
    mongo_database: str
    influx_database: str

    def whole(self) -> dict[str, dict[str, Any]]:
        """Return the documents as they should be with all late records."""
        every = pl.concat([self.truth.accepted, self.truth.late])
        return interactions_documents(every, window_s=WINDOW_S)

    def on_time(self) -> dict[str, dict[str, Any]]:
        """Return the documents without late records."""
        return interactions_documents(self.truth.accepted, window_s=WINDOW_S)

    def period(self) -> tuple[str, str, str, str]:
        every = (self.truth.accepted, self.truth.late)
        times = [us for records in every for us in records["event_time_us"]]
        moments = [
            datetime.fromtimestamp(us / 1e6 + s, UTC)
            for us, s in ((min(times), -WINDOW_S), (max(times), WINDOW_S))
        ]
        return ("--from", moments[0].isoformat(), "--to", moments[1].isoformat())


@pytest.fixture(scope="module")
def finished(
    kafka: KafkaEndpoint,
    mongo: MongoEndpoint,
    influx: InfluxDBEndpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Finish]:
    """Yield a bounded run that has ended, over all stores; its topics stay as they are."""
    topic = kafka.create_topic(unique_name("repair"), 3)
    mongo_database, influx_database = topic, influx.create_database(topic)
    directory = tmp_path_factory.mktemp("repair")
    truth = directory / "truth.parquet"
    settings = interactions_with_faults(EVENTS)
    fill(kafka, topic, settings, truth)
    flow = make_flow(
        kafka,
        topic,
        directory,
        TIDEMARK_DOCUMENTS__URLS=f"sqlite:out.db,{mongo.uri}",
        TIDEMARK_DOCUMENTS__DATABASE=mongo_database,
        TIDEMARK_SERIES__URLS=f"sqlite:out.db,{influx.url}",
        INFLUX_TOKEN=influx.token or "none:none",
        INFLUX_BUCKET=influx_database,
    )
    flow.ok("run", "--until-end")
    yield Finish(flow, load_truth(truth, window_s=WINDOW_S), mongo_database, influx_database)
    with mongo.client() as client:
        client.drop_database(mongo_database)
    influx.drop_database(influx_database)
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)


def test_recompute_makes_every_document_and_point_whole_and_twice_is_once(
    finished: Finish, mongo: MongoEndpoint, influx: InfluxDBEndpoint
) -> None:
    flow, truth = finished.flow, finished.truth
    assert len(truth.late) > 50
    database = flow.directory / "out.db"
    before = _everything(database)

    said = flow.ok("recompute", *finished.period())
    assert "nothing written" in said
    assert _everything(database) == before

    said = flow.ok("recompute", *finished.period(), "--yes")
    assert f"total {len(truth.accepted):,} -> {len(truth.accepted) + len(truth.late):,}" in said
    assert f"late included {len(truth.late):,}" in said
    _assert_stored(finished, finished.whole(), mongo, influx)
    points = sqlite_series(database)("pipeline", ("pipeline",)).values()
    sums = Counter[str]()
    kept = ("watermark_lag_s", "started_s")
    for point in points:
        # What cannot be measured again is kept; nobody has closed a window of late records alone.
        assert "watermark_lag_s" in point or point["events"] == point["late_included"]
        sums.update({name: int(n) for name, n in point.items() if name not in kept})
    assert sums["late_included"] == len(truth.late)
    assert sums["late"] == len(truth.late)
    assert sums["rejected"] == len(truth.rejected)
    assert sums["events"] == len(truth.accepted) + len(truth.late)
    assert truth.read == (sums["events"] + sums["rejected"] + sums["late"] - sums["late_included"])

    after = _everything(database)
    said = flow.ok("recompute", *finished.period(), "--yes")
    assert " 0 of " in said.splitlines()[-1]
    assert _everything(database) == after

    # The aggregates per key are sums over all windows: they are asked for.
    assert before["user_stats"] == after["user_stats"]
    said = flow.ok("recompute", *finished.period(), "--stats", "--yes")
    every = pl.concat([truth.accepted, truth.late])
    readers = sqlite_documents(database), mongo_documents(mongo, finished.mongo_database)
    for read in readers:
        assert_same(read("user_stats"), current_aggregates(every, "user_id"), "user_stats")
        assert_same(read("item_stats"), current_aggregates(every, "item_id"), "item_stats")
    said = flow.ok("recompute", *finished.period(), "--stats", "--yes")
    assert "0 of" in said.splitlines()[-2]

    # And back again: without them, all is as the flow has made it.
    flow.ok("recompute", *finished.period(), "--yes", "--no-include-late")
    _assert_stored(finished, finished.on_time(), mongo, influx)


def _assert_stored(
    finished: Finish,
    documents: dict[str, dict[str, Any]],
    mongo: MongoEndpoint,
    influx: InfluxDBEndpoint,
) -> None:
    database = finished.flow.directory / "out.db"
    assert_same(sqlite_documents(database)("aggregated_data"), documents, "SQLite")
    stored = mongo_documents(mongo, finished.mongo_database)("aggregated_data")
    assert_same(stored, documents, "MongoDB")
    newest = max(documents.values(), key=lambda document: document["timestamp"])
    metric = sqlite_documents(database)("real_time_metrics")["interactions.total"]
    assert (metric["value"], metric["timestamp"]) == (newest["total"], newest["timestamp"])
    points = interactions_points(documents)
    for read in (sqlite_series(database), influx_series(influx, finished.influx_database)):
        for measurement, tags in TAGS.items():
            expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
            assert_same(read(measurement, tags), expected, measurement)


def _everything(database: Path) -> dict[str, dict[Any, Any]]:
    connection = sqlite3.connect(database)
    try:
        names = ("aggregated_data", "user_stats", "item_stats", "real_time_metrics")
        found = {
            name: dict(connection.execute(f'SELECT _id, json(doc) FROM "{name}"')) for name in names
        }
        series = connection.execute("SELECT measurement, time, tags, fields FROM series")
        points = {tuple(map(str, row[:3])): row[3] for row in series}
        return {
            name: {key: json.loads(text) for key, text in rows.items()}
            for name, rows in {**found, "series": points}.items()
        }
    finally:
        connection.close()


def test_lists_count_what_was_sent(finished: Finish) -> None:
    flow, truth = finished.flow, finished.truth
    (dead,) = json.loads(flow.ok("dlq", "list", "--json"))
    assert dead["topic"] == f"{flow.topic}.dlq"
    assert dead["records"] == len(truth.rejected)
    assert dead["copies"] == 0
    assert sum(dead["by_reason"].values()) == len(truth.rejected)
    future = int((truth.rejected["fault"] == "future").sum())
    assert dead["by_reason"]["future_timestamp"] == future
    assert dead["by_partition"] == _by_partition(truth.rejected)
    assert 0 < len(dead["samples"]) <= 3 * len(dead["by_reason"])
    assert dead["oldest"] <= dead["newest"]

    (late,) = json.loads(flow.ok("late", "list", f"{flow.topic}.late", "--json"))
    assert late["records"] == len(truth.late)
    assert late["by_partition"] == _by_partition(truth.late)
    starts = Counter(int(us) for us in truth.late["start_us"])
    assert late["by_window_start"] == {
        datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"): n
        for us, n in starts.items()
    }


def _by_partition(records: pl.DataFrame) -> dict[str, int]:
    return {str(n): count for n, count in sorted(Counter(records["partition"]).items())}

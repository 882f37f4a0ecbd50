"""Activity, sales and inventory in one run: every stored value equals a batch recomputation."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from generator import GeneratorSettings
from tests.end_to_end.conftest import PARTITIONS, WINDOW_S, fill
from tests.faults.job import Job
from tests.faults.job import settings as job_settings
from tests.faults.scenarios import FULL_SPEED
from tests.faults.seeds import dice
from tests.faults.storm import EVERYTHING, Storm
from tests.sinks.readers import influx_series, mongo_documents, sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.recompute import Truth, load_truth
from tests.support.recompute_commerce import (
    TAGS,
    Documents,
    activity_documents,
    commerce_points,
    inventory_alerts,
    inventory_documents,
    inventory_levels,
    sales_documents,
)
from tests.support.running import TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint
from tests.support.topics import read_topic
from tests.support.unique import unique_name

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS = 60_000
PIPELINES = ("activity", "sales", "inventory")
NUMBERS = {"activity": "total", "sales": "revenue", "inventory": "low_stock"}
"""A number of each that is a metric, too."""


@dataclass(frozen=True)
class Commerce:
    """Filled topics and what was sent, by pipeline; and what should come out."""

    topics: dict[str, str]
    truths: dict[str, Truth]
    documents: Documents
    levels: Documents
    alerts: Documents


def with_faults(stream: str) -> GeneratorSettings:
    """Return settings with disorder within the lateness, every fault, and every kind of time."""
    return GeneratorSettings(
        stream=stream,
        rate=None,
        event_rate=300.0,
        count=EVENTS,
        seed=20_261_122,
        start_time=datetime.now(UTC) - timedelta(hours=2),
        timestamp_format="mixed",
        population={"users": 2_000, "items": 60, "odd_name_share": 0.1},
        faults={
            "out_of_order_share": 0.3,
            "out_of_order_s": 4.9,
            "malformed_share": 0.01,
            "missing_field_share": 0.01,
            "late_share": 0.005,
            "future_share": 0.001,
            "duplicate_share": 0.005,
            "missing_optional_share": 0.05,
        },
        scenarios={"partition_lag": {"partition": 1, "by_s": 30.0}},
    )


@pytest.fixture(scope="module")
def commerce(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commerce]:
    """Yield three topics with 60,000 records each in 3 partitions."""
    directory = tmp_path_factory.mktemp("truth")
    topics, truths = {}, {}
    for name in PIPELINES:
        topics[name] = kafka.create_topic(unique_name(name), PARTITIONS)
        fill(kafka, topics[name], with_faults(name), directory / name)
        truths[name] = load_truth(directory / name, window_s=WINDOW_S)
    accepted = {name: truth.accepted for name, truth in truths.items()}
    alerts = inventory_alerts(accepted["inventory"], window_s=WINDOW_S)
    kinds = Counter((each["rule"], each["state"]) for each in alerts.values())
    assert len(kinds) == 4, kinds
    assert min(kinds.values()) > 20, kinds
    yield Commerce(
        topics,
        truths,
        {
            **activity_documents(accepted["activity"], window_s=WINDOW_S),
            **sales_documents(accepted["sales"], window_s=WINDOW_S),
            **inventory_documents(accepted["inventory"], window_s=WINDOW_S),
        },
        inventory_levels(accepted["inventory"]),
        alerts,
    )
    for topic in topics.values():
        for suffix in ("", ".dlq", ".late"):
            kafka.delete_topic(topic + suffix)


def settings_for(kafka: KafkaEndpoint, topics: Mapping[str, str]) -> dict[str, str]:
    """Return settings for one SQLite store, and the three pipelines alone."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": ",".join(topics),
        **{f"TIDEMARK_PIPELINES__{name.upper()}__TOPIC": topics[name] for name in topics},
        "TIDEMARK_ALERTS__TOPIC": unique_name("alerts"),
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


@pytest.mark.parametrize(
    ("processes", "batch_size", "everywhere", "raw"),
    [
        (1, 20_000, False, True),
        (1, 500, False, False),
        (2, 500, False, True),
        # The stand-in for MongoDB takes a few thousand documents a second: without raw data.
        (2, 20_000, True, False),
    ],
)
def test_all_that_is_stored_and_sent_equals_the_recomputation(
    processes: int,
    batch_size: int,
    everywhere: bool,
    raw: bool,
    commerce: Commerce,
    kafka: KafkaEndpoint,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    settings = settings_for(kafka, commerce.topics)
    settings["TIDEMARK_SOURCE__BATCH_SIZE"] = str(batch_size)
    for name in PIPELINES:
        settings[f"TIDEMARK_PIPELINES__{name.upper()}__RAW_DATA"] = str(raw).lower()
    documents = [sqlite_documents(tmp_path / "out.db")]
    series = [sqlite_series(tmp_path / "out.db")]
    if everywhere:
        mongo: MongoEndpoint = request.getfixturevalue("mongo")
        influx: InfluxDBEndpoint = request.getfixturevalue("influx")
        mongo_database: str = request.getfixturevalue("mongo_database")
        influx_database: str = request.getfixturevalue("influx_database")
        settings |= {
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:out.db,{mongo.uri}",
            "TIDEMARK_DOCUMENTS__DATABASE": mongo_database,
            "TIDEMARK_SERIES__URLS": f"sqlite:out.db,{influx.url}",
            "INFLUX_TOKEN": influx.token or "none:none",
            "INFLUX_BUCKET": influx_database,
        }
        documents.append(mongo_documents(mongo, mongo_database))
        series.append(influx_series(influx, influx_database))
    done = run((*TIDEMARK, "run", "--until-end", f"--processes={processes}"), tmp_path, settings)
    assert done.code == 0, done.stderr

    for read in documents:
        _assert_documents(read, commerce, with_milliseconds=read is not documents[0])
    points = commerce_points(commerce.documents)
    for read_points in series:
        for measurement, tags in TAGS.items():
            expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
            assert_same(read_points(measurement, tags), expected, measurement)
        _assert_books_balance(read_points("pipeline", ("pipeline",)), commerce)
    # Once, but where the flow had to send again what a busy broker had not acknowledged in time.
    again = bool(done.excuses())
    _assert_topic(kafka, settings["TIDEMARK_ALERTS__TOPIC"], commerce.alerts, with_copies=again)
    if raw:
        assert_raw_data(tmp_path / "out.db", commerce)


def test_nothing_comes_out_otherwise_when_processes_are_killed(
    commerce: Commerce, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    environ = {
        **job_settings(kafka, unique_name("killed"), batch_size=600),
        **settings_for(kafka, commerce.topics),
    }
    with Job(tmp_path, environ, "--until-end", "--processes=2") as job:
        job.start()
        storm = Storm(job, dice("commerce"), end_at=len(PIPELINES) * EVENTS)
        storm.rage(3, EVERYTHING, then=FULL_SPEED)
        assert job.end() == 0, job.text()[-3000:]
    assert sum(storm.hits.values()) == 3
    assert max(storm.resumed_from) > 1, "no run was resumed from a snapshot"

    _assert_documents(sqlite_documents(job.store), commerce, with_milliseconds=False)
    series = sqlite_series(job.store)
    points = commerce_points(commerce.documents)
    for measurement, tags in TAGS.items():
        expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
        assert_same(series(measurement, tags), expected, measurement)
    _assert_books_balance(series("pipeline", ("pipeline",)), commerce)
    _assert_topic(kafka, environ["TIDEMARK_ALERTS__TOPIC"], commerce.alerts, with_copies=True)
    assert_raw_data(job.store, commerce)


def _assert_documents(read: Any, commerce: Commerce, *, with_milliseconds: bool) -> None:
    assert_same(read("aggregated_data"), commerce.documents, "aggregated_data")
    levels = commerce.levels
    if with_milliseconds:
        levels = {key: _in_milliseconds(level) for key, level in levels.items()}
    assert_same(read("inventory_levels"), levels, "inventory_levels")
    alerts = read("alerts")
    assert_same(alerts, commerce.alerts, "alerts")
    assert all(alert["message"] for alert in alerts.values())
    metrics = read("real_time_metrics")
    for name, field in NUMBERS.items():
        windows = [each for each in commerce.documents.values() if each["type"] == name]
        newest = max(windows, key=lambda document: document["timestamp"])
        metric = metrics[f"{name}.{field}"]
        assert (metric["value"], metric["timestamp"]) == (newest[field], newest["timestamp"])


def _in_milliseconds(level: dict[str, Any]) -> dict[str, Any]:
    at: datetime = level["last_updated"]
    return {**level, "last_updated": at.replace(microsecond=at.microsecond // 1000 * 1000)}


def _assert_books_balance(points: Mapping[Any, Mapping[str, float]], commerce: Commerce) -> None:
    """Every record read is in exactly one of the three sums."""
    for name, truth in commerce.truths.items():
        own = [fields for (_, tags), fields in points.items() if tags == (("pipeline", name),)]
        found = [sum(fields[kind] for fields in own) for kind in ("events", "rejected", "late")]
        assert found == [len(truth.accepted), len(truth.rejected), len(truth.late)], name
        assert truth.read == EVENTS


def _assert_topic(
    kafka: KafkaEndpoint, topic: str, alerts: Documents, *, with_copies: bool = False
) -> None:
    """Every begin and every end is there, once but for copies; those of one subject in order."""
    sent: dict[str, dict[str, dict[str, Any]]] = {}
    messages = read_topic(kafka, topic)
    kafka.delete_topic(topic)
    for message in messages:
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        assert value is not None
        alert = json.loads(value)
        sent.setdefault(key.decode(), {}).setdefault(alert["_id"], alert)
    assert {identity for those in sent.values() for identity in those} == alerts.keys()
    assert len(messages) == len(alerts) or with_copies
    for subject, those in sent.items():
        told = list(those.values())
        assert {f"{each['rule']}/{each['subject']}" for each in told} == {subject}
        states = ["begin", "end"] * len(told)
        assert [each["state"] for each in told] == states[: len(told)]
        assert [each["timestamp"] for each in told] == sorted(each["timestamp"] for each in told)


def assert_raw_data(store: Path, commerce: Commerce) -> None:
    """Every valid record is there byte by byte as it came, late ones too, and nothing else."""
    with closing(sqlite3.connect(store)) as connection:
        found = dict(connection.execute("SELECT _id, doc FROM raw_data"))
    expected = 0
    for name, truth in commerce.truths.items():
        topic = commerce.topics[name]
        valid = pl.concat([truth.accepted, truth.late])
        expected += len(valid)
        columns = ("partition", "sequence", "key", "value", "event_time_us")
        for partition, offset, key, value, time_us in valid.select(columns).iter_rows():
            head, _, data = found[f"{topic}/{partition}/{offset}"].partition(',"data":')
            assert data.encode() == value + b"}"
            document = json.loads(head + "}")
            at = (document["topic"], document["partition"], document["offset"], document["key"])
            assert at == (topic, partition, offset, key.decode())
            assert datetime.fromisoformat(document["timestamp"]) == EPOCH + timedelta(
                microseconds=time_us
            )
            assert document["ingested_at"] is not None
    assert len(found) == expected

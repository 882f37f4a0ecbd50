"""Logins: all that is stored and sent equals a batch recomputation, however the work is cut."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Message

from generator import GeneratorSettings
from tests.conftest import MakeTopic
from tests.end_to_end.conftest import PARTITIONS, fill
from tests.faults.job import Job
from tests.faults.job import settings as job_settings
from tests.faults.scenarios import FULL_SPEED
from tests.faults.seeds import dice
from tests.faults.storm import EVERYTHING, Storm
from tests.sinks.readers import influx_series, mongo_documents, sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.producing import START, produce
from tests.support.recompute import Truth, load_truth
from tests.support.recompute_logins import (
    TAGS,
    Documents,
    Rules,
    logins_documents,
    logins_points,
    processed,
    processed_documents,
)
from tests.support.running import TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint
from tests.support.topics import header, read_topic
from tests.support.unique import unique_name

EVENTS = 100_000
WINDOW_S, PROCESSED_WINDOW_S = 30, 60
PLAIN = Rules()
STRICT = Rules(("android", "IPAD", "Web"), max_locales=1, max_logins=40)
LABELS = ("user_id", "device_type", "app_version", "locale", "device_id", "ip")
ADDED = ("processed_timestamp", "device_category", "anomaly", "anomaly_reasons")


@dataclass(frozen=True)
class Dataset:
    """A filled topic and what was sent, sorted out by the windows of either pipeline."""

    topic: str
    logins: Truth
    processed: Truth

    def expected(self, rules: Rules) -> tuple[Documents, pl.DataFrame]:
        """Return the documents of both pipelines, and the logins that are sent on."""
        taken = processed(self.processed, rules)
        documents = logins_documents(self.logins.accepted, window_s=WINDOW_S)
        return {**documents, **processed_documents(taken, window_s=PROCESSED_WINDOW_S)}, taken


@pytest.fixture(scope="module")
def dataset(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """Yield a topic with 100,000 logins in 3 partitions, with every fault and kind of time."""
    types = {"android": 35, "Android": 5, "iOS": 22, "iPad": 6, "tablet": 4, "web": 15, "mac": 9}
    generated = GeneratorSettings(
        stream="logins",
        rate=None,
        event_rate=400.0,
        count=EVENTS,
        seed=20_261_122,
        start_time=datetime.now(UTC) - timedelta(hours=2),
        timestamp_format="mixed",
        population={"users": 1_500},
        logins={"device_types": types},
        faults={
            "out_of_order_share": 0.3,
            "out_of_order_s": 4.9,
            "malformed_share": 0.01,
            "missing_field_share": 0.005,
            "late_share": 0.005,
            "late_s": 100.0,
            "future_share": 0.001,
            "duplicate_share": 0.005,
            "missing_optional_share": 0.05,
        },
        scenarios={"partition_lag": {"partition": 1, "by_s": 30.0}},
    )
    topic = kafka.create_topic(unique_name("logins"), PARTITIONS)
    path = tmp_path_factory.mktemp("truth") / "truth.parquet"
    fill(kafka, topic, generated, path)
    yield Dataset(
        topic,
        load_truth(path, window_s=WINDOW_S),
        load_truth(path, window_s=PROCESSED_WINDOW_S),
    )
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)


@dataclass(frozen=True)
class Outputs:
    """The topics that a run writes to."""

    aggregates: str
    processed: str


@pytest.fixture
def outputs(make_topic: MakeTopic) -> Outputs:
    """Return topics of the test's own."""
    return Outputs(make_topic(PARTITIONS), make_topic(PARTITIONS))


def settings_for(
    kafka: KafkaEndpoint, topic: str, outputs: Outputs, rules: Rules = PLAIN
) -> dict[str, str]:
    """Return settings for one SQLite store, and the two pipelines alone."""
    section = "TIDEMARK_PIPELINES__PROCESSED_LOGINS"
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "logins,processed_logins",
        "TIDEMARK_PIPELINES__LOGINS__TOPIC": topic,
        "TIDEMARK_PIPELINES__LOGINS__OUTPUT_TOPIC": outputs.aggregates,
        f"{section}__TOPIC": topic,
        f"{section}__OUTPUT_TOPIC": outputs.processed,
        f"{section}__DEVICE_TYPES": ",".join(rules.device_types),
        f"{section}__MAX_LOCALES_PER_DEVICE": json.dumps(rules.max_locales),
        f"{section}__MAX_LOGINS_PER_IP": json.dumps(rules.max_logins),
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


@pytest.mark.parametrize(
    ("processes", "batch_size", "rules", "everywhere"),
    [
        (1, 20_000, PLAIN, False),
        (1, 500, STRICT, False),
        (2, 500, PLAIN, False),
        (2, 20_000, STRICT, True),
    ],
)
def test_all_that_is_stored_and_sent_equals_the_recomputation(
    processes: int,
    batch_size: int,
    rules: Rules,
    everywhere: bool,
    dataset: Dataset,
    outputs: Outputs,
    kafka: KafkaEndpoint,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    settings = settings_for(kafka, dataset.topic, outputs, rules)
    settings["TIDEMARK_SOURCE__BATCH_SIZE"] = str(batch_size)
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
    began = datetime.now(UTC)
    done = run((*TIDEMARK, "run", "--until-end", f"--processes={processes}"), tmp_path, settings)
    assert done.code == 0, done.stderr

    expected, taken = dataset.expected(rules)
    for read in documents:
        assert_same(read("aggregated_data"), expected, "aggregated_data")
        _assert_status(list(read("pipeline_status").values()), dataset, taken)
    for read_points in series:
        _assert_points(read_points, expected)
        _assert_books_balance(read_points("pipeline", ("pipeline",)), dataset, taken)
    _assert_aggregates(read_topic(kafka, outputs.aggregates), expected)
    sent = read_topic(kafka, outputs.processed)
    assert len(sent) == len(taken) or done.excuses()
    _assert_processed(sent, dataset.topic, taken, began)
    _assert_logged(done.stderr, expected)


def test_nothing_comes_out_otherwise_when_processes_are_killed(
    dataset: Dataset, outputs: Outputs, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    environ = {
        **job_settings(kafka, unique_name("killed"), batch_size=1_200),
        **settings_for(kafka, dataset.topic, outputs, STRICT),
    }
    began = datetime.now(UTC)
    with Job(tmp_path, environ, "--until-end", "--processes=2") as job:
        job.start()
        # Each of the two pipelines keeps books of all records.
        storm = Storm(job, dice("logins"), end_at=2 * EVENTS)
        storm.rage(3, EVERYTHING, then=FULL_SPEED)
        assert job.end() == 0, job.text()[-3000:]
    assert sum(storm.hits.values()) == 3
    assert max(storm.resumed_from) > 1, "no run was resumed from a snapshot"

    expected, taken = dataset.expected(STRICT)
    assert_same(sqlite_documents(job.store)("aggregated_data"), expected, "aggregated_data")
    _assert_points(sqlite_series(job.store), expected)
    _assert_books_balance(sqlite_series(job.store)("pipeline", ("pipeline",)), dataset, taken)
    _assert_aggregates(read_topic(kafka, outputs.aggregates), expected)
    _assert_processed(read_topic(kafka, outputs.processed), dataset.topic, taken, began)


def _assert_points(read: Callable[..., Mapping[Any, Any]], documents: Documents) -> None:
    points = logins_points(documents)
    for measurement, tags in TAGS.items():
        expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
        assert_same(read(measurement, tags), expected, measurement)


def _assert_books_balance(
    points: Mapping[Any, Mapping[str, float]], dataset: Dataset, taken: pl.DataFrame
) -> None:
    """Every record is in exactly one of the sums, but for those that a pipeline does not take."""
    late = int(taken["late"].sum())
    expected = {
        "logins": (len(dataset.logins.accepted), len(dataset.logins.late)),
        "processed_logins": (len(taken) - late, late),
    }
    assert min(*expected["logins"], *expected["processed_logins"]) > 100
    for name, (events, late) in expected.items():
        own = [fields for (_, tags), fields in points.items() if tags == (("pipeline", name),)]
        found = [sum(fields[kind] for fields in own) for kind in ("events", "rejected", "late")]
        assert found == [events, len(dataset.logins.rejected), late], name


def _assert_status(status: list[dict[str, Any]], dataset: Dataset, taken: pl.DataFrame) -> None:
    """What was read is told, and so are the fields that stood for nothing."""
    valid = pl.concat([dataset.logins.accepted, dataset.logins.late])
    for name, filtered in (("logins", 0), ("processed_logins", len(valid) - len(taken))):
        own = [part for part in status if part["pipeline"] == name]
        assert sum(part["read"] for part in own) == EVENTS
        assert sum(part["rejected"] for part in own) == len(dataset.logins.rejected)
        assert sum(part["filtered"] for part in own) == filtered
        defaults = sum(
            part[kind].get("locale", 0)
            for part in own
            for kind in ("missing_by_field", "dropped_by_field")
        )
        # Of rejected records some were decoded, too.
        assert defaults >= valid["locale"].null_count() > 1_000


def _assert_aggregates(messages: list[Message], documents: Documents) -> None:
    """Every window's document is there as JSON under its start; copies are alike."""
    sent: dict[str, Any] = {}
    for message in messages:
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        assert value is not None
        content = json.loads(value)
        assert sent.setdefault(key.decode(), content) == content
    logins = {
        identity.removeprefix("logins/"): {
            **document,
            "timestamp": _iso(document["timestamp"]),
            "window_end": _iso(document["window_end"]),
        }
        for identity, document in documents.items()
        if document["type"] == "logins"
    }
    assert len(logins) >= 8
    assert_same(sent, logins, "device-login-aggregates")


def _assert_processed(
    messages: list[Message], topic: str, taken: pl.DataFrame, began: datetime
) -> None:
    """Every login that is taken is there, field for field, in order; copies are alike."""
    columns = ("partition", "sequence", "key", "value", "event_time_us", "category", "reasons")
    expected = {(row[0], row[1]): row[2:] for row in taken.select(columns).iter_rows()}
    first: dict[int, list[int]] = {}
    seen = set()
    ended = datetime.now(UTC)
    for message in messages:
        source = dict(message.headers() or [])
        assert source["source.topic"] == topic.encode()
        at = int(source["source.partition"] or 0), int(source["source.offset"] or 0)
        assert message.partition() == at[0]
        if at not in seen:
            first.setdefault(at[0], []).append(at[1])
        seen.add(at)
        key, value, time_us, category, reasons = expected[at]
        content = json.loads(message.value() or b"")
        assert message.key() == content["user_id"].encode()
        processed_at = datetime.fromisoformat(content["processed_timestamp"])
        assert began <= processed_at <= ended
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
        assert content["timestamp"].endswith("Z")
        assert datetime.fromisoformat(content["timestamp"]) == moment
        found = (content["device_category"], content["anomaly"], content["anomaly_reasons"])
        assert found == (category, bool(reasons), reasons), at
        original = json.loads(value)
        if original.get("user_id") and isinstance(original["user_id"], str):
            assert message.key() == key
        for name in ADDED:
            del content[name]
        # What is missing or of no use is sent on as `unknown`.
        for name in LABELS:
            label = original.get(name)
            original[name] = label if label and isinstance(label, str) else "unknown"
        assert {**content, "timestamp": original["timestamp"]} == original
    assert seen == expected.keys()
    for offsets in first.values():
        assert offsets == sorted(offsets)


def _assert_logged(log: str, documents: Documents) -> None:
    """The counts by version are logged once a window."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    told = {line["window"]: line for line in lines if line["event"] == "processed_logins"}
    expected = {
        identity.removeprefix("processed_logins/"): {
            "by_app_version": document["by_app_version"],
            "total": document["total"],
        }
        for identity, document in documents.items()
        if document["type"] == "processed_logins"
    }
    assert_same(told, expected, "log")
    assert sum(line["event"] == "processed_logins" for line in lines) == len(expected)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_each_pipeline_runs_alone_on_records_that_people_write_by_hand(
    kafka: KafkaEndpoint, make_topic: MakeTopic, outputs: Outputs, tmp_path: Path
) -> None:
    topic = make_topic(1)
    epoch = int(START.timestamp())
    known = {
        "user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae",
        "app_version": "2.3.0",
        "device_type": "android",
        "ip": "199.172.111.135",
        "locale": "RU",
        "device_id": "593-47-5928",
    }
    records: list[dict[str, Any]] = [
        {**known, "timestamp": epoch + 1},
        {**known, "timestamp": str(epoch + 2), "locale": "US"},
        {**known, "timestamp": "2026-03-01T12:00:03", "device_type": "Android", "ip": None},
        {"timestamp": "2026-03-01T13:00:04+01:00", "device_type": "iOS"},
        {"timestamp": (epoch + 5) * 1000, "device_type": None, "app_version": None},
        {"user_id": "no time"},
    ]
    produce(kafka, topic, 0, [json.dumps(record).encode() for record in records])
    settings = settings_for(kafka, topic, outputs) | {"TIDEMARK_SOURCE__UNTIL_END": "true"}
    del settings["TIDEMARK_PIPELINES__ONLY"]
    for module in ("dataflows.logins", "dataflows.processed_logins"):
        done = run((sys.executable, "-m", "bytewax.run", module), tmp_path, settings)
        assert done.code == 0, done.stderr
        assert "optional_values_missing" in done.stderr

    window = {"type": "logins", "timestamp": START, "window_end": START + timedelta(seconds=30)}
    counts = {
        "total": 5,
        "by_device_type": {"android": 2, "Android": 1, "iOS": 1, "unknown": 1},
        "by_locale": {"RU": 2, "US": 1, "unknown": 2},
        "unique_devices": 1,
        "unique_ips": 1,
        "frequent_ips": [{"ip": "199.172.111.135", "count": 2}],
    }
    minute = {
        "total": 3,
        "by_app_version": {"2.3.0": 3},
        "by_category": {"Mobile": 3},
        "anomalies": 2,
    }
    assert_same(
        sqlite_documents(tmp_path / "out.db")("aggregated_data"),
        {
            "logins/2026-03-01T12:00:00Z": {**window, **counts},
            "processed_logins/2026-03-01T12:00:00Z": {**minute, "timestamp": START},
        },
        "aggregated_data",
    )
    (aggregate,) = read_topic(kafka, outputs.aggregates)
    assert json.loads(aggregate.value() or b"")["total"] == 5
    sent = [json.loads(message.value() or b"") for message in read_topic(kafka, outputs.processed)]
    assert [(each["timestamp"], each["anomaly"]) for each in sent] == [
        ("2026-03-01T12:00:01Z", True),
        ("2026-03-01T12:00:02Z", False),
        ("2026-03-01T12:00:03Z", True),
    ]
    assert sent[2]["ip"] == "unknown"
    (rejected,) = {
        header(message, "source.offset"): header(message, "error.reason")
        for message in read_topic(kafka, f"{topic}.dlq")
    }.items()
    assert rejected == ("5", "invalid_schema")
    for suffix in (".dlq", ".late"):
        kafka.delete_topic(topic + suffix)

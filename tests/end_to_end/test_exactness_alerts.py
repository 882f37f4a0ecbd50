"""Alerts of rules equal a batch recomputation, however the work is cut and divided."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from generator import GeneratorSettings
from tests.end_to_end.conftest import PARTITIONS, WINDOW_S, fill
from tests.faults.job import Job
from tests.faults.seeds import seed
from tests.sinks.readers import sqlite_documents
from tests.support.comparing import assert_same
from tests.support.recompute import Truth, load_truth
from tests.support.recompute_alerts import Documents, Expected, rule_alerts, values_by, values_of
from tests.support.running import TIDEMARK, run
from tests.support.servers import KafkaEndpoint
from tests.support.topics import read_topic
from tests.support.unique import unique_name

EVENTS = 15_000
"""Of each kind, before and after a pause of ten windows."""

RULES: list[dict[str, Any]] = [
    {"name": "busy", "metric": "total", "op": ">", "threshold": 500},
    {
        "name": "keen",
        "metric": "avg_per_user",
        "op": ">=",
        "threshold": 1.7,
        "for_windows": 2,
        "cooldown_s": 40,
        "severity": "info",
    },
    {"name": "few_shares", "metric": "by_type.share", "op": "<=", "threshold": 13},
    {"name": "kinds", "metric": "count", "per": "type", "op": ">", "threshold": 20},
    {
        "name": "item_spike",
        "metric": "count",
        "per": "item",
        "op": ">=",
        "threshold": 4,
        "for_windows": 2,
        "cooldown_s": 30,
        "severity": "critical",
    },
    {"name": "buyer", "metric": "count.purchase", "per": "user", "op": ">", "threshold": 0},
    {"name": "product", "metric": "total_amount", "per": "product", "op": ">", "threshold": 999.99},
    {
        "name": "store",
        "metric": "quantity",
        "per": "store",
        "op": "<",
        "threshold": 40,
        "for_windows": 3,
    },
    {"name": "revenue", "metric": "revenue", "op": ">=", "threshold": 60000.5},
]
for rule in RULES:
    rule["pipeline"] = (
        "sales" if rule["name"] in ("product", "store", "revenue") else "interactions"
    )


@dataclass(frozen=True)
class Filled:
    """Filled topics by pipeline, and the alerts that should come of them."""

    topics: dict[str, str]
    alerts: Documents


@pytest.fixture(scope="module")
def filled(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Yield two topics with a pause in mid-stream, in which no partition has any event."""
    directory = tmp_path_factory.mktemp("truth")
    topics = {name: kafka.create_topic(unique_name(name), PARTITIONS) for name in ("i", "s")}
    truths = {
        "interactions": _filled(kafka, topics["i"], "interactions", directory),
        "sales": _filled(kafka, topics["s"], "sales", directory),
    }
    yield Filled({"interactions": topics["i"], "sales": topics["s"]}, _expected(truths))
    for topic in topics.values():
        for suffix in ("", ".dlq", ".late"):
            kafka.delete_topic(topic + suffix)


def _filled(kafka: KafkaEndpoint, topic: str, stream: str, directory: Path) -> Truth:
    start = datetime.now(UTC) - timedelta(hours=2)
    parts: list[pl.DataFrame] = []
    for number, begin in enumerate((start, start + timedelta(seconds=EVENTS / 50 + 100))):
        file = directory / f"{stream}-{number}"
        fill(kafka, topic, _settings(stream, begin, number), file)
        part = pl.read_parquet(file)
        if parts:
            before = parts[0].group_by("partition").agg(pl.len().alias("before"))
            part = part.join(before, on="partition", how="left").with_columns(
                (pl.col("sequence") + pl.col("before").fill_null(0)).cast(pl.Int64)
            )
        parts.append(part.with_columns(pl.col("sequence").cast(pl.Int64)))
    pl.concat([part.select(parts[0].columns) for part in parts]).write_parquet(directory / stream)
    return load_truth(directory / stream, window_s=WINDOW_S)


def _settings(stream: str, start: datetime, number: int) -> GeneratorSettings:
    return GeneratorSettings(
        stream=stream,
        rate=None,
        event_rate=50.0,
        count=EVENTS,
        seed=number + 1,
        start_time=start,
        population={"users": 400, "items": 300, "item_skew": 0.6},
        faults={
            "out_of_order_share": 0.3,
            "out_of_order_s": 4.9,
            "malformed_share": 0.01,
            "late_share": 0.01,
            "duplicate_share": 0.005,
        },
        scenarios={"burst": {"factor": 1.5, "after_s": 60.0, "for_s": 45.0}},
    )


def _expected(truths: dict[str, Truth]) -> Documents:
    accepted = truths["interactions"].accepted
    sold = truths["sales"].accepted
    kinds = values_by(accepted, "interaction_type", pl.len())
    starts = set(accepted["start_us"])
    bought = accepted.filter(pl.col("interaction_type") == "purchase")
    money = pl.col("total_amount_cents").sum() / 100
    values: dict[str, dict[tuple[int, str], float]] = {
        "busy": values_of(accepted, "interactions", pl.len()),
        "keen": values_of(accepted, "interactions", pl.len() / pl.col("user_id").n_unique()),
        # A type that a window with events does not have was counted no time.
        "few_shares": {(start, "interactions"): kinds.get((start, "share"), 0) for start in starts},
        "kinds": kinds,
        "item_spike": values_by(accepted, "item_id", pl.len()),
        "buyer": values_by(bought, "user_id", pl.len()),
        "product": values_by(sold, "product_id", money),
        "store": values_by(sold, "store_id", pl.col("quantity").sum()),
        "revenue": values_of(sold, "sales", money),
    }
    alerts: Documents = {}
    for each in RULES:
        found = rule_alerts(Expected(each, values[each["name"]]), window_s=WINDOW_S)
        states = Counter(alert["state"] for alert in found.values())
        assert states["begin"] == states["end"] >= 2, f"{each['name']}: {states}"
        alerts |= found
    return alerts


def settings_for(kafka: KafkaEndpoint, filled: Filled, topic: str) -> dict[str, str]:
    """Return settings for both pipelines alone, and the rules."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions,sales",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": filled.topics["interactions"],
        "TIDEMARK_PIPELINES__SALES__TOPIC": filled.topics["sales"],
        "TIDEMARK_PIPELINES__SALES__RAW_DATA": "false",
        "TIDEMARK_ALERTS__TOPIC": topic,
        "TIDEMARK_ALERTS__RULES": json.dumps(RULES),
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "null:",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


@pytest.mark.parametrize(("processes", "batch_size"), [(1, 20_000), (1, 300), (2, 700)])
def test_alerts_equal_the_recomputation(
    processes: int, batch_size: int, filled: Filled, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    topic = unique_name("alerts")
    settings = settings_for(kafka, filled, topic)
    settings["TIDEMARK_SOURCE__BATCH_SIZE"] = str(batch_size)
    done = run((*TIDEMARK, "run", "--until-end", f"--processes={processes}"), tmp_path, settings)
    assert done.code == 0, done.stderr
    assert '"event": "alert.begin"' in done.stderr

    alerts = sqlite_documents(tmp_path / "out.db")("alerts")
    assert_same(alerts, filled.alerts, "alerts")
    assert all(alert["message"] for alert in alerts.values())
    _assert_topic(kafka, topic, filled.alerts, done.excuses())


def test_alerts_equal_the_recomputation_over_kills_and_rescaling(
    filled: Filled, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    topic = unique_name("alerts")
    settings = settings_for(kafka, filled, topic) | {
        # Slow enough to be hit while it works.
        "TIDEMARK_SOURCE__BATCH_SIZE": "300",
        "TIDEMARK_SOURCE__EPOCH_BYTES": str(2 * 300 * 200),
        "TIDEMARK_SOURCE__MAX_MESSAGE_BYTES": "10000",
    }
    dice = Random(seed())
    with Job(tmp_path, settings, "--until-end") as job:
        for processes in (1, 2):
            job.start(f"--processes={processes}")
            job.wait_for_work(None if processes == 1 else datetime.now(UTC), "work")
            job.wait_for_snapshot()
            job.wait(dice.uniform(0.0, 2.0))
            job.kill_supervisor()
            assert job.documents("alerts").keys() != filled.alerts.keys(), "killed in mid-work"
        job.start("--processes=1")
        assert job.end() == 0
        assert job.resumed_from() > 1
        assert_same(job.documents("alerts"), filled.alerts, "alerts")
    identities = {json.loads(message.value() or b"")["_id"] for message in read_topic(kafka, topic)}
    kafka.delete_topic(topic)
    assert identities == filled.alerts.keys()


def _assert_topic(kafka: KafkaEndpoint, topic: str, alerts: Documents, excuses: list[str]) -> None:
    """Every begin and every end is there, those of one rule and subject in turns.

    Once, but where the flow had to send again what a busy broker had not acknowledged in time.
    """
    sent: dict[str, list[dict[str, Any]]] = {}
    for message in read_topic(kafka, topic):
        alert = json.loads(message.value() or b"")
        those = sent.setdefault((message.key() or b"").decode(), [])
        if not excuses or alert not in those:
            those.append(alert)
    kafka.delete_topic(topic)
    assert sorted(each["_id"] for those in sent.values() for each in those) == sorted(alerts)
    for those in sent.values():
        assert [each["state"] for each in those] == ["begin", "end"] * (len(those) // 2)
        assert [each["timestamp"] for each in those] == sorted(each["timestamp"] for each in those)

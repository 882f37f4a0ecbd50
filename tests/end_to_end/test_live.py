"""Consumed live, from partitions that were idle, a stream gives what its backlog gives."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from generator import GeneratorSettings
from tests.conftest import MakeTopic
from tests.end_to_end.conftest import PARTITIONS, WINDOW_S, fill, interactions_with_faults
from tests.sinks.readers import sqlite_documents, sqlite_documents_so_far
from tests.support.comparing import assert_same
from tests.support.recompute import current_aggregates, interactions_documents, load_truth
from tests.support.running import BYTEWAX, TIDEMARK, Running, run
from tests.support.servers import KafkaEndpoint
from tests.support.topics import header, read_topic

EVENTS = 100_000
IDLE_AFTER_S = 2


def test_live_equals_backlog_equals_recomputation_and_nothing_vanishes(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(PARTITIONS)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_TIME__IDLE_AFTER_S": str(IDLE_AFTER_S),
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:live.db",
        "TIDEMARK_SERIES__URLS": "sqlite:live.db",
    }
    live = sqlite_documents_so_far(tmp_path / "live.db")

    def all_idle() -> bool:
        states = [part["state"] for part in live("pipeline_status").values()]
        return states == ["idle"] * PARTITIONS

    truth_file = tmp_path / "truth.parquet"
    with Running((*BYTEWAX, "-s", "1"), tmp_path, settings) as job:
        job.wait_until(all_idle, what="silence on all partitions")
        fill(kafka, topic, _paced(interactions_with_faults(EVENTS)), truth_file)
        truth = load_truth(truth_file, window_s=WINDOW_S)
        documents = interactions_documents(truth.accepted, window_s=WINDOW_S)
        # No end of input: the last windows close because all partitions have fallen silent.
        job.wait_until(
            lambda: len(live("aggregated_data")) == len(documents),
            what=f"all {len(documents)} windows",
        )
        # Other lanes than that of the windows' documents may still be writing.
        for name in ("user_stats", "item_stats"):
            job.wait_until(
                lambda name=name: (
                    sum(d["total"] for d in live(name).values())  # type: ignore[misc]
                    == len(truth.accepted)
                ),
                what=f"all of {name}",
            )
        job.wait_until(all_idle, what="silence on all partitions")
        assert job.interrupt() in (1, -2)

    users = current_aggregates(truth.accepted, "user_id")
    assert_same(live("aggregated_data"), documents, "live aggregated_data")
    assert_same(live("user_stats"), users, "live user_stats")
    _assert_dead_letters(kafka, topic, truth.rejected, truth.late)

    settings |= {"TIDEMARK_DOCUMENTS__URLS": "sqlite:again.db"}
    done = run((*TIDEMARK, "run", "--until-end"), tmp_path, settings)
    assert done.code == 0, done.stderr
    again = sqlite_documents(tmp_path / "again.db")
    assert_same(again("aggregated_data"), documents, "replayed aggregated_data")
    assert_same(again("user_stats"), users, "replayed user_stats")


def _paced(settings: GeneratorSettings) -> GeneratorSettings:
    """Twenty thousand a second, so that event time runs faster than the clock."""
    return settings.model_copy(update={"rate": 20_000.0, "event_rate": None, "speed": 4.0})


def _assert_dead_letters(
    kafka: KafkaEndpoint, topic: str, rejected: pl.DataFrame, late: pl.DataFrame
) -> None:
    """Every rejected and every late record is in its topic once, unchanged, with its origin."""
    for suffix, records in ((".dlq", rejected), (".late", late)):
        messages = read_topic(kafka, topic + suffix)
        found = {
            (int(header(m, "source.partition")), int(header(m, "source.offset"))): (
                m.key(),
                m.value(),
            )
            for m in messages
        }
        assert len(found) == len(messages)
        expected = {
            (partition, sequence): (key, value)
            for partition, sequence, key, value in records.select(
                "partition", "sequence", "key", "value"
            ).iter_rows()
        }
        assert found == expected
        assert {header(m, "source.topic") for m in messages} == {topic}
    reasons = {
        "future": {"future_timestamp"},
        "malformed": {"invalid_json", "invalid_schema"},
        "missing_field": {"invalid_schema"},
    }
    faults = dict(
        zip(
            zip(rejected["partition"], rejected["sequence"], strict=True),
            rejected["fault"],
            strict=True,
        )
    )
    for message in read_topic(kafka, f"{topic}.dlq"):
        at = int(header(message, "source.partition")), int(header(message, "source.offset"))
        assert header(message, "error.reason") in reasons[faults[at]]
        assert header(message, "error.message")
    for message in read_topic(kafka, f"{topic}.late"):
        assert header(message, "window.start") < header(message, "watermark")
        assert header(message, "pipeline") == "interactions"

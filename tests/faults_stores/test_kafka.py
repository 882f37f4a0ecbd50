"""Kafka that is restarted, late, trimmed or made anew, and records that are too large.

The broker here belongs to this module: it is killed and started again on the same port.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.conftest import StartServer
from tests.faults.verdict import missing_dead_letters
from tests.faults_stores.data import PARTITIONS, assert_documents, assert_series, fill
from tests.faults_stores.job import UNTIL_END, one_message
from tests.sinks.readers import sqlite_documents, sqlite_documents_so_far, sqlite_series
from tests.support.producing import interaction, produce, produce_to_each
from tests.support.running import TIDEMARK, Finished, Running, run
from tests.support.servers import Kafka, KafkaEndpoint
from tests.support.servers.ports import free_port
from tests.support.topics import header
from tests.support.unique import unique_name

MB = 1_000_000


@pytest.fixture
def broker(start_server: StartServer) -> Kafka:
    """Return a broker that the test may kill."""
    return start_server(Kafka)


def settings_of(address: str, topic: str, **more: str) -> dict[str, str]:
    """Return settings for one SQLite file, small batches and short epochs."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": address,
        "KAFKA_GROUP_ID": topic,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
        "TIDEMARK_LOGGING__FORMAT": "json",
        **more,
    }


def stored(directory: Path, collection: str) -> dict[str, dict[str, Any]]:
    return sqlite_documents_so_far(directory / "out.db")(collection)


def records_read(directory: Path) -> int:
    return sum(part["read"] for part in stored(directory, "pipeline_status").values())


def totals(directory: Path) -> dict[str, int]:
    return {key: user["total"] for key, user in stored(directory, "user_stats").items()}


def events_of(finished: Finished, name: str) -> list[dict[str, Any]]:
    """Return what was logged under a name."""
    lines = [line for line in finished.stderr.splitlines() if line.startswith("{")]
    return [entry for entry in map(json.loads, lines) if entry["event"] == name]


def member_pids(running: Running) -> list[int]:
    """Return the processes of a flow that the supervisor has started."""
    entries = map(json.loads, running.log.read_text().splitlines())
    return [entry["pid"] for entry in entries if entry["event"] == "worker.started"]


def dead_letters(kafka: KafkaEndpoint, topic: str) -> list[Message]:
    """Return what is in partition 0 of a topic."""
    consumer = Consumer(
        {**kafka.client_properties(), "group.id": "reader", "enable.auto.commit": False}
    )
    messages: list[Message] = []
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.assign([TopicPartition(topic, 0, low)])
        while len(messages) < high - low:
            found = consumer.consume(high - low - len(messages), timeout=10.0)
            assert found, f"{topic} falls silent"
            assert all(message.error() is None for message in found)
            messages += found
    finally:
        consumer.close()
    return messages


def test_a_broker_that_is_killed_in_mid_run_comes_back_and_nothing_is_missing(
    broker: Kafka, tmp_path: Path
) -> None:
    topic = broker.create_topic("restarted", PARTITIONS)
    data = fill(
        broker,
        topic,
        tmp_path / "truth.parquet",
        count=40_000,
        windows=10,
    )
    settings = settings_of(
        broker.bootstrap_servers,
        topic,
        # Slow enough to be hit in the middle: a few batches an epoch.
        TIDEMARK_SOURCE__BATCH_SIZE="1000",
        TIDEMARK_SOURCE__EPOCH_BYTES="600000",
        TIDEMARK_SOURCE__MAX_MESSAGE_BYTES="600000",
        TIDEMARK_KAFKA__CLIENT='{"queued.max.messages.kbytes": 512}',
        TIDEMARK_STORES__TIMEOUT_S="3",
    )
    with Running(UNTIL_END, tmp_path, settings) as running:
        running.wait_until(lambda: records_read(tmp_path) > 5_000, what="some records")
        broker.kill()
        before = records_read(tmp_path)
        time.sleep(1.0)
        assert before < data.truth.read
        broker.start()
        assert running.process.wait(90) == 0, running.log.read_text()
    assert_documents(sqlite_documents(tmp_path / "out.db"), data.truth)
    assert_series(sqlite_series(tmp_path / "out.db"), data.truth)
    assert missing_dead_letters(broker, topic, data.truth) == []


def test_a_broker_that_is_away_for_long_is_no_silent_partition(
    broker: Kafka, tmp_path: Path
) -> None:
    topic = broker.create_topic("away", 2)
    settings = settings_of(broker.bootstrap_servers, topic, TIDEMARK_TIME__IDLE_AFTER_S="15")
    with Running((*TIDEMARK, "run"), tmp_path, settings) as running:
        for partition in (0, 1):
            produce(broker, topic, partition, [interaction(1), interaction(2)])
        running.wait_until(lambda: records_read(tmp_path) == 4, what="the first records")
        broker.kill()
        # Longer than it takes a silent partition to be left behind, and its window to be closed.
        time.sleep(32.0)
        broker.start()
        # Both at once, and well before they count as silent: a busy broker takes seconds to start.
        produce_to_each(broker, topic, (0, 1), [interaction(3), interaction(30)])
        running.wait_until(lambda: bool(stored(tmp_path, "aggregated_data")), what="a window")
        (window,) = [
            each
            for key, each in stored(tmp_path, "aggregated_data").items()
            if key.endswith("12:00:00Z")
        ]
        assert (window["total"], window["late"]) == (6, 0)
        assert all(part["late"] == 0 for part in stored(tmp_path, "pipeline_status").values())
        running.interrupt()


def test_a_broker_that_comes_up_late_is_waited_for(broker: Kafka, tmp_path: Path) -> None:
    topic = broker.create_topic("awaited", 1)
    produce(broker, topic, 0, [interaction(1), b"bad", interaction(2)])
    broker.kill()
    settings = settings_of(broker.bootstrap_servers, topic)
    starting = threading.Timer(2.0, broker.start)
    starting.start()
    done = run(UNTIL_END, tmp_path, settings)
    starting.join()
    assert done.code == 0, done.stderr
    assert totals(tmp_path) == {"u1": 2}
    assert [m.value() for m in dead_letters(broker, f"{topic}.dlq")] == [b"bad"]


def test_a_broker_that_does_not_come_up_ends_the_start_with_one_message(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = settings_of(address, "any", TIDEMARK_KAFKA__START_TIMEOUT_S="2")
    began = time.monotonic()
    done = run(UNTIL_END, tmp_path, settings)
    assert 2.0 <= time.monotonic() - began < 20.0
    assert done.code == 1
    message, remedy = one_message(done.stdout + done.stderr)
    assert address in message
    assert "waited 2 s" in message
    assert "start the broker" in remedy


@pytest.fixture
def topic(kafka: KafkaEndpoint) -> Iterator[str]:
    """Yield a name; its topic and the topics beside it are deleted after the test."""
    name = unique_name("faults")
    yield name
    admin = AdminClient(kafka.client_properties())
    there = admin.list_topics(timeout=10).topics
    for suffix in ("", ".dlq", ".late"):
        if name + suffix in there:
            kafka.delete_topic(name + suffix)


def test_a_partition_without_traffic_holds_nothing_up(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 3)
    for partition in (0, 2):
        produce(kafka, topic, partition, [interaction(s, f"u{partition}") for s in range(30)])
    settings = settings_of(
        kafka.bootstrap_servers,
        topic,
        TIDEMARK_TIME__IDLE_AFTER_S="1",
        TIDEMARK_TIME__OUT_OF_ORDERNESS_S="1",
    )
    with Running((*TIDEMARK, "run"), tmp_path, settings) as running:
        running.wait_until(
            lambda: totals(tmp_path) == {"u0": 30, "u2": 30}, what="windows of the two partitions"
        )
        assert running.interrupt() == 130
    assert run(UNTIL_END, tmp_path, settings).code == 0
    assert totals(tmp_path) == {"u0": 30, "u2": 30}
    assert records_read(tmp_path) == 60


def test_one_partition_is_enough_for_two_processes(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1)
    data = fill(kafka, topic, tmp_path / "truth.parquet", count=5_000, windows=6)
    settings = settings_of(kafka.bootstrap_servers, topic)
    done = run((*UNTIL_END, "--processes", "2"), tmp_path, settings)
    assert done.code == 0, done.stderr
    assert_documents(sqlite_documents(tmp_path / "out.db"), data.truth)
    assert_series(sqlite_series(tmp_path / "out.db"), data.truth)


def read_and_stop(directory: Path, settings: dict[str, str], records: int) -> None:
    """Run until so many records have been read and the snapshot has them, then stop."""
    with Running((*TIDEMARK, "run"), directory, settings) as running:
        running.wait_until(lambda: records_read(directory) == records, what=f"{records} records")
        # pipeline_status is written before the snapshot that holds the offset is.
        time.sleep(1.6)
        assert running.interrupt() == 130


def test_records_deleted_by_retention_stop_the_start_until_it_may_go_on_without_them(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1)
    produce(kafka, topic, 0, [interaction(s) for s in range(10)])
    settings = settings_of(kafka.bootstrap_servers, topic)
    read_and_stop(tmp_path, settings, 10)
    produce(kafka, topic, 0, [interaction(s) for s in range(10, 30)])
    admin = AdminClient(kafka.client_properties())
    place = TopicPartition(topic, 0, 17)
    admin.delete_records([place], request_timeout=10)[place].result(10)

    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 1
    message, remedy = one_message(done.stdout + done.stderr)
    assert f"partition 0 of topic {topic}" in message
    assert "from offset 10 up to 16" in message
    assert "--on-missing-offset earliest" in remedy

    done = run((*UNTIL_END, "--on-missing-offset", "earliest"), tmp_path, settings)
    assert done.code == 0, done.stderr
    missing = events_of(done, "source_records_missing")
    assert [(m["partition"], m["first_missing"], m["missing"]) for m in missing] == [(0, 10, 7)]
    assert totals(tmp_path) == {"u1": 23}
    assert records_read(tmp_path) == 23


def test_a_topic_made_anew_between_runs_is_refused_although_it_is_longer(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1)
    produce(kafka, topic, 0, [interaction(s) for s in range(10)])
    settings = settings_of(kafka.bootstrap_servers, topic)
    read_and_stop(tmp_path, settings, 10)
    kafka.delete_topic(topic)
    kafka.create_topic(topic, 1)
    produce(kafka, topic, 0, [interaction(s, "new") for s in range(40)])

    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 1
    message, remedy = one_message(done.stdout + done.stderr)
    assert topic in message
    assert "made anew" in message
    assert "--fresh" in remedy
    (tmp_path / "out.db").unlink()
    assert run((*UNTIL_END, "--fresh"), tmp_path, settings).code == 0
    assert totals(tmp_path) == {"new": 40}


@pytest.mark.parametrize("standing_still", [False, True])
def test_a_topic_made_anew_in_mid_run_ends_it(
    standing_still: bool, kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1)
    produce(kafka, topic, 0, [interaction(s) for s in range(10)])
    settings = settings_of(kafka.bootstrap_servers, topic)
    with Running((*TIDEMARK, "run"), tmp_path, settings) as running:
        running.wait_until(lambda: records_read(tmp_path) == 10, what="10 records")
        time.sleep(1.5)
        members = member_pids(running) if standing_still else []
        for pid in members:
            os.kill(pid, signal.SIGSTOP)
        assert bool(members) == standing_still
        kafka.delete_topic(topic)
        kafka.create_topic(topic, 1)
        # The offset that is next is there as well: who was away all the time gets no error.
        produce(kafka, topic, 0, [interaction(s, "new") for s in range(40)])
        for pid in members:
            os.kill(pid, signal.SIGCONT)
        assert running.process.wait(60) == 1
        message, _ = one_message(running.log.read_text())
    assert "made anew" in message
    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 1
    assert "made anew" in one_message(done.stdout + done.stderr)[0]


def test_partitions_added_between_runs_are_read_from_their_beginning(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]

    kafka.create_topic(topic, 1)
    produce(kafka, topic, 0, [interaction(s) for s in range(12)])
    settings = settings_of(kafka.bootstrap_servers, topic)
    read_and_stop(tmp_path, settings, 12)
    admin = AdminClient(kafka.client_properties())
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(10)
    for partition in range(3):
        produce(kafka, topic, partition, [interaction(s, f"p{partition}") for s in range(8, 25)])
    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 0, done.stderr
    assert totals(tmp_path) == {"u1": 12, "p0": 17, "p1": 17, "p2": 17}
    assert records_read(tmp_path) == 63


def send_large(kafka: KafkaEndpoint, topic: str, values: list[tuple[bytes, bytes]]) -> None:
    """Send records that a producer does not take unasked, uncompressed."""
    producer = Producer({**kafka.client_properties(), "message.max.bytes": 30 * MB})
    failures: list[str] = []
    for key, value in values:
        producer.produce(
            topic,
            key=key,
            value=value,
            on_delivery=lambda error, _: failures.append(str(error)) if error else None,
        )
    assert producer.flush(30) == 0
    assert not failures, failures


def large(size_bytes: int) -> bytes:
    """Return an interaction of such a size that does not compress."""
    padding = b"".join(b"%08x" % (n * 2_654_435_761 % (1 << 32)) for n in range(size_bytes // 8))
    return interaction(3, "big")[:-1] + b', "padding": "' + padding + b'"}'


def test_records_larger_than_allowed_reach_the_dead_letters_byte_for_byte(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1, {"max.message.bytes": str(20 * MB)})
    # Made beforehand as anybody would, with the broker's limit of 1 MB: nobody chose that one.
    kafka.create_topic(f"{topic}.dlq", 1)
    values = [large(2 * MB), large(19 * MB), b"\xff" * (2 * MB)]
    send_large(kafka, topic, [(b"k", values[0]), (b"k" * 1000, values[1]), (b"k", values[2])])
    produce(kafka, topic, 0, [interaction(1), interaction(2)])
    done = run(UNTIL_END, tmp_path, settings_of(kafka.bootstrap_servers, topic))
    assert done.code == 0, done.stderr
    found = dead_letters(kafka, f"{topic}.dlq")
    assert [m.value() for m in found] == values
    assert [m.key() for m in found] == [b"k", b"k" * 1000, b"k"]
    assert [header(m, "error.reason") for m in found] == ["too_large"] * 3
    assert [header(m, "source.offset") for m in found] == ["0", "1", "2"]
    assert totals(tmp_path) == {"u1": 2}


def test_large_records_are_taken_where_they_are_allowed(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1, {"max.message.bytes": str(20 * MB)})
    send_large(kafka, topic, [(b"k", large(10 * MB)) for _ in range(3)])
    settings = settings_of(
        kafka.bootstrap_servers, topic, TIDEMARK_SOURCE__MAX_MESSAGE_BYTES=str(16 * MB)
    )
    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 0, done.stderr
    assert totals(tmp_path) == {"big": 3}
    assert not dead_letters(kafka, f"{topic}.dlq")


def test_a_dead_letter_that_can_not_be_delivered_stops_the_flow_and_is_not_lost(
    kafka: KafkaEndpoint, topic: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic, 1, {"max.message.bytes": str(20 * MB)})
    kafka.create_topic(f"{topic}.dlq", 1, {"max.message.bytes": "100000"})
    value = large(2 * MB)
    send_large(kafka, topic, [(b"k", value)])
    settings = settings_of(kafka.bootstrap_servers, topic)
    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 1
    assert events_of(done, "side_topic_too_small")
    message, remedy = one_message(done.stdout + done.stderr)
    assert f"{topic}.dlq" in message
    assert "100000" in message
    assert f"max.message.bytes of topic {topic}.dlq" in remedy

    set_limit(kafka, f"{topic}.dlq", 4 * MB)
    done = run(UNTIL_END, tmp_path, settings)
    assert done.code == 0, done.stderr
    assert [m.value() for m in dead_letters(kafka, f"{topic}.dlq")] == [value]


def set_limit(kafka: KafkaEndpoint, topic: str, limit_bytes: int) -> None:
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
    )

    entry = ConfigEntry(
        "max.message.bytes", str(limit_bytes), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    # Held: a client that is collected takes its requests with it.
    admin = AdminClient(kafka.client_properties())
    admin.incremental_alter_configs([resource])[resource].result(10)

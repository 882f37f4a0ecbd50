from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from generator import Delivery, GeneratorSettings, KafkaTarget, TruthWriter, plan, send
from generator.kafka import IN_FLIGHT
from tests.conftest import MakeTopic, StartServer
from tests.support.servers import Kafka, KafkaEndpoint
from tidemark.errors import TidemarkError
from tidemark.producer import Properties

ALL_FAULTS = {
    "out_of_order_share": 0.1,
    "late_share": 0.005,
    "duplicate_share": 0.005,
    "malformed_share": 0.01,
    "missing_field_share": 0.005,
    "future_share": 0.001,
}


def settings(**given: Any) -> GeneratorSettings:
    values = {
        "rate": None,
        "event_rate": 50_000.0,
        "start_time": datetime(2026, 11, 20, tzinfo=UTC),
        "faults": ALL_FAULTS,
    }
    return GeneratorSettings.model_validate(values | given)


def read_topic(properties: Properties, topic: str, partitions: int) -> pl.DataFrame:
    """Return every record of a topic, each partition in the order of its offsets."""
    consumer = Consumer({**properties, "group.id": "generator-tests", "fetch.queue.backoff.ms": 5})
    try:
        rows: list[tuple[int | None, int | None, bytes | None, bytes | None]] = []
        ends = {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1]
            for p in range(partitions)
        }
        consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
        deadline = time.monotonic() + 60
        while len(rows) < sum(ends.values()):
            assert time.monotonic() < deadline, f"read {len(rows)} of {ends}"
            for message in consumer.consume(20_000, timeout=0.5):
                assert message.error() is None
                rows.append((message.partition(), message.offset(), message.key(), message.value()))
    finally:
        consumer.close()
    names = ["partition", "sequence", "key", "value"]
    return pl.DataFrame(rows, schema=names, orient="row").sort("partition", "sequence")


def truth_of(path: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(path)
        .select(pl.col("partition", "sequence").cast(pl.Int64), "key", "value")
        .sort("partition", "sequence")
    )


def test_the_topic_holds_the_truth_byte_for_byte_in_order(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(partitions=3)
    given = settings(count=120_000, batch_size=7_000)
    target = KafkaTarget(kafka.client_properties(), topic)
    assert target.partitions(30.0) == 3
    with TruthWriter(tmp_path / "truth.parquet", topic) as truth:
        delivery = send(plan(given, 3), target, given, truth=truth)
    assert (delivery.sent, delivery.acknowledged, delivery.failed) == (120_000, 120_000, 0)
    assert delivery.complete
    held = read_topic(kafka.client_properties(), topic, 3)
    assert held.equals(truth_of(tmp_path / "truth.parquet"))


@pytest.mark.parametrize("stream", ["logins", "activity", "sales", "inventory"])
def test_the_topic_holds_the_truth_of_every_stream(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path, stream: str
) -> None:
    topic = make_topic(partitions=3)
    faults = ALL_FAULTS | {"missing_optional_share": 0.05}
    given = settings(stream=stream, count=60_000, batch_size=7_000, faults=faults)
    target = KafkaTarget(kafka.client_properties(), topic)
    with TruthWriter(tmp_path / "truth.parquet", topic) as truth:
        assert send(plan(given, target.partitions(30.0)), target, given, truth=truth).complete
    held = read_topic(kafka.client_properties(), topic, 3)
    assert len(held) == 60_000
    assert held.equals(truth_of(tmp_path / "truth.parquet"))


def test_the_partition_is_that_of_the_plan_whatever_the_key(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    # The client would choose by crc32 of the key, too: only other partitions can tell.
    topic = make_topic(partitions=3)
    given = settings(count=3_000)
    elsewhere = pl.lit(2, dtype=pl.Int32).alias("partition")
    frames = (frame.with_columns(elsewhere) for frame in plan(given, 3))
    assert send(frames, KafkaTarget(kafka.client_properties(), topic), given).complete
    held = read_topic(kafka.client_properties(), topic, 3)
    assert held["partition"].unique().to_list() == [2]


def test_more_records_than_fit_the_queue_are_all_sent(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(partitions=1)
    given = settings(count=IN_FLIGHT + 150_000, batch_size=IN_FLIGHT + 150_000)
    properties = {**kafka.client_properties(), "linger.ms": 500}
    delivery = send(plan(given, 1), KafkaTarget(properties, topic), given)
    assert (delivery.acknowledged, delivery.failed) == (IN_FLIGHT + 150_000, 0)


def test_a_missing_topic_is_one_clear_message(kafka: KafkaEndpoint) -> None:
    target = KafkaTarget(kafka.client_properties(), "no_such_topic")
    with pytest.raises(TidemarkError, match="topic no_such_topic cannot be written to") as caught:
        target.partitions(1.0)
    assert "tidemark topics create" in caught.value.remedy


def test_an_unreachable_broker_is_one_clear_message(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        target = KafkaTarget({"bootstrap.servers": address}, "t")
        with pytest.raises(TidemarkError, match=f"no Kafka broker answers at {address}"):
            target.partitions(0.5)
    assert capfd.readouterr().err == ""


def test_bad_client_properties_are_one_clear_message() -> None:
    with pytest.raises(TidemarkError, match=r'refuses its properties: .*"no\.such\.property"'):
        KafkaTarget({"bootstrap.servers": "localhost:1", "no.such.property": 1}, "t")


def test_a_partition_that_is_not_there_fails_and_is_counted(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(partitions=2)
    given = settings(count=50_000, batch_size=1_000)
    target = KafkaTarget(kafka.client_properties(), topic)
    target.partitions(30.0)
    delivery = send(plan(given, 3), target, given)
    assert not delivery.complete
    assert delivery.failed > 0
    assert delivery.sent == delivery.acknowledged + delivery.failed
    assert "nknown partition" in delivery.details()[-1]


def crashing(
    server: Kafka, target: KafkaTarget, frames: Iterator[pl.DataFrame], *, back: bool
) -> Iterator[pl.DataFrame]:
    """Kill the broker once it has acknowledged something and has more to acknowledge.

    Give the client a `linger.ms` that keeps records waiting until then.
    """
    for number, frame in enumerate(frames):
        if number == 10:
            while not target.delivery.acknowledged:
                target.wait(0.01)
            assert target.delivery.acknowledged < target.delivery.sent
            server.kill()
            if back:
                server.start()
        yield frame


def test_a_broker_that_dies_makes_failures_that_are_counted(start_server: StartServer) -> None:
    server = start_server(Kafka)
    server.create_topic("t", 3)
    given = settings(count=400_000, batch_size=10_000)
    properties = {**server.client_properties(), "message.timeout.ms": 2_000, "linger.ms": 300}
    target = KafkaTarget(properties, "t")
    target.partitions(30.0)
    delivery = send(crashing(server, target, plan(given, 3), back=False), target, given)
    assert not delivery.complete
    assert delivery.failed > 0
    assert delivery.sent == delivery.acknowledged + delivery.failed < 400_000
    assert delivery.errors.total() == delivery.failed
    server.start()
    held = read_topic(server.client_properties(), "t", 3)
    assert 0 < delivery.acknowledged <= len(held) <= delivery.sent


def test_order_and_uniqueness_survive_a_crash_of_the_broker(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(Kafka)
    server.create_topic("t", 3)
    given = settings(count=200_000, batch_size=10_000)
    target = KafkaTarget({**server.client_properties(), "linger.ms": 300}, "t")
    target.partitions(30.0)
    with TruthWriter(tmp_path / "truth.parquet", "t") as truth:
        frames = crashing(server, target, plan(given, 3), back=True)
        delivery = send(frames, target, given, truth=truth)
    assert (delivery.acknowledged, delivery.failed) == (200_000, 0)
    held = read_topic(server.client_properties(), "t", 3)
    assert held.equals(truth_of(tmp_path / "truth.parquet"))


def test_the_demos_broker_will_do(tmp_path: Path) -> None:
    broker = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored"})
    (address,) = broker.list_topics(timeout=10).brokers.values()
    properties: dict[str, str | int | float | bool] = {
        "bootstrap.servers": f"{address.host}:{address.port}"
    }
    given = settings(count=6_000)
    target = KafkaTarget(properties, "made_by_asking")
    partitions = target.partitions(10.0)
    assert partitions == 4
    with TruthWriter(tmp_path / "truth.parquet", "made_by_asking") as truth:
        assert send(plan(given, partitions), target, given, truth=truth).complete
    held = read_topic(properties, "made_by_asking", partitions)
    assert held.equals(truth_of(tmp_path / "truth.parquet"))


def test_the_summary_tells_sent_acknowledged_failed_and_speed() -> None:
    delivery = Delivery(sent=10, acknowledged=8, failed=2, seconds=2.0)
    delivery.errors["Local: Message timed out"] = 2
    delivery.faults["none"] = 10
    assert delivery.summary() == "sent 10, acknowledged 8, failed 2, 4 events/s in 2.0 s"
    assert delivery.details() == ["faults: none 10", "failed 2: Local: Message timed out"]


def wait_until_acknowledged(target: KafkaTarget, count: int) -> None:
    """Wait for the broker, which may still be loading its coordinators: how long is not told."""
    deadline = time.monotonic() + 60.0
    while target.delivery.acknowledged < count and time.monotonic() < deadline:
        target.wait(0.05)
    assert target.delivery.acknowledged == count


def test_giving_up_counts_what_nobody_took_as_failed(start_server: StartServer) -> None:
    server = start_server(Kafka)
    server.create_topic("t", 3)
    given = settings(count=20_000)
    target = KafkaTarget(server.client_properties(), "t")
    frames = plan(given, target.partitions(30.0))
    target.put(next(frames))
    wait_until_acknowledged(target, 10_000)
    server.kill()
    target.put(next(frames))
    target.give_up()
    target.finish()
    assert (target.delivery.acknowledged, target.delivery.failed) == (10_000, 10_000)
    assert not target.delivery.complete

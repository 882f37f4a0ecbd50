"""Records into Kafka: what arrives, and what happens where it cannot."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from sinks.commands import Record, SendRecords, WritePoints
from sinks.kafka import KafkaStore
from sinks.lane import Lane
from sinks.store import StoreFactory, StoreRejected, StoreUnavailable
from tests.conftest import MakeTopic, StartServer
from tests.support.servers import Kafka
from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.servers.ports import free_port


def read(kafka: KafkaEndpoint, topic: str, at_least: int, partition: int = 0) -> list[Message]:
    """Return the records of a partition once there are so many."""
    consumer = Consumer(
        {**kafka.client_properties(), "group.id": "reader", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    found: list[Message] = []
    try:
        while len(found) < at_least:
            batch = consumer.consume(at_least, timeout=20)
            assert batch, f"{len(found)} of {at_least} records"
            for message in batch:
                assert message.error() is None
            found += batch
        found += consumer.consume(1000, timeout=0.2)
    finally:
        consumer.close()
    return found


def as_record(message: Message) -> Record:
    headers = message.headers() or []
    assert isinstance(headers, list)
    pairs = tuple((name, value) for name, value in headers if isinstance(value, bytes))
    assert len(pairs) == len(headers)
    return Record(message.topic() or "", message.key(), message.value(), pairs)


def test_records_arrive_byte_for_byte_and_in_order(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic()
    headers = (("error.reason", b"invalid_json"), ("bytes", bytes(range(256))), ("empty", b""))
    records = [
        Record(topic, b"key", bytes(range(256)), headers),
        Record(topic, None, b"", ()),
        Record(topic, b"", None, ()),
        *(Record(topic, None, str(number).encode(), ()) for number in range(1000)),
    ]
    store = KafkaStore(kafka.client_properties(), 10.0)
    store.open()
    store.write([SendRecords(records[:2]), SendRecords(records[2:])])
    store.flush()
    arrived = [as_record(message) for message in read(kafka, topic, len(records))]
    store.close()
    assert arrived == records


def test_more_records_than_the_client_queues(kafka: KafkaEndpoint, make_topic: MakeTopic) -> None:
    topic = make_topic()
    properties = {**kafka.client_properties(), "queue.buffering.max.messages": 500}
    store = KafkaStore(properties, 10.0)
    store.open()
    store.write([SendRecords([Record(topic, None, b"%d" % n, ()) for n in range(3000)])])
    store.close()
    assert [one.value() for one in read(kafka, topic, 3000)] == [b"%d" % n for n in range(3000)]


def test_records_of_one_partition_number_stay_in_order_whatever_their_keys(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(2)
    keys = (None, b"", b"a", b"b", b"c")
    records = [
        Record(topic, keys[n % len(keys)], b"%d/%d" % (number, n), partition=number)
        for n in range(300)
        for number in range(5)
    ]
    store = KafkaStore(kafka.client_properties(), 10.0)
    store.open()
    store.write([SendRecords(records)])
    store.close()
    for partition in range(2):
        expected = [r for r in records if (r.partition or 0) % 2 == partition]
        arrived = read(kafka, topic, len(expected), partition)
        assert [(m.key(), m.value()) for m in arrived] == [(r.key, r.value) for r in expected]


def test_a_topic_made_anew_with_fewer_partitions_takes_the_records(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(4)
    properties = {**kafka.client_properties(), "topic.metadata.refresh.interval.ms": 100}
    lane = Lane(StoreFactory("kafka", lambda: KafkaStore(properties, 3.0)), 2, 120.0)
    lane.put(SendRecords([Record(topic, None, b"before", partition=3)]))
    lane.drain()
    kafka.delete_topic(topic)
    kafka.create_topic(topic, 1)
    lane.put(SendRecords([Record(topic, None, b"after", partition=3)]))
    lane.drain()
    lane.close()
    assert [one.value() for one in read(kafka, topic, 1)] == [b"after"]


@pytest.mark.parametrize("partition", [None, 1])
def test_a_missing_topic_is_refused_with_its_remedy(
    partition: int | None, kafka: KafkaEndpoint
) -> None:
    store = KafkaStore(
        {**kafka.client_properties(), "topic.metadata.propagation.max.ms": 500}, 10.0
    )
    store.open()
    with pytest.raises(StoreRejected, match="no_such_topic") as caught:
        store.write([SendRecords([Record("no_such_topic", None, b"v", partition=partition)])])
    assert "tidemark topics create" in caught.value.remedy
    store.close()


def test_a_record_that_is_too_large_is_refused(kafka: KafkaEndpoint, make_topic: MakeTopic) -> None:
    topic = make_topic(config={"max.message.bytes": "1000"})
    store = KafkaStore({**kafka.client_properties(), "compression.type": "none"}, 10.0)
    store.open()
    with pytest.raises(StoreRejected, match=topic):
        store.write([SendRecords([Record(topic, None, b"x" * 5000, ())])])
    store.write([SendRecords([Record(topic, None, b"small", ())])])
    store.close()
    assert [one.value() for one in read(kafka, topic, 1)] == [b"small"]


def test_a_broker_that_is_not_there_is_unavailable() -> None:
    store = KafkaStore({"bootstrap.servers": f"127.0.0.1:{free_port()}"}, 0.5)
    with pytest.raises(StoreUnavailable, match="no broker answers"):
        store.open()
    store.close()


def test_nothing_is_lost_when_the_broker_dies_in_between(
    start_server: StartServer,
) -> None:
    server = start_server(Kafka)
    topic = server.create_topic("late")
    properties = server.client_properties()
    lane = Lane(StoreFactory("kafka", lambda: KafkaStore(properties, 3.0)), 2, 120.0)
    back = threading.Timer(1.0, server.start)
    for number in range(30):
        if number == 10:
            lane.drain()
            server.kill()
            back.start()
        lane.put(SendRecords([Record(topic, None, b"%d/%d" % (number, n), ()) for n in range(50)]))
    lane.drain()
    lane.close()
    back.join()
    arrived = [one.value() for one in read(server, topic, 1500)]
    assert set(arrived) == {b"%d/%d" % (number, n) for number in range(30) for n in range(50)}


def test_points_are_for_another_store(kafka: KafkaEndpoint) -> None:
    store = KafkaStore(kafka.client_properties(), 5.0)
    store.open()
    with pytest.raises(TypeError, match="WritePoints"):
        store.write([WritePoints([])])
    store.close()

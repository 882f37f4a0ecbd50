"""Reading a topic to its end, on a real broker."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from tests.conftest import MakeTopic
from tests.support.producing import produce
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name
from tidemark.config import Settings
from tidemark.config.kafka import KafkaSettings
from tidemark.kafka_ranges import NoSuchTopic, TopicReader


def settings_of(kafka: KafkaEndpoint) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))


def read(reader: TopicReader, topic: str, since: datetime | None = None) -> list[tuple[int, int]]:
    return [
        (partition, message.offset() or 0)
        for partition, messages in reader.read(topic, reader.ranges(topic, since))
        for message in messages
    ]


def test_reads_each_partition_in_order_and_ends(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(3)
    produce(kafka, topic, 0, [b"a", None, b"c"])
    produce(kafka, topic, 2, [b"d"])
    with TopicReader(settings_of(kafka)) as reader:
        assert read(reader, topic) == [(0, 0), (0, 1), (0, 2), (2, 0)]
        ranges = reader.ranges(topic)
        produce(kafka, topic, 0, [b"came later"])
        assert sum(len(messages) for _, messages in reader.read(topic, ranges)) == 4


def test_ends_behind_a_transaction_and_leaves_out_what_was_given_up(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(1)
    producer = Producer({**kafka.client_properties(), "transactional.id": unique_name("t")})
    producer.init_transactions(30)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.produce(topic, b"v", partition=0)
        end(30)
    with TopicReader(settings_of(kafka)) as reader:
        assert read(reader, topic) == [(0, 0)]


def test_begins_at_a_time(kafka: KafkaEndpoint, make_topic: MakeTopic) -> None:
    topic = make_topic(1)
    producer = Producer(kafka.client_properties())
    for second in (100, 200, 300):
        producer.produce(topic, b"v", partition=0, timestamp=second * 1000)
        assert producer.flush(30) == 0
    with TopicReader(settings_of(kafka)) as reader:
        since = datetime.fromtimestamp(150, UTC)
        assert read(reader, topic, since) == [(0, 1), (0, 2)]
        assert read(reader, topic, datetime.fromtimestamp(1_000, UTC)) == []


def test_a_topic_that_is_not_there_is_not_made(kafka: KafkaEndpoint) -> None:
    with TopicReader(settings_of(kafka)) as reader:
        name = unique_name("no_pond")
        with pytest.raises(NoSuchTopic, match=name):
            reader.ranges(name)
        assert name not in reader.topics()

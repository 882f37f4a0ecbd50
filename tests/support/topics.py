"""Read a topic to its end."""

from __future__ import annotations

from confluent_kafka import Consumer, Message, TopicPartition

from tests.support.servers import KafkaEndpoint


def read_topic(kafka: KafkaEndpoint, topic: str) -> list[Message]:
    """Return all records of a topic, each partition in offset order."""
    consumer = Consumer(
        {**kafka.client_properties(), "group.id": "reader", "enable.auto.commit": False}
    )
    messages: list[Message] = []
    try:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, low)])
            while low < high:
                for message in consumer.consume(min(10_000, high - low), timeout=5.0):
                    assert message.error() is None, message.error()
                    messages.append(message)
                    low = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return messages


def header(message: Message, name: str) -> str:
    """Return a header as text."""
    value = dict(message.headers() or [])[name]
    assert isinstance(value, bytes)
    return value.decode()

"""Follow a topic without a consumer group: nothing is committed, nobody is disturbed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, cast

from tidemark.errors import EXIT_USAGE, TidemarkError
from tidemark.messages import Message

if TYPE_CHECKING:
    from confluent_kafka import Message as KafkaMessage

    from tidemark.config import Settings

_BATCH = 500
_POLL_S = 0.2


class NoSuchTopic(TidemarkError):
    """There is no such topic or partition."""

    exit_code = EXIT_USAGE


class ReadFailed(TidemarkError):
    """The broker does not let this topic be read."""


def follow(
    settings: Settings, topic: str, *, from_beginning: bool = False, partition: int | None = None
) -> Generator[Message, None, None]:
    """Yield the messages of a topic as they come, for ever; in order within each partition.

    Begins at the end of the topic as it is at the first `next`, or at its beginning. Raises
    BrokerUnreachable, NoSuchTopic, ReadFailed.
    """
    from confluent_kafka import (
        OFFSET_BEGINNING,
        OFFSET_END,
        Consumer,
        KafkaError,
        KafkaException,
        TopicPartition,
    )

    from tidemark.kafka_admin import connect

    partitions = _partitions(connect(settings), topic, partition, settings.kafka.start_timeout_s)
    consumer = Consumer(
        {
            "log_level": 0,
            "fetch.queue.backoff.ms": 5,
            **settings.kafka.client_properties(),
            "group.id": f"{settings.kafka.group_id}-tail",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
        }
    )
    start = OFFSET_BEGINNING if from_beginning else OFFSET_END
    try:
        consumer.assign([TopicPartition(topic, each, start) for each in partitions])
        while True:
            for message in consumer.consume(_BATCH, _POLL_S):
                error = message.error()
                if error is None:
                    yield _message(message)
                elif error.fatal() or error.code() in (
                    KafkaError.TOPIC_AUTHORIZATION_FAILED,
                    KafkaError.UNKNOWN_TOPIC_OR_PART,
                ):
                    raise ReadFailed(f"{topic} cannot be read: {error.str()}")
    except KafkaException as error:
        raise ReadFailed(f"{topic} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _partitions(client: object, topic: str, partition: int | None, timeout_s: float) -> list[int]:
    from confluent_kafka.admin import AdminClient

    assert isinstance(client, AdminClient)
    # All topics, not this one: a broker may make a topic that it is asked for.
    topics = client.list_topics(timeout=timeout_s).topics
    if topic not in topics:
        known = sorted(name for name in topics if not name.startswith("__"))
        raise NoSuchTopic(
            f"there is no topic {topic!r}",
            remedy=f"the broker has: {', '.join(known)}" if known else "the broker has none",
        )
    partitions = sorted(topics[topic].partitions)
    if partition is None:
        return partitions
    if partition not in partitions:
        raise NoSuchTopic(f"{topic} has no partition {partition}, but 0 to {partitions[-1]}")
    return [partition]


def _message(message: KafkaMessage) -> Message:
    from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

    kind, timestamp_ms = message.timestamp()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    headers = cast(list[tuple[str, str | bytes | None]], message.headers() or [])
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp_ms=None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=tuple((name, _bytes(value)) for name, value in headers),
    )


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data

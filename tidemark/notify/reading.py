"""Reading: the topic of alerts from where the journal is, all partitions, without a group."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.errors import TidemarkError
from tidemark.log import RateLimited, get_logger
from tidemark.notify.news import News, parse

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

    from tidemark.config import Settings

_BATCH = 500
_POLL_S = 0.2
_LOOK_FOR_PARTITIONS_S = 10.0
_TIMEOUT_S = 10.0
_REMEDY = "start it, or set kafka.bootstrap_servers (KAFKA_BOOTSTRAP_SERVERS) to where it runs"

log = RateLimited(get_logger(__name__), 30.0)


class ReadingFailed(TidemarkError):
    """The topic of alerts can not be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, and the next offset of each partition of it."""

    news: list[News]
    positions: dict[int, int]


class AlertTopic:
    """The topic as it comes. Begins with `positions`, elsewhere with what the topic still has.

    A topic that is not there yet is waited for, and partitions that are added are found.
    """

    def __init__(self, settings: Settings, topic: str, positions: Mapping[int, int]) -> None:
        from confluent_kafka import Consumer

        self.topic = topic
        self._next = dict(positions)
        self._assigned: set[int] = set()
        self._look_at_s = 0.0
        self._answered = False
        self._consumer = Consumer(
            {
                "log_level": 0,
                "fetch.queue.backoff.ms": 5,
                **settings.kafka.client_properties(),
                "group.id": f"{settings.kafka.group_id}-notify",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
            }
        )

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def read(self) -> Read:
        """Return what has come; waits a little for it. Raises ReadingFailed."""
        self._look_for_partitions()
        if not self._assigned:
            time.sleep(_POLL_S)
            return Read([], {})
        found = Read([], {})
        for message in self._consumer.consume(_BATCH, _POLL_S):
            if (error := message.error()) is not None:
                self._complain(error)
                continue
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            value = message.value()
            news = parse(value.encode() if isinstance(value, str) else value)
            if news is None:
                log.warning("notify.no_alert", topic=self.topic, partition=partition, offset=offset)
            else:
                found.news.append(news)
            found.positions[partition] = self._next[partition] = offset + 1
        return found

    def behind(self) -> bool:
        """Tell whether there is more than has been read. Raises ReadingFailed."""
        from confluent_kafka import KafkaException, TopicPartition

        self._look_for_partitions()
        if not self._answered:
            raise ReadingFailed("no Kafka broker answers", remedy=_REMEDY)
        try:
            for partition in self._assigned:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, partition), timeout=_TIMEOUT_S
                )
                at = self._next.get(partition, low)
                # Beyond the end of a topic that was made anew: it is read from its beginning.
                if (low if at > high else max(at, low)) < high:
                    return True
        except KafkaException as error:
            raise ReadingFailed(f"{self.topic} can not be read: {error.args[0].str()}") from error
        return False

    def _look_for_partitions(self) -> None:
        from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

        if time.monotonic() < self._look_at_s:
            return
        try:
            # All topics, not this one: a broker may make a topic that it is asked for.
            topics = self._consumer.list_topics(timeout=_TIMEOUT_S).topics
        except KafkaException as error:
            log.warning("notify.broker_away", reason=error.args[0].str())
            return
        self._answered = True
        partitions = set(topics[self.topic].partitions) if self.topic in topics else set()
        self._look_at_s = time.monotonic() + (_LOOK_FOR_PARTITIONS_S if partitions else 1.0)
        if not partitions:
            log.info("notify.no_topic", topic=self.topic)
        elif new := partitions - self._assigned:
            self._consumer.incremental_assign(
                [
                    TopicPartition(self.topic, each, self._next.get(each, OFFSET_BEGINNING))
                    for each in sorted(new)
                ]
            )
            self._assigned |= new

    def _complain(self, error: KafkaError) -> None:
        from confluent_kafka import KafkaError as Codes

        if error.fatal() or error.code() in (
            Codes.TOPIC_AUTHORIZATION_FAILED,
            Codes._AUTHENTICATION,
        ):
            raise ReadingFailed(f"{self.topic} can not be read: {error.str()}")
        log.warning("notify.reading_troubled", topic=self.topic, reason=error.str())

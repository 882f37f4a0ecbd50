"""From settings to the engine's surroundings, after a look at whether they are there.

A flow that can not work is refused before it starts: no broker, no topic, no store, wrong
credentials each end with one clear message.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from dataflows.streaming.deadletters import DEAD_LETTER_SUFFIX, LATE_SUFFIX
from dataflows.streaming.decode import Limits
from dataflows.streaming.environment import MICROSECONDS, Environment
from dataflows.streaming.source import SourceOptions
from sinks import check, document_stores, kafka_store, series_stores
from tidemark.config import Settings
from tidemark.errors import TidemarkError
from tidemark.kafka_admin import connect
from tidemark.log import get_logger

_METADATA_TIMEOUT_S = 10.0
_CREATE_TIMEOUT_S = 10.0

log = get_logger(__name__)


class TopicMissing(TidemarkError):
    """A topic to be read is not there."""

    permanent = True


def surroundings(settings: Settings) -> Environment:
    """Check what the flow needs and return it.

    Raises TidemarkError: BrokerUnreachable, TopicMissing, StoreUnavailable, StoreRejected.
    """
    admin = connect(settings)
    check(settings, within_s=settings.kafka.start_timeout_s)
    source, time = settings.source, settings.time

    def partitions(topic: str) -> int:
        count = _partitions(admin, topic, settings.kafka.bootstrap_servers)
        _make_side_topics(admin, topic, count, settings.topics.replication_factor)
        return count

    return Environment(
        source=SourceOptions(
            client=settings.kafka.client_properties(),
            group_id=settings.kafka.group_id,
            batch_size=source.batch_size,
            epoch_bytes=source.epoch_bytes,
            idle_after_s=time.idle_after_s,
            start=source.start,
            on_missing_offset=source.on_missing_offset,
            until_end=source.until_end,
        ),
        limits=Limits(
            max_message_bytes=source.max_message_bytes,
            max_id_length=source.max_id_length,
            max_distinct_names=source.max_distinct_types,
            max_future_skew_us=_micros(time.max_future_skew_s),
        ),
        out_of_orderness_us=_micros(time.out_of_orderness_s),
        idle_after_us=_micros(time.idle_after_s),
        key_groups=settings.engine.key_groups,
        time_zone=ZoneInfo(time.time_zone),
        documents=document_stores(settings),
        series=series_stores(settings),
        topics=[kafka_store(settings)],
        partitions=partitions,
        lane={
            "lanes": settings.stores.lanes,
            "queue_commands": settings.stores.queue_commands,
            "give_up_after_s": settings.stores.give_up_after_s,
        },
    )


def _micros(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def _partitions(admin: AdminClient, topic: str, servers: str) -> int:
    metadata = admin.list_topics(topic, timeout=_METADATA_TIMEOUT_S).topics[topic]
    if metadata.error is not None or not metadata.partitions:
        reason = metadata.error.str() if metadata.error is not None else "it has no partitions"
        raise TopicMissing(
            f"topic {topic} can not be read at {servers}: {reason}",
            remedy="make it (tidemark topics create), or set another at pipelines.*.topic",
        )
    return len(metadata.partitions)


def _make_side_topics(
    admin: AdminClient, topic: str, partitions: int, replication_factor: int
) -> None:
    """Make the topics for rejected and late records where they are missing.

    Without them the first bad record would hold the flow up; a broker that makes topics by itself
    may refuse, and says so when it is written to.
    """
    wanted = [topic + suffix for suffix in (DEAD_LETTER_SUFFIX, LATE_SUFFIX)]
    there = admin.list_topics(timeout=_METADATA_TIMEOUT_S).topics
    missing = [name for name in wanted if name not in there]
    if not missing:
        return
    answers = admin.create_topics(
        [NewTopic(name, partitions, replication_factor) for name in missing],
        request_timeout=_CREATE_TIMEOUT_S,
    )
    for name, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                log.warning("topic_not_made", topic=name, error=error.args[0].str())
        else:
            log.info("topic_made", topic=name, partitions=partitions)

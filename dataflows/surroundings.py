"""From settings to the engine's surroundings, after a look at whether they are there.

A flow that can not work is refused before it starts: no broker, no topic, no store, wrong
credentials each end with one clear message.
"""

from __future__ import annotations

from confluent_kafka.admin import AdminClient

from dataflows.side_topics import provide_side_topics
from dataflows.streaming.environment import MICROSECONDS, Environment
from dataflows.streaming.partition_log import SourceOptions
from dataflows.streaming.rejects import Limits
from dataflows.topic_identity import TopicWatch
from sinks import check, document_stores, kafka_store, series_stores
from tidemark.config import Settings
from tidemark.errors import TidemarkError
from tidemark.kafka_admin import connect, start_limit_s

_METADATA_TIMEOUT_S = 10.0


class TopicMissing(TidemarkError):
    """A topic to be read is not there."""

    permanent = True


def surroundings(settings: Settings) -> Environment:
    """Check what the flow needs and return it.

    Raises TidemarkError: BrokerUnreachable, TopicMissing, StoreUnavailable, StoreRejected.
    """
    kafka = settings.kafka
    admin = connect(settings, start_limit_s(kafka.at_start, kafka.start_timeout_s))
    check(settings, within_s=settings.kafka.start_timeout_s)
    watch = TopicWatch(admin)
    source, time = settings.source, settings.time

    def partitions(topic: str, outputs: tuple[str, ...]) -> int:
        count = _partitions(admin, topic, settings.kafka.bootstrap_servers)
        provide_side_topics(
            admin,
            topic,
            count,
            settings.topics.replication_factor,
            settings.kafka.start_timeout_s,
            outputs,
        )
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
            identity=watch.ask,
            latest_identity=watch.latest,
        ),
        limits=limits(settings),
        out_of_orderness_us=_micros(time.out_of_orderness_s),
        idle_after_us=_micros(time.idle_after_s),
        key_groups=settings.engine.key_groups,
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


def topics_there(settings: Settings) -> set[str]:
    """Return the topics that the brokers have. Raises BrokerUnreachable."""
    return set(connect(settings).list_topics(timeout=_METADATA_TIMEOUT_S).topics)


def limits(settings: Settings) -> Limits:
    """Return the caps on what a record may hold."""
    source = settings.source
    return Limits(
        max_message_bytes=source.max_message_bytes,
        max_id_length=source.max_id_length,
        max_distinct_names=source.max_distinct_types,
        max_future_skew_us=_micros(settings.time.max_future_skew_s),
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

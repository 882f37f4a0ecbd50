"""Ask a Kafka broker: is it there, which topics has it, make these."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemark.errors import EXIT_USAGE, TidemarkError
from tidemark.log import RateLimited, get_logger

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from tidemark.config import Settings
    from tidemark.config.types import AtStart

SUFFIXES = ("", ".dlq", ".late")
"""Every topic of a pipeline comes with one for rejected and one for late records."""


class BrokerUnreachable(TidemarkError):
    """No broker answered in time."""


class ClientRefused(TidemarkError):
    """A property in `kafka.client` that there is not, or a value that it does not take."""

    exit_code = EXIT_USAGE


class LoginRefused(TidemarkError):
    """A broker refuses who we say we are, or is not who we trust."""


class TopicsNotCreated(TidemarkError):
    """A broker refused to make topics."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker describes it; `records` counts what can still be read."""

    name: str
    partitions: int
    replicas: int
    records: int


def pipeline_topics(settings: Settings) -> list[str]:
    """List the topics of the enabled pipelines, and of one's own: each that is read, followed by
    its `.dlq` and `.late`, then those that are only written.

    Raises NoSuchPipeline if one's own can not be imported.
    """
    read: list[str] = []
    written: list[str | None] = []
    for name, section, _ in settings.pipelines.wanted():
        read.append(settings.pipelines.topic_of(name))
        written.append(getattr(section, "output_topic", None))
    if settings.pipelines.own:
        from dataflows.catalog import pipeline_class  # the engine, which takes time to import

        read += [pipeline_class(path)(settings).topic for path in settings.pipelines.own]
    written.append(settings.alerts.topic)
    with_sides = [name + suffix for name in dict.fromkeys(read) for suffix in SUFFIXES]
    return [name for name in dict.fromkeys([*with_sides, *written]) if name]


def connect(settings: Settings, timeout_s: float | None = None) -> AdminClient:
    """Return an admin client of a broker that answers.

    Raises ClientRefused for a property that librdkafka does not know, BrokerUnreachable after
    `timeout_s` (default: `kafka.start_timeout_s`; infinite: waits, and logs that it does),
    LoginRefused at once.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    limit_s = settings.kafka.start_timeout_s if timeout_s is None else timeout_s
    deadline = time.monotonic() + limit_s
    heard: list[KafkaError] = []
    properties: dict[str, Any] = {**_quiet(settings.kafka.client_properties())}
    try:
        client = AdminClient(properties | {"error_cb": heard.append})
    except KafkaException as error:
        raise ClientRefused(
            f"librdkafka refuses its settings: {error.args[0].str()}",
            remedy="set the property in kafka.client right, or take it out",
        ) from error
    waiting = RateLimited(get_logger(__name__), every_s=30.0)
    while True:
        left_s = deadline - time.monotonic()
        try:
            client.list_topics(timeout=max(0.1, min(2.0, left_s)))
        except KafkaException as error:
            client.poll(0)
            for problem in heard:
                if problem.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL):
                    raise LoginRefused(
                        f"no login to Kafka at {settings.kafka.bootstrap_servers}: {problem.str()}",
                        remedy="check kafka.security_protocol, kafka.ssl_ca_location,"
                        " kafka.sasl_mechanism, kafka.sasl_username and KAFKA_SASL_PASSWORD",
                    ) from error
            if limit_s == math.inf:
                waiting.warning(
                    "broker_awaited",
                    servers=settings.kafka.bootstrap_servers,
                    error=error.args[0].str(),
                )
            if left_s <= 0:
                raise BrokerUnreachable(
                    f"no Kafka broker answers at {settings.kafka.bootstrap_servers}"
                    f" (waited {limit_s:g} s): {error.args[0].str()}",
                    remedy="start the broker, or set kafka.bootstrap_servers"
                    " (KAFKA_BOOTSTRAP_SERVERS) and the security settings to where it runs",
                ) from error
            time.sleep(0.2)
        else:
            return client


def start_limit_s(at_start: AtStart, timeout_s: float) -> float:
    """Return how long a start waits for something that does not answer."""
    return {"retry": timeout_s, "fail": 0.0, "wait": math.inf}[at_start]


def create_topics(settings: Settings, names: Sequence[str]) -> dict[str, int]:
    """Make the topics that are missing; return those that were there with their partition counts.

    Idempotent, also against somebody who makes them at the same time. Raises BrokerUnreachable and
    TopicsNotCreated; then none, some or all of the others were made.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.cimpl import NewTopic

    client = connect(settings)
    there = {
        name: len(topic.partitions)
        for name, topic in client.list_topics(timeout=settings.kafka.start_timeout_s).topics.items()
        if name in names
    }
    wanted = [
        NewTopic(
            name,
            num_partitions=settings.topics.partitions,
            replication_factor=settings.topics.replication_factor,
        )
        for name in names
        if name not in there
    ]
    if not wanted:
        return there
    failed: list[str] = []
    answers = client.create_topics(
        wanted, operation_timeout=settings.kafka.start_timeout_s, request_timeout=30.0
    )
    for name, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            problem = error.args[0]
            if problem.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                metadata = client.list_topics(name, timeout=settings.kafka.start_timeout_s)
                there[name] = len(metadata.topics[name].partitions)
            else:
                failed.append(f"{name}: {problem.str()}")
    if failed:
        raise TopicsNotCreated(
            "the broker refused to make " + "; ".join(failed),
            remedy="check topics.partitions and topics.replication_factor (not above the number of"
            " brokers) and that this user may create topics",
        )
    return there


def describe_topics(
    settings: Settings, timeout_s: float | None = None, names: Collection[str] | None = None
) -> dict[str, Topic]:
    """Describe the topics of these names that are there; None: all but the broker's internal ones.

    The others are not asked about: one that is just being deleted does not answer.
    """
    from confluent_kafka import Consumer, TopicPartition

    client = connect(settings, timeout_s)
    metadata = client.list_topics(timeout=settings.kafka.start_timeout_s)
    topics = {
        name: topic
        for name, topic in metadata.topics.items()
        if not name.startswith("__") and topic.error is None and (names is None or name in names)
    }
    consumer = Consumer(
        {**_quiet(settings.kafka.client_properties()), "group.id": settings.kafka.group_id}
    )
    try:
        described = {}
        for name, topic in topics.items():
            records = 0
            for partition in topic.partitions:
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(name, partition), timeout=settings.kafka.start_timeout_s
                )
                records += high - low
            replicas = max((len(p.replicas) for p in topic.partitions.values()), default=0)
            described[name] = Topic(name, len(topic.partitions), replicas, records)
        return described
    finally:
        consumer.close()


def _quiet(properties: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    # librdkafka prints every failed connection itself; here the one clear error says it.
    return {"log_level": 0, **properties}

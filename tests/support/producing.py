"""Send single records, each to the partition that a test wants it in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product

from confluent_kafka import Producer

from tests.support.servers import KafkaEndpoint

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""A window's start in every common length, long past."""


def interaction(second: float, user: str = "u1", item: str = "i1", kind: str = "view") -> bytes:
    """Return an interaction that happened `second` seconds after `START`."""
    moment = (START + timedelta(seconds=second)).isoformat()
    fields = {"user_id": user, "item_id": item, "interaction_type": kind, "timestamp": moment}
    return json.dumps(fields).encode()


def produce(
    kafka: KafkaEndpoint,
    topic: str,
    partition: int,
    values: Iterable[bytes | None],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send values to a partition, in order, and wait until they are there."""
    produce_to_each(kafka, topic, [partition], values, headers)


def produce_to_each(
    kafka: KafkaEndpoint,
    topic: str,
    partitions: Iterable[int],
    values: Iterable[bytes | None],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send the same values to each partition by one producer, and wait until they are there."""
    producer = Producer({**kafka.client_properties(), "enable.idempotence": True})
    failures: list[str] = []
    for partition, value in product(partitions, values):
        producer.produce(
            topic,
            value=value,
            partition=partition,
            headers=dict(headers) if headers is not None else None,
            on_delivery=lambda error, _: failures.append(str(error)) if error is not None else None,
        )
    assert producer.flush(30) == 0
    assert not failures, failures

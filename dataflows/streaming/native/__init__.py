"""The compiled half of reading, where it has been built (`make setup` does, with a C compiler).

It takes records out of the client's queue without making Python objects of them, and finds their
values by their layout in one pass. The Python half does the same for those who have no compiler:
nothing but time depends on which of the two works, and the tests run both.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import confluent_kafka

from tidemark import native

if TYPE_CHECKING:
    from dataflows.streaming.native import _native as compiled
else:
    compiled = native.built("dataflows.streaming.native._native")

_KNOWN_CLIENTS = ("2.16.",)
"""Versions of confluent-kafka whose consumers begin as `ClientObject` in module.c says."""
_FUNCTIONS = (
    "rd_kafka_queue_get_partition",
    "rd_kafka_queue_forward",
    "rd_kafka_consume_batch_queue",
    "rd_kafka_message_errstr",
    "rd_kafka_message_timestamp",
    "rd_kafka_message_destroy",
    "rd_kafka_queue_destroy",
)
"""In the order of client.h."""

available = compiled is not None
"""Whether it has been built, and is not switched off by TIDEMARK_COMPILED=off."""

__all__ = ["available", "compiled", "partition_queue", "takes"]


def takes(consumer: confluent_kafka.Consumer) -> bool:
    """Tell whether the compiled half can read from this consumer."""
    return available and type(consumer) is confluent_kafka.Consumer and bool(_client_functions())


def partition_queue(
    consumer: confluent_kafka.Consumer, topic: str, partition: int
) -> compiled.Queue:
    """Return the records of a partition, before it is assigned; they come only here then.

    The consumer must be one that `takes` says yes to, and be closed after the queue. Raises
    RuntimeError for a consumer that is closed.
    """
    return compiled.Queue(consumer, topic, partition, _client_functions())


@cache
def _client_functions() -> tuple[int, ...]:
    """Return the addresses of the functions of the client that confluent-kafka has loaded."""
    if not str(confluent_kafka.__version__).startswith(_KNOWN_CLIENTS):
        return ()
    return native.client_functions(_FUNCTIONS)

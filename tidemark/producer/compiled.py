"""The compiled producer: librdkafka's, without an object or a call for each record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from confluent_kafka import KafkaError, KafkaException

from tidemark import native
from tidemark.producer import Columns, Failure, Properties, S

if TYPE_CHECKING:
    from tidemark.producer import _producer as compiled
else:
    compiled = native.built("tidemark.producer._producer")

_FUNCTIONS = (
    "rd_kafka_conf_new",
    "rd_kafka_conf_destroy",
    "rd_kafka_conf_set",
    "rd_kafka_conf_set_opaque",
    "rd_kafka_conf_set_dr_msg_cb",
    "rd_kafka_conf_set_error_cb",
    "rd_kafka_conf_set_log_cb",
    "rd_kafka_new",
    "rd_kafka_destroy",
    "rd_kafka_topic_new",
    "rd_kafka_topic_destroy",
    "rd_kafka_topic_name",
    "rd_kafka_produce",
    "rd_kafka_last_error",
    "rd_kafka_produceva",
    "rd_kafka_error_code",
    "rd_kafka_error_destroy",
    "rd_kafka_poll",
    "rd_kafka_flush",
    "rd_kafka_purge",
    "rd_kafka_outq_len",
    "rd_kafka_metadata",
    "rd_kafka_metadata_destroy",
    "rd_kafka_message_headers",
    "rd_kafka_header_get_all",
)
"""In the order of client.h."""


def available() -> bool:
    """Tell whether it has been built and can be used with this confluent-kafka."""
    return compiled is not None and bool(native.client_functions(_FUNCTIONS))


class CompiledProducer:
    """A `Producer` past confluent-kafka's own."""

    def __init__(self, properties: Properties, on_error: Callable[[KafkaError], None]) -> None:
        self._on_error = on_error
        texts = {
            # Success needs no report: who is acknowledged is no longer counted by `len`.
            "delivery.report.only.error": "true",
            **{name: _text(value) for name, value in properties.items()},
        }
        try:
            self._producer = compiled.Producer(texts, native.client_functions(_FUNCTIONS))
        except ValueError as error:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, str(error))) from error

    def __len__(self) -> int:
        return len(self._producer)

    def send(
        self,
        records: list[S],
        first: int,
        partitions: dict[str, int],
        most_bytes: int,
    ) -> tuple[int, int, KafkaError | None]:
        """Hand records over."""
        at, taken_bytes, code = self._producer.send(records, first, partitions, most_bytes)
        return at, taken_bytes, KafkaError(code) if code else None

    def send_columns(self, topic: str, columns: Columns) -> tuple[int, KafkaError | None]:
        """Hand records over."""
        nulls = columns.no_value * np.uint8(compiled.VALUE_IS_NULL)
        nulls += columns.no_key * np.uint8(compiled.KEY_IS_NULL)
        taken, code = self._producer.send_columns(
            topic,
            columns.partitions,
            columns.key_bounds,
            columns.keys,
            columns.value_bounds,
            columns.values,
            nulls,
        )
        return taken, KafkaError(code) if code else None

    def poll(self, timeout_s: float) -> None:
        """Take in reports."""
        self._producer.poll(_ms(timeout_s))
        self._tell()

    def flush(self, timeout_s: float) -> None:
        """Send and wait."""
        self._producer.flush(_ms(timeout_s))
        self._tell()

    def purge(self) -> None:
        """Give up."""
        self._producer.purge()

    def failures(self) -> Sequence[Failure]:
        """Return what has failed."""
        return [
            Failure(topic, KafkaError(code), count, largest)
            for topic, code, count, largest in self._producer.failures()
        ]

    def partitions(self, topic: str | None, timeout_s: float) -> tuple[int, KafkaError | None]:
        """Ask the broker."""
        count, of_topic, failure = self._producer.partitions(topic, _ms(timeout_s))
        if failure:
            raise KafkaException(KafkaError(failure))
        return count, KafkaError(of_topic) if of_topic else None

    def close(self) -> None:
        """Let the client go."""
        self._producer.close()

    def _tell(self) -> None:
        for code, reason in self._producer.errors():
            self._on_error(KafkaError(code, reason))


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

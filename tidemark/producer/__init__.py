"""Records into Kafka, many at a call: by confluent-kafka's producer, or past it where compiled.

confluent-kafka takes each record as an object of its own, with a call for each that has headers,
which costs more than all that librdkafka does with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

__all__ = ["Columns", "Failure", "Producer", "Properties", "Sendable", "producer_of"]

Properties: TypeAlias = Mapping[str, str | int | float | bool]


class Sendable(Protocol):
    """A record to send."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]: ...
    @property
    def partition(self) -> int | None:
        """Return a number that its partition is found by, modulo their count; None for any."""


S = TypeVar("S", bound=Sendable)


@dataclass(frozen=True, slots=True)
class Columns:
    """Records of one topic: `n` partitions, `n + 1` bounds of keys and values in joined bytes."""

    partitions: npt.NDArray[np.int32]
    key_bounds: npt.NDArray[np.int64]
    keys: Any
    """A buffer of bytes."""
    value_bounds: npt.NDArray[np.int64]
    values: Any
    """A buffer of bytes."""
    no_key: npt.NDArray[np.bool_]
    no_value: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.partitions)


@dataclass(frozen=True, slots=True)
class Failure:
    """Records of one topic that were not delivered, for one reason."""

    topic: str
    error: KafkaError
    count: int
    largest_bytes: int
    """Of the largest of them: key, value, and the headers where the client still knows them."""


class Producer(Protocol):
    """Sends records in the order in which it gets them, within each partition.

    `len` of it is how many are neither acknowledged nor reported as failed (one that has failed is
    in `failures` before it leaves), with what the client has to say of itself and nobody has heard
    yet. For one thread at a time.
    """

    def send(
        self,
        records: list[S],
        first: int,
        partitions: dict[str, int],
        most_bytes: int,
    ) -> tuple[int, int, KafkaError | None]:
        """Hand `records[first:]` over until the client's queue is full, or has got `most_bytes`.

        `partitions` are the counts of partitions of the topics whose records name one. Returns the
        place of the first record that was not taken, how many bytes were, and why that record was
        refused, if it was.
        """

    def send_columns(self, topic: str, columns: Columns) -> tuple[int, KafkaError | None]:
        """Hand records over; return how many were taken, and why the others were not.

        Who calls sees to it that there is room for all: later ones would overtake the others.
        """

    def poll(self, timeout_s: float) -> None:
        """Take in reports, and wait so long for the first one."""

    def flush(self, timeout_s: float) -> None:
        """Send at once what waits for company; wait so long until nothing is unacknowledged."""

    def purge(self) -> None:
        """Give up what is not acknowledged; `flush` reports it as failed."""

    def failures(self) -> Sequence[Failure]:
        """Return what has failed so far."""

    def partitions(self, topic: str | None, timeout_s: float) -> tuple[int, KafkaError | None]:
        """Ask for a topic's count of partitions, or with None only whether a broker answers.

        The second result is why the topic has none. Raises KafkaException where nobody answers.
        """

    def close(self) -> None:
        """Let the client go, with all that it has not sent."""

    def __len__(self) -> int: ...


def producer_of(properties: Properties, on_error: Callable[[KafkaError], None]) -> Producer:
    """Return the faster producer that there is here, of librdkafka's properties.

    It is idempotent where they say so. `on_error` hears what the client says of itself, within
    `poll` and `flush`. Raises KafkaException for properties that the client refuses.
    """
    from tidemark.producer import compiled

    if compiled.available():
        return compiled.CompiledProducer(properties, on_error)
    from tidemark.producer.confluent import ConfluentProducer

    return ConfluentProducer(properties, on_error)

"""What one poll of a partition brought: records in offset order, and events of the client.

There are two ways to get it. confluent-kafka makes a Python object of each record, which is half of
the cost of reading one. Where the compiled half of reading is built, the records come as columns
instead, and an object is made only of those that somebody looks at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError

from dataflows.streaming.deadletters import Message, Picked
from dataflows.streaming.decode import BrokerTimes
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.values import Values
from dataflows.streaming.watermark import BEGINNING_US, END_US

_TIMESTAMP_NOT_AVAILABLE = 0


class Fetched(Protocol):
    """Records of one partition, in offset order."""

    @property
    def messages(self) -> Sequence[Message]:
        """Return the records one by one."""

    @property
    def values(self) -> Values:
        """Return their values."""

    @property
    def offsets(self) -> Int64Array:
        """Return their offsets."""

    @property
    def first_offset(self) -> int:
        """Return the offset of the first; there must be one."""

    @property
    def next_offset(self) -> int:
        """Return the offset after the last; there must be one."""

    def broker_times(self) -> BrokerTimes:
        """Return their Kafka timestamps."""

    def picked(self, places: Int64Array) -> Iterable[Picked]:
        """Return what some of them have beside their time, in less time than one by one."""

    def before(self, offset: int) -> Fetched:
        """Return those before an offset."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought.

    `count` is the number of its records and events together, as many as were asked for where there
    may be more. `caught_up` tells that the end of the partition came after the last record.
    """

    fetched: Fetched
    errors: list[KafkaError]
    """Events but for the end of the partition."""
    count: int
    caught_up: bool


class FetchedMessages:
    """Records as messages of confluent-kafka."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def values(self) -> Values:
        """Join their values."""
        messages = self.messages
        # All are of one class, whose own method is found once: half the time of asking each.
        kind = type(messages[0]) if messages else None
        return Values.of([] if kind is None else list(map(kind.value, messages)))

    @property
    def offsets(self) -> Int64Array:
        """Ask each for its offset. Raises ValueError for one without."""
        return np.fromiter(map(_offset, self.messages), np.int64, len(self.messages))

    @property
    def first_offset(self) -> int:
        """Ask the first."""
        return _offset(self.messages[0])

    @property
    def next_offset(self) -> int:
        """Ask the last."""
        return _offset(self.messages[-1]) + 1

    def broker_times(self) -> BrokerTimes:
        """Ask each; the earliest is found without a Python loop."""
        messages = self.messages
        if not messages:
            return BrokerTimes(BEGINNING_US, lambda: np.empty(0, np.int64))
        kinds, times_ms = zip(*map(type(messages[0]).timestamp, messages), strict=True)

        def all_us() -> Int64Array:
            return np.fromiter(
                (
                    END_US if kind == _TIMESTAMP_NOT_AVAILABLE else ms * 1_000
                    for kind, ms in zip(kinds, times_ms, strict=True)
                ),
                np.int64,
                len(kinds),
            )

        # What has no time counts as -1: only where all are of one kind is the least the earliest.
        of_one_kind = kinds[0] != _TIMESTAMP_NOT_AVAILABLE and kinds.count(kinds[0]) == len(kinds)
        return BrokerTimes(min(times_ms) * 1_000 if of_one_kind else BEGINNING_US, all_us)

    def picked(self, places: Int64Array) -> Iterable[Picked]:
        """Ask those."""
        some = [self.messages[place] for place in places.tolist()]
        return [(_offset(message), message.key(), message.value()) for message in some]

    def before(self, offset: int) -> FetchedMessages:
        """Return those before an offset."""
        count = len(self.messages)
        while count and _offset(self.messages[count - 1]) >= offset:
            count -= 1
        return self if count == len(self.messages) else FetchedMessages(self.messages[:count])


@dataclass(frozen=True, slots=True)
class FetchedColumns:
    """Records as columns, of one entry a record each."""

    topic: str
    partition: int
    values: Values
    keys: Values
    offsets: Int64Array
    times_ms: Int64Array
    time_kinds: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def messages(self) -> Sequence[Message]:
        """Make objects of those that are looked at."""
        return _Messages(self)

    @property
    def first_offset(self) -> int:
        """Return the offset of the first."""
        return int(self.offsets[0])

    @property
    def next_offset(self) -> int:
        """Return the offset after the last."""
        return int(self.offsets[-1]) + 1

    def broker_times(self) -> BrokerTimes:
        """Return the times, of which the earliest is at hand."""
        if not len(self):
            return BrokerTimes(BEGINNING_US, lambda: np.empty(0, np.int64))
        times_us = self.times_ms * 1_000
        times_us[self.time_kinds == _TIMESTAMP_NOT_AVAILABLE] = END_US
        return BrokerTimes(int(times_us.min()), lambda: times_us)

    def picked(self, places: Int64Array) -> Iterable[Picked]:
        """Cut them out."""
        return zip(
            self.offsets[places].tolist(),
            self.keys.picked(places),
            self.values.picked(places),
            strict=True,
        )

    def before(self, offset: int) -> FetchedColumns:
        """Return those before an offset."""
        count = int(np.searchsorted(self.offsets, offset))
        if count == len(self):
            return self
        return FetchedColumns(
            self.topic,
            self.partition,
            self.values.first(count),
            self.keys.first(count),
            self.offsets[:count],
            self.times_ms[:count],
            self.time_kinds[:count],
        )


class _Messages(Sequence[Message]):
    def __init__(self, columns: FetchedColumns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, at: int) -> Message: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Message]: ...

    def __getitem__(self, at: int | slice) -> Message | Sequence[Message]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        from_end = at + len(self) if at < 0 else at
        if not 0 <= from_end < len(self):
            raise IndexError(at)
        return _Row(self._columns, from_end)

    def __iter__(self) -> Iterator[Message]:
        return (_Row(self._columns, at) for at in range(len(self)))


class _Row:
    """One record of the columns, with what is asked of a message."""

    __slots__ = ("at", "columns")

    def __init__(self, columns: FetchedColumns, at: int) -> None:
        self.columns = columns
        self.at = at

    def topic(self) -> str:
        return self.columns.topic

    def partition(self) -> int:
        return self.columns.partition

    def offset(self) -> int:
        return int(self.columns.offsets[self.at])

    def key(self) -> bytes | None:
        return self.columns.keys[self.at]

    def value(self) -> bytes | None:
        return self.columns.values[self.at]

    def timestamp(self) -> tuple[int, int]:
        return int(self.columns.time_kinds[self.at]), int(self.columns.times_ms[self.at])


def _offset(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        raise ValueError("a consumed message has no offset")
    return offset

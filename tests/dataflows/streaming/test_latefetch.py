"""Records that were late on arrival are found again: those, all of them and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition

from dataflows.streaming import latefetch
from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.latefetch import LateFetcher
from dataflows.streaming.parcels import LateOnArrival
from dataflows.streaming.rejects import Limits
from dataflows.streaming.timestamps import iso
from dataflows.streaming.watermark import BEGINNING_US
from tests.dataflows.streaming.making import SECOND, T0, record, spec_of

import pyarrow as pa  # isort: skip

GROUPS = 4
CREATE_TIME = 1


def group_of(user: str) -> int:
    return int(key_groups_of(pa.array([user]), GROUPS)[0])


MINE = [name for name in (f"u{n}" for n in range(99)) if group_of(name) == 2][:5]
OTHERS = [name for name in (f"u{n}" for n in range(99)) if group_of(name) != 2][:5]


class FakeConsumer:
    """A partition that can be read from any offset, some records at a time."""

    def __init__(self, values: list[tuple[bytes, int | None]]) -> None:
        self.values = values
        self.at = 0
        self.closed = False

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.at = partitions[0].offset

    def consume(self, count: int, timeout: float) -> list[Message]:
        taken = self.values[self.at : self.at + min(count, 2)]
        begin, self.at = self.at, self.at + len(taken)
        return [
            Message(
                topic="clicks",
                partition=1,
                offset=begin + number,
                key=b"k\xff",
                value=value,
                timestamp=(0, 0) if broker_us is None else (CREATE_TIME, broker_us // 1_000),
            )
            for number, (value, broker_us) in enumerate(taken)
        ]

    def close(self) -> None:
        self.closed = True


def fetched(
    monkeypatch: pytest.MonkeyPatch,
    values: list[tuple[bytes, int | None]],
    late: LateOnArrival,
    limits: Limits | None = None,
) -> list[int]:
    """Return the offsets of the records that are fetched, all of them as late records."""
    consumer = FakeConsumer(values)
    monkeypatch.setattr(latefetch, "Consumer", lambda _: consumer)
    spec = spec_of({"p": 10 * SECOND}, 5 * SECOND, limits)
    records = LateFetcher(spec, "p", "user_id", GROUPS, {}).fetch(late)
    assert consumer.closed
    offsets = []
    for found in records:
        headers: dict[str, Any] = dict(found.headers)
        offset = int(headers["source.offset"])
        assert (found.topic, found.key, found.value) == ("clicks.late", b"k\xff", values[offset][0])
        assert headers["watermark"].decode() == iso(late.watermark_us)
        assert headers["source.partition"] == b"1"
        offsets.append(offset)
    return offsets


def seen(user: str, second: int, **more: object) -> tuple[bytes, int | None]:
    return record(user, "i", "view", T0 + second * SECOND, **more), None


LATE = LateOnArrival(
    origin=1,
    group=2,
    first_offset=2,
    next_offset=9,
    max_event_before_us=BEGINNING_US,
    watermark_us=T0 + 95 * SECOND,
    starts_us=(T0, T0 + 10 * SECOND),
    records=3,
)


def test_the_late_records_of_the_group_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [
        seen(MINE[0], 0),  # before the range
        seen(MINE[0], 1),
        seen(MINE[0], 2),  # 2
        seen(OTHERS[0], 3),
        (b"{", None),
        seen(MINE[1], 12, note="ü"),  # 5
        seen(MINE[2], 22),  # of an open window
        seen(OTHERS[1], 14),
        seen(MINE[3], 19),  # 8
        seen(MINE[4], 1),  # behind the range
    ]
    assert fetched(monkeypatch, values, LATE) == [2, 5, 8]


def test_records_late_by_their_own_partition_are_not_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [seen(MINE[0], 0)] * 2
    values += [seen(MINE[0], s) for s in (3, 19, 2, 26, 1, 11, 18)]
    # 19 s end the first window for this partition, 26 s the second one.
    assert fetched(monkeypatch, values, replace(LATE, records=2)) == [2, 3]


def test_the_largest_time_before_the_range_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    late = replace(LATE, max_event_before_us=T0 + 16 * SECOND, records=1)
    values = [seen(MINE[0], 16)] * 2 + [seen(MINE[0], 3), seen(MINE[0], 13)]
    late = replace(late, next_offset=4)
    assert fetched(monkeypatch, values, late) == [3]


def test_records_that_were_of_the_future_are_left_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = T0 + 20 * SECOND
    values: list[tuple[bytes, int | None]] = [(value, at) for value, _ in [seen(MINE[0], 0)] * 2]
    values += [(value, at) for value, _ in (seen(MINE[0], 500), seen(MINE[1], 4), seen(MINE[2], 5))]
    assert fetched(monkeypatch, values, replace(LATE, next_offset=5, records=2)) == [3, 4]


def test_names_that_were_known_before_the_range_do_not_use_up_the_cap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [seen(MINE[0], 0)] * 2 + [seen(MINE[0], 1), seen(MINE[1], 2)]
    late = replace(LATE, next_offset=4, records=2)
    assert fetched(monkeypatch, values, late, Limits(max_distinct_names=1)) == [2, 3]

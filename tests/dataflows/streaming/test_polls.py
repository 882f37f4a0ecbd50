"""Both ways to poll a partition, on a real broker: the same records, the same events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from dataflows.streaming.fetched import Fetched, Poll
from dataflows.streaming.polls import ColumnPolls, MessagePolls, Polls
from tests.conftest import MakeTopic
from tests.support.servers import KafkaEndpoint

KINDS = [MessagePolls, ColumnPolls]
Start = Callable[..., Polls]


@pytest.fixture
def start(kafka: KafkaEndpoint) -> Iterator[Start]:
    """Start to poll a topic's partition 0."""
    started: list[tuple[Polls, Consumer]] = []

    def polls_at(kind: type[Any], topic: str, offset: int = 0, **properties: Any) -> Polls:
        consumer = Consumer(
            {
                **kafka.client_properties(),
                "group.id": "polls",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                **properties,
            }
        )
        polls: Polls = kind(consumer, topic, 0)
        started.append((polls, consumer))
        polls.assign(offset)
        return polls

    yield polls_at
    for polls, consumer in started:
        polls.close()
        consumer.close()


def until(polls: Polls, done: Callable[[list[Poll]], bool], most: int = 7) -> list[Poll]:
    """Poll until it is done."""
    found: list[Poll] = []
    deadline = time.monotonic() + 30
    while not done(found):
        assert time.monotonic() < deadline, found
        poll = polls.poll(most, 0.05)
        assert poll.count <= most + len(poll.errors)
        if poll.count or poll.errors:
            found.append(poll)
    return found


def at_the_end(polls: list[Poll]) -> bool:
    return bool(polls) and polls[-1].caught_up


def rows(fetched: Fetched) -> list[tuple[object, ...]]:
    """Return all there is to know of each record, and see that it is the same in every way."""
    found: list[tuple[object, ...]] = [
        (m.topic(), m.partition(), m.offset(), m.key(), m.value(), m.timestamp())
        for m in fetched.messages
    ]
    assert [row[2] for row in found] == fetched.offsets.tolist()
    assert [row[4] for row in found] == list(fetched.values)
    assert fetched.values.lengths.tolist() == [len(m.value() or b"") for m in fetched.messages]
    if found:
        assert (fetched.first_offset, fetched.next_offset - 1) == (found[0][2], found[-1][2])
        assert fetched.messages[-1].offset() == found[-1][2]
        times_us = fetched.broker_times().all_us()
        assert times_us.tolist() == [m.timestamp()[1] * 1_000 for m in fetched.messages]
        assert fetched.broker_times().earliest_us == int(np.min(times_us))
    return found


def send(kafka: KafkaEndpoint, topic: str, **properties: Any) -> Producer:
    producer = Producer({**kafka.client_properties(), **properties})
    if "transactional.id" in properties:
        producer.init_transactions(30)
    return producer


def filled(kafka: KafkaEndpoint, topic: str, values: Iterable[bytes | None]) -> Producer:
    """Send values to partition 0, wait until they are there, and return who sent them."""
    producer = send(kafka, topic)
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0
    return producer


RECORDS: list[tuple[bytes | None, bytes | None]] = [
    (b"k", b"plain"),
    (None, b"without a key"),
    (b"", b"with an empty one"),
    (b"deleted", None),
    (b"empty", b""),
    (None, None),
    (b"\0\xff", b'{"no": "\xff UTF-8\0"}'),
    (b"large", b"x" * 700_000),
    *((f"k{n}".encode(), b"v" * n) for n in range(200)),
]


@pytest.mark.parametrize("codec", ["none", "gzip", "lz4"])
def test_both_bring_every_record_as_it_was_sent(
    kafka: KafkaEndpoint, make_topic: MakeTopic, start: Start, codec: str
) -> None:
    topic = make_topic()
    producer = send(kafka, topic, **{"compression.type": codec})
    for number, (key, value) in enumerate(RECORDS):
        producer.produce(topic, value, key, partition=0, timestamp=1_700_000_000_000 + number)
    assert producer.flush(30) == 0
    for kind in KINDS:
        polls = until(start(kind, topic), at_the_end)
        found = [row for poll in polls for row in rows(poll.fetched)]
        assert found == [
            (topic, 0, number, key, value, (1, 1_700_000_000_000 + number))
            for number, (key, value) in enumerate(RECORDS)
        ], kind
        assert [poll.caught_up for poll in polls].count(True) == 1
        assert not any(poll.errors for poll in polls)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_committed_comes(
    kafka: KafkaEndpoint, make_topic: MakeTopic, start: Start, kind: type[Any]
) -> None:
    topic = make_topic()
    producer = send(kafka, topic, **{"transactional.id": f"{topic}-{kind.__name__}"})
    for number in range(4):
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, f"{number}".encode(), partition=0)
        producer.flush(30)
        if number % 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    polls = until(start(kind, topic), at_the_end)
    values = [value for poll in polls for value in poll.fetched.values]
    assert values == [b"0"] * 5 + [b"2"] * 5


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_where_it_is_told_to(
    kafka: KafkaEndpoint, make_topic: MakeTopic, start: Start, kind: type[Any]
) -> None:
    topic = make_topic()
    producer = filled(kafka, topic, [f"{number}".encode() for number in range(50)])
    polls = start(kind, topic, offset=3)
    assert polls.poll(5, 30).fetched.offsets.tolist() == [3, 4, 5, 6, 7]
    for offset in (40, 0, 7):
        polls.assign(offset)
        found = until(polls, at_the_end)
        offsets = [each for poll in found for each in poll.fetched.offsets.tolist()]
        assert offsets == list(range(offset, 50))
    producer.produce(topic, b"more", partition=0)
    assert producer.flush(30) == 0
    assert [value for poll in until(polls, at_the_end) for value in poll.fetched.values] == [
        b"more"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_offset_that_is_not_there_is_an_error(
    make_topic: MakeTopic, start: Start, kind: type[Any]
) -> None:
    polls = until(start(kind, make_topic(), offset=1_000), lambda found: bool(found))
    (error,) = polls[-1].errors
    assert error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
    assert error.str()
    assert not polls[-1].caught_up


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_cut_before_an_offset(
    kafka: KafkaEndpoint, make_topic: MakeTopic, start: Start, kind: type[Any]
) -> None:
    topic = make_topic()
    filled(kafka, topic, [None if number == 4 else f"{number}".encode() for number in range(10)])
    fetched = start(kind, topic).poll(10, 30).fetched
    everything = rows(fetched)
    for offset in (0, 1, 5, 10, 99):
        assert rows(fetched.before(offset)) == everything[:offset]

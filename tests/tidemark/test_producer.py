"""Both producers, on a real broker: the same records arrive, the same failures are told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sinks.commands import Record
from tests.conftest import MakeTopic, StartServer
from tests.support.servers import Kafka, KafkaEndpoint
from tidemark.native import client_functions
from tidemark.producer import Columns, Producer, compiled, producer_of
from tidemark.producer import _producer as native
from tidemark.producer.compiled import CompiledProducer
from tidemark.producer.confluent import ConfluentProducer

KINDS: list[type[Any]] = [ConfluentProducer, CompiledProducer]
Make = Callable[..., Producer]
MOST = 1 << 40


def no_error(error: KafkaError) -> None:
    """Take what the client says of itself."""


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, kafka: KafkaEndpoint) -> Iterator[Make]:
    made: list[Producer] = []

    def producer(**properties: Any) -> Producer:
        given = {**kafka.client_properties(), "enable.idempotence": True, **properties}
        made.append(request.param(given, no_error))
        return made[-1]

    yield producer
    for each in made:
        each.close()


def columns(
    rows: list[tuple[int, bytes | None, bytes | None]], before: bytes = b"", behind: bytes = b""
) -> Columns:
    """Return records (partition, key, value) as columns, with bytes around that are nobody's."""

    def joined(cells: list[bytes | None]) -> tuple[Any, bytes]:
        lengths = [len(before), *(len(cell or b"") for cell in cells)]
        return np.cumsum(lengths, dtype=np.int64), before + b"".join(
            cell or b"" for cell in cells
        ) + behind

    key_bounds, keys = joined([key for _, key, _ in rows])
    value_bounds, values = joined([value for _, _, value in rows])
    return Columns(
        np.array([partition for partition, _, _ in rows], np.int32),
        key_bounds,
        keys,
        value_bounds,
        values,
        np.array([key is None for _, key, _ in rows], np.bool_),
        np.array([value is None for _, _, value in rows], np.bool_),
    )


def read(kafka: KafkaEndpoint, topic: str, partitions: int, count: int) -> list[Message]:
    """Read a topic's records, those of each partition in order."""
    consumer = Consumer({**kafka.client_properties(), "group.id": "producer-tests"})
    try:
        consumer.assign([TopicPartition(topic, each, 0) for each in range(partitions)])
        found: list[Message] = []
        deadline = time.monotonic() + 30
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records"
            found += consumer.consume(count, 0.2)
        found += consumer.consume(1, 0.3)
    finally:
        consumer.close()
    assert [message.error() for message in found] == [None] * len(found)
    return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))


def flushed(producer: Producer) -> None:
    deadline = time.monotonic() + 30
    while len(producer) and time.monotonic() < deadline:
        producer.flush(0.2)
    assert len(producer) == 0


def test_the_compiled_one_is_built_here_and_chosen(kafka: KafkaEndpoint) -> None:
    producer = producer_of(kafka.client_properties(), no_error)
    producer.close()
    assert type(producer) is CompiledProducer
    code = (
        "from tidemark.producer import producer_of; p = producer_of({}, print); print(type(p));"
        "p.close()"
    )
    environ = {**os.environ, "TIDEMARK_COMPILED": "off"}
    told = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert told.stdout == "<class 'tidemark.producer.confluent.ConfluentProducer'>\n", told.stderr


def test_records_arrive_byte_for_byte(
    make: Make, kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(3)
    records = [
        Record(topic, None, None, (), 0),
        Record(topic, b"", b"", (("empty", b""),), 0),
        Record(topic, b"key\0", bytes(range(256)), (("a", b"1"), ("ä", "\0ü".encode())), 1),
        *(Record(topic, b"k%d" % n, b"v%d" % n, (("n", b"%d" % n),), n) for n in range(500)),
        Record(topic, b"last", b"x" * 300_000, tuple((f"h{n}", b"y") for n in range(64)), 2),
    ]
    producer = make()
    assert producer.partitions(topic, 30.0) == (3, None)
    at, taken_bytes, error = producer.send(records, 0, {topic: 3}, MOST)
    assert (at, error) == (len(records), None)
    content = sum(len(r.key or b"") + len(r.value or b"") for r in records)
    assert taken_bytes >= content
    flushed(producer)
    assert list(producer.failures()) == []
    wanted = sorted(enumerate(records), key=lambda pair: ((pair[1].partition or 0) % 3, pair[0]))
    assert [
        (m.partition(), m.key(), m.value(), tuple(m.headers() or ()))
        for m in read(kafka, topic, 3, len(records))
    ] == [((r.partition or 0) % 3, r.key, r.value, r.headers) for _, r in wanted]


def test_columns_arrive_byte_for_byte(
    make: Make, kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(3)
    rows: list[tuple[int, bytes | None, bytes | None]] = [
        (0, None, None),
        (1, b"", b""),
        (2, b"k", None),
        (2, None, bytes(range(256))),
        *((n % 3, b"k%d" % n, b"v%d" % n) for n in range(2_000)),
    ]
    producer = make()
    assert producer.send_columns(topic, columns(rows, b"before", b"behind")) == (len(rows), None)
    flushed(producer)
    found = read(kafka, topic, 3, len(rows))
    assert [(m.partition(), m.key(), m.value()) for m in found] == sorted(
        rows, key=lambda row: row[0]
    )


def test_a_key_decides_where_no_partition_is_named(
    make: Make, kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(3)
    records = [Record(topic, b"k%d" % (n % 7), b"%d" % n) for n in range(70)]
    producer = make()
    assert producer.send(records, 0, {}, MOST)[0] == 70
    flushed(producer)
    places: dict[bytes | None, set[int | None]] = {}
    for message in read(kafka, topic, 3, 70):
        places.setdefault(message.key(), set()).add(message.partition())
    assert len(places) == 7
    assert all(len(place) == 1 for place in places.values())


def test_it_stops_after_the_bytes_that_were_asked_for(make: Make, make_topic: MakeTopic) -> None:
    topic = make_topic(1)
    records = [Record(topic, b"12", b"34567890", (), 0)] * 10
    producer = make()
    at, taken_bytes, error = producer.send(records, 2, {topic: 1}, 25)
    assert (at, taken_bytes, error) == (5, 30, None)
    assert producer.send(records, 10, {topic: 1}, 25) == (10, 0, None)


def test_it_stops_where_the_queue_is_full(make: Make, make_topic: MakeTopic) -> None:
    topic = make_topic(1)
    producer = make(**{"queue.buffering.max.messages": 100, "linger.ms": 60_000})
    records = [Record(topic, None, b"%d" % n, (), 0) for n in range(150)]
    at, _, error = producer.send(records, 0, {topic: 1}, MOST)
    assert (at, error) == (100, None)
    assert len(producer) == 100
    flushed(producer)
    assert producer.send(records, at, {topic: 1}, MOST)[0] == 150
    flushed(producer)
    taken, full = producer.send_columns(topic, columns([(0, None, b"x")] * 150))
    assert (taken, full and full.code()) == (100, KafkaError._QUEUE_FULL)
    flushed(producer)


def test_a_record_that_is_too_large_is_told_at_once(make: Make, make_topic: MakeTopic) -> None:
    topic = make_topic(1)
    producer = make(**{"message.max.bytes": 2_000})
    records = [Record(topic, b"k", b"x" * size, (), 0) for size in (10, 10, 5_000, 10)]
    at, _, error = producer.send(records, 0, {topic: 1}, MOST)
    assert (at, error and error.code()) == (2, KafkaError.MSG_SIZE_TOO_LARGE)
    flushed(producer)
    assert list(producer.failures()) == []


def test_what_the_broker_refuses_is_told_with_its_size(make: Make, make_topic: MakeTopic) -> None:
    topic = make_topic(1, {"max.message.bytes": "1000"})
    producer = make()
    other = make_topic(1)
    for size in (3_000, 5_000):
        record = Record(topic, b"key", b"x" * size, (("name", b"value"),), 0)
        assert producer.send([record], 0, {topic: 1}, MOST)[0] == 1
        flushed(producer)
    assert producer.send([Record(other, None, b"fits", (), 0)], 0, {other: 1}, MOST)[0] == 1
    flushed(producer)
    (failure,) = producer.failures()
    assert (failure.topic, failure.error.code()) == (topic, KafkaError.MSG_SIZE_TOO_LARGE)
    assert failure.count == 2
    # confluent-kafka's reports have no headers.
    assert failure.largest_bytes in (5_000 + 3, 5_000 + 3 + 4 + 5)


def test_what_is_given_up_counts_as_failed(make: Make, start_server: StartServer) -> None:
    server = start_server(Kafka)
    server.create_topic("t", 1)
    producer = make(**{**server.client_properties(), "linger.ms": 0})
    assert producer.partitions("t", 30.0) == (1, None)
    server.kill()
    assert producer.send_columns("t", columns([(0, None, b"x")] * 7)) == (7, None)
    # What the client has to say counts, too, until it is heard.
    assert len(producer) >= 7
    producer.purge()
    flushed(producer)
    assert sum(failure.count for failure in producer.failures()) == 7


def test_the_client_says_what_troubles_it() -> None:
    for kind in KINDS:
        heard: list[KafkaError] = []
        producer = kind({"bootstrap.servers": "127.0.0.1:1"}, heard.append)
        with pytest.raises(KafkaException):
            producer.partitions(None, 0.2)
        deadline = time.monotonic() + 10
        while not heard and time.monotonic() < deadline:
            producer.poll(0.1)
        assert KafkaError._TRANSPORT in {error.code() for error in heard}
        assert any("127.0.0.1:1" in error.str() for error in heard)
        producer.close()


def test_a_topic_that_is_not_there_has_no_partitions(make: Make) -> None:
    count, why = make().partitions("not-there", 30.0)
    assert count == 0
    assert why is not None
    assert why.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_property_that_is_none_is_refused() -> None:
    for kind in KINDS:
        with pytest.raises(KafkaException, match=r"no\.such\.property"):
            kind({"bootstrap.servers": "x", "no.such.property": 1}, no_error)


# ---- the compiled one believes nobody ----


@pytest.fixture
def bare(kafka: KafkaEndpoint) -> Iterator[native.Producer]:
    properties = {key: str(value) for key, value in kafka.client_properties().items()}
    addresses = client_functions(compiled._FUNCTIONS)
    producer = native.Producer(properties, addresses)
    yield producer
    producer.close()


def test_after_its_end_it_does_nothing(bare: native.Producer) -> None:
    bare.close()
    bare.close()
    assert len(bare) == 0
    assert bare.failures() == []
    for call in (
        lambda: bare.poll(0),
        lambda: bare.flush(0),
        bare.purge,
        lambda: bare.partitions(None, 0),
        lambda: bare.send([], 0, {}, 1),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_it_is_for_one_thread_at_a_time(bare: native.Producer) -> None:
    polling = threading.Thread(target=bare.poll, args=(2_000,))
    polling.start()
    try:
        time.sleep(0.5)
        with pytest.raises(RuntimeError, match="in use"):
            bare.poll(0)
        with pytest.raises(RuntimeError, match="in use"):
            bare.close()
    finally:
        polling.join()
    bare.poll(0)


class Odd:
    """A record with what it is told to have."""

    def __init__(self, **given: Any) -> None:
        self.topic: Any = "t"
        self.key: Any = None
        self.value: Any = None
        self.headers: Any = ()
        self.partition: Any = None
        self.__dict__.update(given)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"topic": 1}, TypeError),
        ({"topic": "x" * 300}, ValueError),
        ({"topic": "\ud800"}, UnicodeEncodeError),
        ({"key": "text"}, TypeError),
        ({"value": 1}, TypeError),
        ({"headers": [("a", b"")]}, TypeError),
        ({"headers": (("a", b""),) * 65}, TypeError),
        ({"headers": (("a",),)}, TypeError),
        ({"headers": (("a", "b"),)}, TypeError),
        ({"headers": ((b"a", b"b"),)}, TypeError),
        ({"partition": "0"}, TypeError),
        ({"partition": -1}, ValueError),
        ({"partition": 1 << 70}, OverflowError),
        ({"partition": 0, "topic": "unknown"}, ValueError),
    ],
)
def test_records_that_are_none(
    bare: native.Producer, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        bare.send([Odd(**given)], 0, {"t": 1}, MOST)
    with pytest.raises(AttributeError):
        bare.send([object()], 0, {}, MOST)
    with pytest.raises(ValueError, match="below 0"):
        bare.send([], -1, {}, MOST)
    assert len(bare) == 0
    assert bare.send([], 0, {}, MOST) == (0, 0, 0), "it is of use after an error"


def test_a_record_that_empties_the_list_is_the_last(bare: native.Producer) -> None:
    records: list[Any] = []

    class Emptying(Odd):
        def __getattribute__(self, name: str) -> Any:
            records.clear()
            return super().__getattribute__(name)

    records += [Emptying(), Odd()]
    assert bare.send(records, 0, {}, MOST)[0] == 1
    bare.purge()


def test_columns_that_do_not_belong_together(bare: native.Producer) -> None:
    def send(**other: Any) -> tuple[int, int]:
        given: dict[str, Any] = {
            "partitions": np.zeros(2, np.int32),
            "key_bounds": np.array([0, 1, 2], np.int64),
            "keys": b"ab",
            "value_bounds": np.array([0, 1, 2], np.int64),
            "values": b"cd",
            "nulls": np.zeros(2, np.uint8),
        }
        return bare.send_columns("t", *{**given, **other}.values())

    for other in (
        {"partitions": np.zeros(3, np.int32)},
        {"partitions": np.zeros(9, np.uint8)},
        {"key_bounds": np.zeros(2, np.int64)},
        {"value_bounds": np.zeros(0, np.int64)},
        {"nulls": np.zeros(1, np.uint8)},
        {"key_bounds": np.array([0, 1, 3], np.int64)},
        {"key_bounds": np.array([-1, 1, 2], np.int64)},
        {"value_bounds": np.array([2, 1, 2], np.int64)},
        {"values": b"c"},
    ):
        with pytest.raises(ValueError, match=r"belong|outside|array"):
            send(**other)
    with pytest.raises(TypeError):
        send(keys="text")
    bare.purge()


def test_functions_that_are_none() -> None:
    addresses = client_functions(compiled._FUNCTIONS)
    for given in ((), addresses[:-1], (*addresses[:-1], 0)):
        with pytest.raises(ValueError, match="functions"):
            native.Producer({}, given)
    assert len(set(addresses)) == len(addresses)
    assert all(pair[0] for pair in pairwise(addresses))

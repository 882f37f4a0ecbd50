"""The Kafka broker of the tests: round trips, crashes, security."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer

from tests.conftest import MakeTopic, StartServer
from tests.support.servers import Kafka, KafkaEndpoint, ServerError


def produce(kafka: KafkaEndpoint, topic: str, values: list[bytes]) -> None:
    delivered: list[str] = []  # never compare a KafkaError with None by ==: it breaks

    def note(error: KafkaError | None, _: Message) -> None:
        delivered.append("ok" if error is None else error.name())

    producer = Producer(kafka.client_properties() | {"acks": "all"})
    for value in values:
        producer.produce(topic, value, on_delivery=note)
    assert producer.flush(30) == 0
    assert delivered == ["ok"] * len(values)


def consume(kafka: KafkaEndpoint, topic: str, count: int) -> set[bytes]:
    consumer = Consumer(
        kafka.client_properties() | {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, timeout=30)
    finally:
        consumer.close()
    values = set()
    for message in messages:
        assert message.error() is None
        value = message.value()
        assert isinstance(value, bytes)
        values.add(value)
    return values


def test_a_cluster_whose_name_begins_with_a_hyphen_starts(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" + bytes(15)))
    assert start_server(Kafka).running


def test_round_trip(kafka: KafkaEndpoint, make_topic: MakeTopic) -> None:
    topic = make_topic(partitions=3)
    sent = [b"%d" % number for number in range(100)]
    produce(kafka, topic, sent)
    assert consume(kafka, topic, 100) == set(sent)


def test_topics_have_their_partitions_and_settings(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(partitions=5, config={"max.message.bytes": "100"})
    found = Producer(kafka.client_properties()).list_topics(topic, timeout=30)
    assert len(found.topics[topic].partitions) == 5
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE"):
        produce(kafka, topic, [b"x" * 200])


def test_creating_a_topic_twice_fails(kafka: KafkaEndpoint, make_topic: MakeTopic) -> None:
    with pytest.raises(ServerError, match="already exists"):
        kafka.create_topic(make_topic())


def test_topics_are_not_made_by_themselves(kafka: KafkaEndpoint) -> None:
    Producer(kafka.client_properties()).list_topics("nobody_made_this", timeout=30)
    everything = Producer(kafka.client_properties()).list_topics(timeout=30)
    assert "nobody_made_this" not in everything.topics


def test_kill_and_restart_keep_data(start_server: StartServer) -> None:
    broker = start_server(Kafka)
    address = broker.bootstrap_servers
    broker.create_topic("kept", 2)
    produce(broker, "kept", [b"before"])
    broker.kill()
    broker.restart()
    produce(broker, "kept", [b"between"])
    broker.restart()
    assert broker.bootstrap_servers == address
    assert consume(broker, "kept", 2) == {b"before", b"between"}


def test_credentials_and_encryption(start_server: StartServer) -> None:
    broker = start_server(Kafka, auth=True, tls=True)
    assert broker.security_protocol == "SASL_SSL"
    broker.create_topic("secret")
    produce(broker, "secret", [b"hidden"])
    assert consume(broker, "secret", 1) == {b"hidden"}

    refused: list[str] = []
    wrong = Producer(
        broker.client_properties()
        | {"sasl.password": "wrong", "error_cb": lambda error: refused.append(error.name())}
    )
    wrong.poll(10)
    assert "_AUTHENTICATION" in refused

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tidemark.config.kafka import KafkaSettings

LOGIN = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "me",
    "sasl_password": SecretStr("hunter2hunter2"),
}


def wrong_fields(values: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate(values)
    return {str(error["loc"][0]) for error in caught.value.errors()}


def test_plain_client_properties() -> None:
    assert KafkaSettings().client_properties() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "PLAINTEXT",
    }


def test_client_properties_with_login_and_more() -> None:
    settings = KafkaSettings.model_validate(
        LOGIN | {"ssl_ca_location": "/ca.pem", "client": {"socket.timeout.ms": 30_000}}
    )
    assert settings.client_properties() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "hunter2hunter2",
        "ssl.ca.location": "/ca.pem",
        "socket.timeout.ms": 30_000,
    }


def test_confluent_kafka_accepts_the_properties() -> None:
    from confluent_kafka import Consumer

    settings = KafkaSettings.model_validate(LOGIN | {"client": {"fetch.queue.backoff.ms": 5}})
    consumer = Consumer({**settings.client_properties(), "group.id": settings.group_id})
    consumer.close()


def test_a_login_is_not_sent_without_sasl() -> None:
    settings = KafkaSettings.model_validate(LOGIN | {"security_protocol": "SSL"})
    assert not any(name.startswith("sasl") for name in settings.client_properties())


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_sasl_needs_mechanism_name_and_password(protocol: str) -> None:
    assert wrong_fields({"security_protocol": protocol}) == {
        "sasl_mechanism",
        "sasl_username",
        "sasl_password",
    }


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("bootstrap.servers", "set kafka.bootstrap_servers"),
        ("group.id", "set kafka.group_id"),
        ("sasl.password", "set the environment variable KAFKA_SASL_PASSWORD"),
        ("ssl.key.password", "remove it: secrets are not taken here"),
        ("ssl.keystore.password", "remove it: secrets are not taken here"),
        ("sasl.oauthbearer.client.secret", "remove it: secrets are not taken here"),
        ("enable.auto.commit", "remove it: the engine keeps its own offsets"),
    ],
)
def test_properties_with_a_place_of_their_own_are_refused(name: str, remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate({"client": {name: "x"}})
    (error,) = caught.value.errors()
    assert error["ctx"]["remedy"] == remedy


def test_properties_are_scalars() -> None:
    assert wrong_fields({"client": {"socket.timeout.ms": [1]}}) == {"client"}
    assert wrong_fields({"client": {"socket.timeout.ms": None}}) == {"client"}


@pytest.mark.parametrize(
    "servers",
    ["a:1", "a", "a:1,b:2", "a:1, b:2", "[::1]:9092", "10.0.0.1:9092", "SASL_SSL://a-b.c_d:9093"],
)
def test_addresses_of_brokers(servers: str) -> None:
    assert KafkaSettings(bootstrap_servers=servers).bootstrap_servers == servers


@pytest.mark.parametrize("servers", ["", "a:", "a:0", "a:65536", "a:b", "a b:1", "a:1,", "u:p@a:1"])
def test_what_is_no_address_of_brokers(servers: str) -> None:
    assert wrong_fields({"bootstrap_servers": servers}) == {"bootstrap_servers"}


def test_the_password_is_not_in_the_representation() -> None:
    assert "hunter2" not in repr(KafkaSettings.model_validate(LOGIN))

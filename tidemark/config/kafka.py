"""Settings of Kafka: the brokers, the topics that we make, and how topics are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from tidemark.config.base import Env, Expected, Section, wrong
from tidemark.config.types import AtStart, Count, Name, Servers
from tidemark.redaction import names_a_secret

_OWN_SETTING = {
    "bootstrap.servers": "bootstrap_servers",
    "metadata.broker.list": "bootstrap_servers",
    "group.id": "group_id",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "ssl.ca.location": "ssl_ca_location",
}
_ENGINE_DECIDES = {"enable.auto.commit", "enable.auto.offset.store", "enable.partition.eof"}
_PROPERTY = "a property of librdkafka that has no setting of its own and is no secret"
_SCALAR = "text, a number, true or false"


def _check_property(name: str) -> str:
    if name == "sasl.password":
        raise wrong(_PROPERTY, "set the environment variable KAFKA_SASL_PASSWORD")
    if name in _OWN_SETTING:
        raise wrong(_PROPERTY, f"set kafka.{_OWN_SETTING[name]}")
    if name in _ENGINE_DECIDES:
        raise wrong(_PROPERTY, "remove it: the engine keeps its own offsets")
    if names_a_secret(name):
        raise wrong(_PROPERTY, "remove it: secrets are not taken here")
    return name


def _check_scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool):
        raise wrong(_SCALAR)
    return value


Client = dict[
    Annotated[str, AfterValidator(_check_property)],
    Annotated[Any, AfterValidator(_check_scalar)],
]


class KafkaSettings(Section):
    """Where the brokers are and how to log in to them."""

    bootstrap_servers: Annotated[Servers, Env("KAFKA_BOOTSTRAP_SERVERS")] = "localhost:9092"
    """Brokers to ask first."""

    group_id: Annotated[Name, Env("KAFKA_GROUP_ID")] = "tidemark"
    """Consumer group to commit offsets to, for lag tools; they are never read back."""

    start_timeout_s: float = Field(30.0, gt=0, le=3600)
    """How long to wait for the brokers at start, before giving up with a message."""

    at_start: AtStart = "retry"
    """What to do at start when no broker answers: try again for `start_timeout_s`, fail at once, or
    wait for as long as it takes."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""

    ssl_ca_location: Annotated[str, Field(min_length=1)] | None = None
    """File or directory with the CA certificates; null: those of the system."""

    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How to log in; needed with SASL_PLAINTEXT and SASL_SSL."""

    sasl_username: Annotated[str, Field(min_length=1)] | None = None
    """Who logs in; needed with SASL_PLAINTEXT and SASL_SSL."""

    sasl_password: Annotated[SecretStr | None, Env("KAFKA_SASL_PASSWORD")] = None
    """Password to log in with; needed with SASL_PLAINTEXT and SASL_SSL."""

    client: Annotated[Client, Expected("a mapping of properties to values")] = Field(
        default_factory=dict
    )
    """More properties of librdkafka for every client, such as `socket.timeout.ms: 30000`."""

    @field_validator("sasl_mechanism", "sasl_username", "sasl_password")
    @classmethod
    def _needed_to_log_in(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("security_protocol", "")
        if value is None and protocol.startswith("SASL"):
            how = "KAFKA_SASL_PASSWORD" if info.field_name == "sasl_password" else "it"
            remedy = f"set {how}, or choose another kafka.security_protocol"
            raise wrong(f"a value, because kafka.security_protocol is {protocol}", remedy)
        return value

    def client_properties(self) -> dict[str, str | int | float | bool]:
        """Return what every client of confluent_kafka needs, secrets included.

        `group.id` is not in it: it belongs to consumers only, and librdkafka warns elsewhere.
        """
        properties: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.ssl_ca_location is not None:
            properties["ssl.ca.location"] = self.ssl_ca_location
        if self.security_protocol.startswith("SASL"):
            # Validation has seen to it that all three are there.
            assert self.sasl_mechanism is not None
            assert self.sasl_username is not None
            assert self.sasl_password is not None
            properties["sasl.mechanism"] = self.sasl_mechanism
            properties["sasl.username"] = self.sasl_username
            properties["sasl.password"] = self.sasl_password.get_secret_value()
        return properties | self.client


class TopicsSettings(Section):
    """What the topics look like that `tidemark topics create` makes."""

    partitions: Annotated[int, Field(ge=1, le=10_000)] = 3
    """Partitions of a topic."""

    replication_factor: Annotated[int, Field(ge=1, le=100)] = 1
    """Copies of each partition; not more than there are brokers."""


class SourceSettings(Section):
    """How topics are read and what a record may look like."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Records of one poll, the unit of work; smaller than 10,000 costs throughput."""

    epoch_bytes: Count = 536_870_912
    """Bytes read per partition and epoch at most: the bound of what waits for a slow store."""

    max_message_bytes: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_048_576
    """A larger record is rejected (`too_large`)."""

    max_id_length: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Characters; a longer id is rejected (`invalid_id`)."""

    max_distinct_types: Count = 1000
    """Distinct names of a type field, such as `interaction_type`, that are told apart."""

    start: Literal["earliest", "latest"] = "earliest"
    """Where to begin without a recovery store."""

    on_missing_offset: Literal["fail", "earliest"] = "fail"
    """What to do when retention has deleted the record to resume from."""

    until_end: bool = False
    """Stop after what is in the topics at start, close the windows, exit with 0."""

    @field_validator("max_message_bytes")
    @classmethod
    def _fits_an_epoch(cls, value: int, info: ValidationInfo) -> int:
        epoch_bytes = info.data.get("epoch_bytes", value)
        if value > epoch_bytes:
            raise wrong(f"at most source.epoch_bytes, which is {epoch_bytes}")
        return value

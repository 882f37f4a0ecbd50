"""Apache Kafka, one node in KRaft mode. Takes Java 17; Maven fetches its jars once."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from confluent_kafka import KafkaException

from tests.support.servers.cache import installed, require_tool, run_step
from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.servers.errors import ServerError
from tests.support.servers.ports import free_port, is_open
from tests.support.servers.process import Server

VERSION = "4.4.0"
LOG4J_VERSION = "2.25.1"
USERNAME, PASSWORD = "tidemark", "tidemark-secret"
STORE_PASSWORD = "tidemark-store"

POM = dedent(f"""\
    <project xmlns="http://maven.apache.org/POM/4.0.0">
      <modelVersion>4.0.0</modelVersion>
      <groupId>tidemark</groupId>
      <artifactId>test-broker</artifactId>
      <version>1</version>
      <packaging>pom</packaging>
      <dependencies>
        <dependency>
          <groupId>org.apache.kafka</groupId>
          <artifactId>kafka_2.13</artifactId>
          <version>{VERSION}</version>
        </dependency>
        <dependency>
          <groupId>org.apache.logging.log4j</groupId>
          <artifactId>log4j-slf4j-impl</artifactId>
          <version>{LOG4J_VERSION}</version>
        </dependency>
        <dependency>
          <groupId>org.apache.logging.log4j</groupId>
          <artifactId>log4j-core</artifactId>
          <version>{LOG4J_VERSION}</version>
        </dependency>
      </dependencies>
    </project>
    """)

LOG4J = dedent("""\
    rootLogger.level = INFO
    rootLogger.appenderRef.console.ref = console
    appender.console.type = Console
    appender.console.name = console
    appender.console.layout.type = PatternLayout
    appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %m (%c{1})%n
    """)


class Kafka(Server, KafkaEndpoint):
    """A broker at `bootstrap_servers`; topics are never made by themselves.

    `auth` asks for SASL/PLAIN, `tls` for TLS with a certificate of its own (`ca_location`);
    `client_properties()` has what a client needs for either. `fast_start` trades throughput for
    start time and memory: leave it off for benchmarks.
    """

    name = "kafka"

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        auth: bool = False,
        tls: bool = False,
        heap_mb: int = 512,
        fast_start: bool = True,
        properties: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(data_dir)
        self.port = free_port() if port is None else port
        self._internal_port, self._controller_port = free_port(), free_port()
        self._auth, self._tls = auth, tls
        self._heap_mb, self._fast_start = heap_mb, fast_start
        self._extra = dict(properties or {})

    @property
    def bootstrap_servers(self) -> str:
        """Return host:port for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def security_protocol(self) -> str:
        """Return what clients have to set as `security.protocol`."""
        return ("SASL_" if self._auth else "") + ("SSL" if self._tls else "PLAINTEXT")

    @property
    def ca_location(self) -> Path:
        """Return the certificate that a TLS client trusts (PEM)."""
        return self.data_dir / "ca.pem"

    def client_properties(self) -> dict[str, str | int | float | bool]:
        """Return the librdkafka properties that connect to this broker."""
        properties: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol.lower(),
        }
        if self._auth:
            properties |= {
                "sasl.mechanism": "PLAIN",
                "sasl.username": USERNAME,
                "sasl.password": PASSWORD,
            }
        if self._tls:
            properties["ssl.ca.location"] = str(self.ca_location)
        return properties

    def _launch(self) -> None:
        java = require_tool("java", "the Kafka broker of the tests")
        self._classpath = f"{installed(f'kafka-{VERSION}', _install)}/*"
        config = self.data_dir / "server.properties"
        if self._tls and not self.ca_location.exists():
            self._make_certificate()
        config.write_text(self._server_properties())
        (self.data_dir / "log4j2.properties").write_text(LOG4J)
        if not (self.data_dir / "log" / "meta.properties").exists():
            self._format(java, config)
        self._spawn(java, *self._java_options(), "kafka.Kafka", config)
        self._wait_until_ready()

    def _answers(self) -> bool:
        if not is_open(self.port):
            return False
        try:
            metadata = self._admin().list_topics(timeout=5)
        except KafkaException:
            return False
        # A broker that has not joined yet is missing here; after a restart leaders come later.
        return bool(metadata.brokers) and all(
            partition.leader >= 0
            for topic in metadata.topics.values()
            for partition in topic.partitions.values()
        )

    def _java_options(self) -> list[str]:
        options = [
            f"-Xms{self._heap_mb}m",
            f"-Xmx{self._heap_mb}m",
            f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.properties'}",
        ]
        if self._fast_start:
            options += ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [*options, "-cp", self._classpath]

    def _format(self, java: str, config: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [java, *self._java_options(), "kafka.tools.StorageTool"]
        # In one word: one name in 64 begins with a hyphen, as an option does.
        run_step(*tool, "format", "--ignore-formatted", f"--cluster-id={cluster}", "-c", config)

    def _server_properties(self) -> str:
        # The client listener may ask for credentials; the broker talks to itself on INTERNAL.
        listeners = {
            "CLIENT": self.port,
            "INTERNAL": self._internal_port,
            "CONTROLLER": self._controller_port,
        }
        addresses = {n: f"{n}://127.0.0.1:{port}" for n, port in listeners.items()}
        properties: dict[str, str | int] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": f"{addresses['CLIENT']},{addresses['INTERNAL']}",
            "listener.security.protocol.map": (
                f"CLIENT:{self.security_protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "inter.broker.listener.name": "INTERNAL",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "log.dirs": str(self.data_dir / "log"),
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "auto.create.topics.enable": "false",
            # After a crash the broker joins anew only when its former self has timed out.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
        }
        if self._auth:
            properties["listener.name.client.sasl.enabled.mechanisms"] = "PLAIN"
            properties["listener.name.client.plain.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                f'user_{USERNAME}="{PASSWORD}";'
            )
        if self._tls:
            properties["listener.name.client.ssl.keystore.location"] = str(self._keystore)
            properties["listener.name.client.ssl.keystore.password"] = STORE_PASSWORD
        properties |= self._extra
        return "".join(f"{key}={value}\n" for key, value in properties.items())

    @property
    def _keystore(self) -> Path:
        return self.data_dir / "keystore.p12"

    def _make_certificate(self) -> None:
        keytool = require_tool("keytool", "a Kafka broker with TLS")
        store = ["-keystore", str(self._keystore), "-storepass", STORE_PASSWORD]
        store += ["-alias", "broker"]
        run_step(
            *[keytool, "-genkeypair", *store, "-storetype", "PKCS12", "-keyalg", "RSA"],
            *["-dname", "CN=localhost", "-validity", "2"],
            *["-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "bc:c"],
        )
        run_step(keytool, "-exportcert", "-rfc", *store, "-file", self.ca_location)


def _install(folder: Path) -> None:
    maven = require_tool("mvn", "installing the Kafka broker of the tests")
    pom = folder / "pom.xml"
    pom.write_text(POM)
    run_step(
        *[maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"],
        *["-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
    )
    if not (folder / f"kafka_2.13-{VERSION}.jar").exists():
        raise ServerError("Maven said nothing, but there are no jars")

"""The servers of docker-compose.yml without containers: same environment, loopback, other places.

What differs from the containers: the broker is started from its jars by the rule of its image
(`KAFKA_A_B` is property `a.b`), InfluxDB is 1.8 and its tokens are users, and MongoDB is a stand-in
that speaks its protocol. Roles are what the scripts under deploy/compose ask for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from tests.support.servers import InfluxDB, Kafka, Mongo
from tests.support.servers.cache import run_step
from tests.support.servers.ports import free_port

SCRIPTS = Path(__file__).parents[2] / "deploy" / "compose"


class Moved:
    """Say of a text where things are here: hosts, ports and directories of the containers."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        longest_first = sorted(places, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._places[found[0]], text)

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """Return the environment of a service."""
        return {name: self(str(value)) for name, value in service["environment"].items()}

    def command(self, service: Mapping[str, Any], part: str = "command") -> list[str]:
        """Return the command of a service, or its entrypoint."""
        return [self(word) for word in service[part]]


def broker_properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that the broker's image makes of an environment."""
    no_properties = {"KAFKA_HEAP_OPTS"}
    properties = {}
    for name, value in environment.items():
        if name.startswith("KAFKA_") and name not in no_properties:
            # Three underscores are a hyphen, two are one, one is a dot.
            parts = re.split(r"(_+)", name.removeprefix("KAFKA_").lower())
            signs = {"_": ".", "__": "_", "___": "-"}
            properties["".join(signs.get(part, part) for part in parts)] = value
    return properties


class ComposedKafka(Kafka):
    """A broker with the properties of the service `kafka`; clients of tests use its own listener.

    `environment` may name the ports that it is given here.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        super().__init__(data_dir, port)
        self.host_port = free_port()
        self.environment: dict[str, str] = {}

    @property
    def places(self) -> dict[str, str]:
        """What is where in this broker."""
        own, controller = self._internal_port, self._controller_port
        return {
            "CLIENT://:9092": f"CLIENT://127.0.0.1:{self.port}",
            "HOST://:9094": f"HOST://127.0.0.1:{self.host_port}",
            "127.0.0.1:9094": f"127.0.0.1:{self.host_port}",
            "kafka:9092": f"127.0.0.1:{self.port}",
            "127.0.0.1:19092": f"127.0.0.1:{own}",
            "127.0.0.1:19093": f"127.0.0.1:{controller}",
            "/var/lib/kafka/data": str(self.data_dir / "log"),
        }

    @property
    def own_listener(self) -> str:
        """Where no login is asked for."""
        return f"127.0.0.1:{self._internal_port}"

    def _server_properties(self) -> str:
        properties = broker_properties(self.environment)
        return "".join(f"{name}={value}\n" for name, value in properties.items())

    def _format(self, java: str, config: Path) -> None:
        tool = [java, *self._java_options(), "kafka.tools.StorageTool", "format"]
        run_step(*tool, "-t", self.environment["CLUSTER_ID"], "-c", config)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.own_listener, "log_level": 0})


def kafka_configs(directory: Path) -> Path:
    """Write a `kafka-configs.sh` that sets SCRAM passwords as Kafka's does; the jars have none."""
    path = directory / "kafka-configs.sh"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__)} "$@"\n')
    path.chmod(0o755)
    return directory


def _set_scram_password(arguments: list[str]) -> None:
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert given["--entity-type"] == "users", given
    text = Path(given["--add-config-file"]).read_text()
    found = re.fullmatch(r"SCRAM-SHA-512=\[password=(.*)\]\n", text)
    assert found is not None
    admin = AdminClient({"bootstrap.servers": given["--bootstrap-server"]})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(given["--entity-name"], info, found[1].encode())
    for answer in admin.alter_user_scram_credentials([change]).values():
        answer.result(30)


class ComposedMongo(Mongo):
    """A MongoDB server with the certificate, the login and the users of its service."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        super().__init__(data_dir, port, auth=True)
        self.certificate = data_dir
        self.ca = data_dir
        self.environment: dict[str, str] = {}

    @property
    def uri_without_credentials(self) -> str:
        """Return the connection string of a client that does not log in."""
        tls = f"?tls=true&tlsCAFile={self.ca}" if self._process_has_tls else ""
        return f"mongodb://127.0.0.1:{self.port}/{tls}"

    _process_has_tls = False

    def _spawn(self, *command: str | Path) -> None:
        # The first run, which makes the users, asks for no login; then also for no certificate.
        self._process_has_tls = "--auth" in command
        tls = ["--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.certificate)]
        super()._spawn(*command, *(tls if self._process_has_tls else []))

    def _provide_user(self, command: list[str]) -> None:
        done = self.data_dir / "users-created"
        if done.exists():
            return
        self._spawn(*command)
        self._wait_until_ready()
        given = self.environment
        with MongoClient[dict[str, Any]](self.uri_without_credentials) as client:
            client.admin.command(
                "createUser",
                given["MONGO_INITDB_ROOT_USERNAME"],
                pwd=given["MONGO_INITDB_ROOT_PASSWORD"],
                roles=["root"],
            )
            for user, password, role in users_of((SCRIPTS / "mongodb-users.js").read_text()):
                name = given["MONGO_DATABASE"]
                client[name].command(
                    "createUser",
                    user,
                    pwd=given[password],
                    roles=[{"role": role, "db": name}],
                )
        self.stop()
        done.touch()


def users_of(script: str) -> list[tuple[str, str, str]]:
    """Read user, variable of the password and role from the script that makes the users."""
    pattern = (
        r'user: "(\w+)",\s+pwd: process\.env\.(\w+),\s+roles: \[\{ role: "(\w+)", db: name \}\]'
    )
    return re.findall(pattern, script)


class ComposedInfluxDB(InfluxDB):
    """An InfluxDB with an administrator, a user who may only write and one who may only read."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        super().__init__(data_dir, port, auth=True)

    def provide(self, database: str, tokens: Path, secrets: Mapping[str, str]) -> None:
        """Make the database and the two users; write their tokens where the script writes them."""
        self.create_database(database)
        for right, password in secrets.items():
            user = f"tidemark-{right}"
            self.query(f"CREATE USER \"{user}\" WITH PASSWORD '{password}'")
            self.query(f'GRANT {right.upper()} ON "{database}" TO "{user}"')
            (tokens / f"{right}-token").write_text(f"{user}:{password}\n")


if __name__ == "__main__":
    alter = sys.argv[1:]
    alter.remove("--alter")
    _set_scram_password(alter)

"""Start what docker-compose.yml describes, in its order, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.deploy.composing import ROOT, filled, load
from tests.deploy.standins import (
    ComposedInfluxDB,
    ComposedKafka,
    ComposedMongo,
    Moved,
    kafka_configs,
)
from tests.support.running import Finished, Running, environment, run
from tests.support.servers.ports import free_port

WRITE_PASSWORD, READ_PASSWORD = "secretinfluxwrite", "secretinfluxread"
Start = Callable[..., Any]


class Stack:
    """The servers of the stack, and its commands. `start_server` starts and later stops servers."""

    def __init__(self, directory: Path, start_server: Start) -> None:
        self.directory = directory
        self.services: dict[str, dict[str, Any]] = load(filled(directory))["services"]
        self.observability_port, self.dashboard_port = free_port(), free_port()
        for name in ("ca", "kafka-certificate", "mongodb-certificate", "tokens", "state", "bin"):
            (directory / name).mkdir()
        self._start = start_server
        self._make_certificates()
        self._start_kafka()
        self._start_mongodb()
        self._start_influxdb()
        self.moved = Moved(
            {
                **self.kafka.places,
                "/ca/ca.pem": str(directory / "ca" / "ca.pem"),
                "/tokens/": f"{directory / 'tokens'}/",
                "/var/lib/tidemark": str(directory / "state"),
                "mongodb:27017": f"127.0.0.1:{self.mongodb.port}",
                "influxdb:8086": f"127.0.0.1:{self.influxdb.port}",
                "0.0.0.0": "127.0.0.1",
                "8050": str(self.dashboard_port),
            }
        )

    def settings(self, name: str) -> dict[str, str]:
        """Return the environment of one of our services, with a free port for the supervisor."""
        return {
            **self.moved.environment(self.services[name]),
            "TIDEMARK_OBSERVABILITY__PORT": str(self.observability_port),
        }

    def command(self, name: str) -> list[str]:
        """Return the command of one of our services."""
        program, *arguments = self.moved.command(self.services[name])
        assert program == "tidemark"
        return [sys.executable, "-m", "tidemark", *arguments]

    def finish(self, name: str, *more: str, **settings: str) -> Finished:
        """Run one of our services to its end."""
        return run([*self.command(name), *more], self.room(name), self.settings(name) | settings)

    def running_command(self, words: list[str], name: str) -> Finished:
        """Run another command of ours in the environment of a service."""
        command = [sys.executable, "-m", "tidemark", *words]
        return run(command, self.room(name), self.settings(name))

    def running(self, name: str, **settings: str) -> Running:
        """Start one of our services."""
        return Running(self.command(name), self.room(name), self.settings(name) | settings)

    def room(self, name: str) -> Path:
        """Return the working directory of a service, where its log is."""
        path = self.directory / f"room-{name}"
        path.mkdir(exist_ok=True)
        return path

    def _make_certificates(self) -> None:
        here = Moved(
            {
                "/certificates.sh": str(ROOT / "deploy" / "compose" / "certificates.sh"),
                "/ca": str(self.directory / "ca"),
                "/kafka": str(self.directory / "kafka-certificate"),
                "/mongodb": str(self.directory / "mongodb-certificate"),
            }
        )
        done = subprocess.run(
            here.command(self.services["certificates"], "entrypoint"),
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "KAFKA_USER_ID": str(os.geteuid()),
                "MONGODB_USER_ID": str(os.geteuid()),
            },
        )
        assert done.returncode == 0, done.stderr

    def _start_kafka(self) -> None:
        def make(directory: Path) -> ComposedKafka:
            server = ComposedKafka(directory)
            certificate = {"/certificate/": f"{self.directory / 'kafka-certificate'}/"}
            here = Moved(server.places | certificate)
            server.environment = here.environment(self.services["kafka"])
            return server

        self.kafka: ComposedKafka = self._start(make)
        service = self.services["kafka-users"]
        script = {"/kafka-users.sh": str(ROOT / "deploy" / "compose" / "kafka-users.sh")}
        here = Moved(self.kafka.places | script)
        done = subprocess.run(
            here.command(service, "entrypoint"),
            env=environment(
                {
                    **here.environment(service),
                    "KAFKA_BIN": str(kafka_configs(self.directory / "bin")),
                }
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _start_mongodb(self) -> None:
        def make(directory: Path) -> ComposedMongo:
            server = ComposedMongo(directory)
            server.certificate = self.directory / "mongodb-certificate" / "server.pem"
            server.ca = self.directory / "ca" / "ca.pem"
            service = self.services["mongodb"]
            server.environment = {name: str(v) for name, v in service["environment"].items()}
            return server

        self.mongodb: ComposedMongo = self._start(make)

    def _start_influxdb(self) -> None:
        self.influxdb: ComposedInfluxDB = self._start(ComposedInfluxDB)
        self.influxdb.provide(
            self.services["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"],
            self.directory / "tokens",
            {"write": WRITE_PASSWORD, "read": READ_PASSWORD},
        )

    def outputs(self) -> dict[str, str]:
        """Return what every process of ours has printed so far, by file."""
        return {
            str(path): path.read_text(errors="replace")
            for path in self.directory.glob("room-*/*")
            if path.is_file()
        }


def openssl_is_there() -> bool:
    """Tell whether certificates can be made here."""
    return shutil.which("openssl") is not None

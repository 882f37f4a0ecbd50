"""What a test may ask of a server, be it one of ours or one that runs already."""

from __future__ import annotations

import base64
import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pymongo import MongoClient

from tests.support.servers.errors import ServerError

# librdkafka writes each refused connection to stderr; while a broker starts that is expected.
_quiet = logging.getLogger("tests.kafka.client")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class KafkaEndpoint(ABC):
    """A broker at `bootstrap_servers`."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """Return host:port for clients."""

    def client_properties(self) -> dict[str, str | int | float | bool]:
        """Return the librdkafka properties that connect to this broker."""
        return {"bootstrap.servers": self.bootstrap_servers}

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        config: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
    ) -> str:
        """Create a topic and return its name when every partition has a leader."""
        topic = NewTopic(name, partitions, 1, config=dict(config or {}))
        admin = self._admin()  # held: a client that is collected takes its requests with it
        try:
            admin.create_topics([topic])[name].result(timeout_s)
        except KafkaException as error:
            raise ServerError(f"topic {name} was not created: {error}") from error
        self._wait_for_leaders(name, partitions, timeout_s)
        return name

    def delete_topic(self, name: str, *, timeout_s: float = 30.0) -> None:
        """Delete a topic."""
        admin = self._admin()
        try:
            admin.delete_topics([name])[name].result(timeout_s)
        except KafkaException as error:
            raise ServerError(f"topic {name} was not deleted: {error}") from error

    def _admin(self) -> AdminClient:
        return AdminClient(self.client_properties(), logger=_quiet)

    def _wait_for_leaders(self, name: str, partitions: int, timeout_s: float) -> None:
        admin, deadline = self._admin(), time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = admin.list_topics(topic=name, timeout=timeout_s).topics[name].partitions
            if len(found) == partitions and all(p.leader >= 0 for p in found.values()):
                return
            time.sleep(0.05)
        raise ServerError(f"topic {name} has no leaders after {timeout_s:.0f} s")


class InfluxDBEndpoint(ABC):
    """A server at `url` that takes v2 writes (`/api/v2/write`) and answers InfluxQL."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the base address, without credentials."""

    @property
    @abstractmethod
    def token(self) -> str:
        """Return the token of a v2 client: `user:password` on InfluxDB 1."""

    def create_database(self, name: str) -> str:
        """Create a database (a v2 client's bucket) and return its name."""
        self.query(f'CREATE DATABASE "{name}"')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database."""
        self.query(f'DROP DATABASE "{name}"')

    def query(
        self,
        influxql: str,
        database: str | None = None,
        *,
        epoch: str = "s",
        timeout_s: float = 30.0,
    ) -> list[dict[str, Any]]:
        """Run InfluxQL and return its rows: the columns, the group's tags, and `measurement`.

        Times are integers in units of `epoch` (ns, u, ms, s). Raises ServerError with the
        server's message.
        """
        parameters = {"q": influxql, "epoch": epoch} | ({"db": database} if database else {})
        request = urllib.request.Request(
            f"{self.url}/query",
            data=urllib.parse.urlencode(parameters).encode(),
            headers=self._credentials(),
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read().decode(errors="replace")
            raise ServerError(f"InfluxDB answered {error.code}: {detail}") from error
        return _rows(answer)

    def _credentials(self) -> dict[str, str]:
        if not self.token:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(self.token.encode()).decode()}"}


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for result in answer["results"]:
        if "error" in result:
            raise ServerError(f"InfluxDB: {result['error']}")
        for series in result.get("series", []):
            group = {"measurement": series.get("name")} | series.get("tags", {})
            for values in series.get("values", []):
                rows.append(group | dict(zip(series["columns"], values, strict=True)))
    return rows


class MongoEndpoint(ABC):
    """A server at `uri`."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """Return the connection string, credentials included."""

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a client with time-zone aware dates; the caller closes it."""
        return MongoClient(self.uri, tz_aware=True, **options)


@dataclass(frozen=True)
class RunningKafka(KafkaEndpoint):
    """A broker that somebody else runs."""

    address: str

    @property
    def bootstrap_servers(self) -> str:
        """Return host:port for clients."""
        return self.address


@dataclass(frozen=True)
class RunningInfluxDB(InfluxDBEndpoint):
    """A server that somebody else runs; `address` may hold user:password."""

    address: str

    @property
    def url(self) -> str:
        """Return the base address, without credentials."""
        parts = urllib.parse.urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def token(self) -> str:
        """Return `user:password`, or nothing."""
        credentials = urllib.parse.urlsplit(self.address).netloc.rpartition("@")[0]
        return urllib.parse.unquote(credentials)


@dataclass(frozen=True)
class RunningMongo(MongoEndpoint):
    """A server that somebody else runs."""

    address: str

    @property
    def uri(self) -> str:
        """Return the connection string, credentials included."""
        return self.address

"""Fixtures that every test may ask for: real servers, started when first needed.

Where several processes share the tests (pytest-xdist, see `make test`) each has servers of its own.

`TIDEMARK_TEST_KAFKA` (host:port), `TIDEMARK_TEST_INFLUX` (URL, credentials in it if any) and
`TIDEMARK_TEST_MONGO` (URI) name servers that run already. Where a tool that a server needs is
missing its tests are skipped with the reason; with `CI=true` they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tests.faults import seeds
from tests.support.servers import (
    InfluxDB,
    InfluxDBEndpoint,
    Kafka,
    KafkaEndpoint,
    Mongo,
    MongoEndpoint,
    ToolMissingError,
)
from tests.support.servers.endpoints import RunningInfluxDB, RunningKafka, RunningMongo
from tests.support.servers.process import Server
from tests.support.unique import unique_name
from tidemark.redaction import redact

S = TypeVar("S", bound=Server)

_logs = pytest.StashKey[list[Path]]()
_LOGS, _SEED = "server_logs", "fault_seed"
"""Names in what processes that share the tests tell each other."""


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the logs of servers; in one of several processes, take the common seed."""
    config.stash[_logs] = []
    if told := getattr(config, "workerinput", None):
        seeds.agree_on(told[_SEED])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process that will share the tests the seed."""
    node.workerinput[_SEED] = seeds.seed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over the logs that such a process has kept; one that has crashed tells none."""
    told = getattr(node, "workeroutput", {})
    node.config.stash[_logs] += [Path(log) for log in told.get(_LOGS, [])]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In such a process, tell of the logs."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told[_LOGS] = [str(log) for log in session.config.stash[_logs]]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell the seed; after failures also where the servers' logs are, and their ends under CI."""
    terminalreporter.line(seeds.replay())
    if (cache := getattr(config, "cache", None)) is not None:
        cache.set(seeds.CACHED, seeds.seed())
    kept = [log for log in config.stash[_logs] if log.exists()]
    if not kept or not terminalreporter.stats.keys() & {"failed", "error"}:
        return
    terminalreporter.section("server logs")
    for log in kept:
        terminalreporter.line(str(log))
        if os.environ.get("CI") == "true":
            lines = log.read_text(errors="replace").splitlines()[-40:]
            terminalreporter.line("\n".join(f"    {line}" for line in lines))


class StartServer(Protocol):
    """Starts a server of a test's own: `start_server(Kafka, auth=True)`."""

    def __call__(self, kind: Callable[..., S], **options: object) -> S: ...


@pytest.fixture(autouse=True)
def _secrets_of_one_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets that a test registers: another one may say the same word plainly."""
    monkeypatch.setattr(redact, "_secrets", set(redact._secrets))
    monkeypatch.setattr(redact, "_pattern", redact._pattern)


@pytest.fixture
def start_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartServer]:
    """Start servers that the test may kill, and stop them after it."""
    started: list[Server] = []

    def start(kind: Callable[..., S], **options: object) -> S:
        server = kind(tmp_path / f"server-{len(started)}", **options)
        started.append(server)
        return _start(server)

    yield start
    for server in started:
        _finish(server, request.session)


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaEndpoint]:
    """Yield a broker that all tests share: use topics of your own (`make_topic`)."""
    if address := os.environ.get("TIDEMARK_TEST_KAFKA"):
        yield RunningKafka(address)
        return
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    yield _start(server)
    _finish(server, request.session)


@pytest.fixture(scope="session")
def influx(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InfluxDBEndpoint]:
    """Yield an InfluxDB that all tests share: use a database of your own (`influx_database`)."""
    if address := os.environ.get("TIDEMARK_TEST_INFLUX"):
        yield RunningInfluxDB(address)
        return
    server = InfluxDB(tmp_path_factory.mktemp("influx"))
    yield _start(server)
    _finish(server, request.session)


@pytest.fixture(scope="session")
def mongo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoEndpoint]:
    """Yield a MongoDB that all tests share: use a database of your own (`mongo_database`)."""
    if address := os.environ.get("TIDEMARK_TEST_MONGO"):
        yield RunningMongo(address)
        return
    server = Mongo(tmp_path_factory.mktemp("mongo"))
    yield _start(server)
    _finish(server, request.session)


class MakeTopic(Protocol):
    """Makes a topic: `make_topic(partitions=3, config={"retention.ms": "1000"})`."""

    def __call__(self, partitions: int = 1, config: Mapping[str, str] | None = None) -> str: ...


@pytest.fixture
def make_topic(request: pytest.FixtureRequest, kafka: KafkaEndpoint) -> Iterator[MakeTopic]:
    """Make topics with names of their own, deleted after the test."""
    names: list[str] = []

    def make(partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        names.append(kafka.create_topic(unique_name(request.node.name), partitions, config))
        return names[-1]

    yield make
    for name in names:
        kafka.delete_topic(name)


@pytest.fixture
def influx_database(request: pytest.FixtureRequest, influx: InfluxDBEndpoint) -> Iterator[str]:
    """Yield the name of an empty InfluxDB database, dropped after the test."""
    name = influx.create_database(unique_name(request.node.name))
    yield name
    influx.drop_database(name)


@pytest.fixture
def mongo_database(request: pytest.FixtureRequest, mongo: MongoEndpoint) -> Iterator[str]:
    """Yield the name of an empty MongoDB database, dropped after the test."""
    name = unique_name(request.node.name)
    yield name
    with mongo.client() as client:
        client.drop_database(name)


def _start(server: S) -> S:
    try:
        return server.start()
    except ToolMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test: {error}", pytrace=False)
        pytest.skip(str(error))


def _finish(server: Server, session: pytest.Session) -> None:
    """Stop it; keep nothing of its data, and its log only when a test has failed."""
    server.stop()
    log = server.log.read_bytes() if server.log.exists() and session.testsfailed else None
    shutil.rmtree(server.data_dir, ignore_errors=True)
    if log is not None:
        server.data_dir.mkdir(parents=True)
        server.log.write_bytes(log)
        session.config.stash[_logs].append(server.log)

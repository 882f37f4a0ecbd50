"""Asking servers, be they there or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import StartServer
from tests.support.servers import InfluxDB, Kafka, Mongo
from tests.support.servers.ports import free_port
from tidemark.config import Settings
from tidemark.config.kafka import KafkaSettings
from tidemark.config.stores import DocumentsSettings, SeriesSettings
from tidemark.config.urls import StoreUrl
from tidemark.observability.readiness import Answer, Connections, Probe, probes

Connect = Callable[..., Connections]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[Connections] = []

    def make(asked: dict[str, Probe], timeout_s: float = 5.0, fresh_s: float = 0.0) -> Connections:
        made.append(Connections(asked, timeout_s, fresh_s))
        return made[-1]

    yield make
    for each in made:
        each.close()


def failing() -> None:
    raise OSError("mongodb://me:hunter22@pond is dry")


def test_each_connection_answers_for_itself(connect: Connect) -> None:
    answers = connect({"good": lambda: None, "bad": failing}).answers()
    assert answers["good"] == Answer(True)
    assert not answers["bad"].ok
    assert "is dry" in answers["bad"].detail
    assert "hunter22" not in answers["bad"].detail


def test_one_that_hangs_is_not_ready_and_holds_nobody_up(connect: Connect) -> None:
    go_on = threading.Event()
    calls: list[int] = []

    def hang() -> None:
        calls.append(1)
        go_on.wait(60)

    connections = connect({"hangs": hang, "good": lambda: None}, timeout_s=0.2)
    for _ in range(3):
        answers = connections.answers()
        assert answers["good"].ok
        assert "no answer within 0.2 s" in answers["hangs"].detail
    assert len(calls) == 1
    go_on.set()


def test_an_answer_is_good_for_a_while(connect: Connect) -> None:
    calls: list[int] = []
    connections = connect({"good": lambda: calls.append(1)}, fresh_s=60.0)
    connections.answers()
    connections.answers()
    assert len(calls) == 1


def settings(**sections: object) -> Settings:
    return Settings.model_validate({"kafka": KafkaSettings(), **sections})


def test_stores_that_are_files_are_not_asked() -> None:
    assert list(probes(settings())) == ["kafka"]


def test_a_broker_that_comes_and_goes(connect: Connect, start_server: StartServer) -> None:
    broker = start_server(Kafka)
    there = settings(kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    connections = connect(probes(there))
    assert connections.answers()["kafka"].ok
    broker.kill()
    assert not connections.answers()["kafka"].ok
    broker.restart()
    assert connections.answers()["kafka"].ok


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_mongodb_is_asked_as_the_user_of_the_run(
    connect: Connect, start_server: StartServer, password: str
) -> None:
    server = start_server(Mongo, auth=True)
    uri = server.uri if password == "right" else server.uri.replace("secret", "wrong")
    asked = probes(settings(documents=DocumentsSettings(urls=(StoreUrl(uri),))))
    name = f"mongodb:127.0.0.1:{server.port}"
    answer = connect({name: asked[name]}).answers()[name]
    assert answer.ok == (password == "right"), answer
    assert "tidemark-wrong" not in answer.detail


@pytest.mark.parametrize("token", ["tidemark:tidemark-secret", "tidemark:wrong-one"])
def test_influxdb_is_asked_with_the_token_of_the_run(
    connect: Connect, start_server: StartServer, token: str
) -> None:
    server = start_server(InfluxDB, auth=True)
    server.create_database("tidemark")
    series = SeriesSettings.model_validate(
        {"urls": (StoreUrl(server.url),), "influx_token": token}, strict=False
    )
    asked = probes(settings(series=series))
    name = f"influxdb:127.0.0.1:{server.port}"
    answer = connect({name: asked[name]}).answers()[name]
    assert answer.ok == (token == server.token), answer
    assert "wrong-one" not in answer.detail


def test_nobody_there(connect: Connect) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    there = settings(
        kafka=KafkaSettings(bootstrap_servers=nowhere),
        documents=DocumentsSettings(urls=(StoreUrl(f"mongodb://{nowhere}"),)),
        series=SeriesSettings(urls=(StoreUrl(f"http://{nowhere}"),)),
    )
    answers = connect(probes(there), timeout_s=15.0).answers()
    assert set(answers) == {"kafka", f"mongodb:{nowhere}", f"influxdb:{nowhere}"}
    assert not any(answer.ok for answer in answers.values())
    assert all(answer.detail for answer in answers.values())

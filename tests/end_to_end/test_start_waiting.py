"""What a start does about a server that does not answer: waits, tries for a while, or fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeTopic, StartServer
from tests.support.running import TIDEMARK, Running, run
from tests.support.servers import Kafka, KafkaEndpoint, Mongo
from tests.support.servers.ports import free_port


def settings(kafka: KafkaEndpoint, topic: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_OBSERVABILITY__ENABLED": "false",
        "TIDEMARK_STORES__TIMEOUT_S": "1",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


def test_fail_does_not_try_again(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    # The limit of trying is longer than the whole test may take.
    done = run(
        (*TIDEMARK, "run"),
        tmp_path,
        settings(kafka, make_topic())
        | {
            "MONGO_URI": f"mongodb://127.0.0.1:{free_port()}",
            "TIDEMARK_DOCUMENTS__AT_START": "fail",
            "TIDEMARK_KAFKA__START_TIMEOUT_S": "3600",
        },
    )
    assert done.code == 1
    assert "MongoDB" in done.stderr


def test_fail_does_not_wait_for_a_broker(tmp_path: Path) -> None:
    done = run(
        (*TIDEMARK, "run"),
        tmp_path,
        {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
            "TIDEMARK_KAFKA__AT_START": "fail",
            "TIDEMARK_KAFKA__START_TIMEOUT_S": "3600",
            "TIDEMARK_OBSERVABILITY__ENABLED": "false",
        },
    )
    assert done.code == 1
    assert "no Kafka broker answers" in done.stderr


def test_wait_goes_on_when_the_store_has_come(
    kafka: KafkaEndpoint, make_topic: MakeTopic, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(Mongo)
    server.stop()
    given = settings(kafka, make_topic()) | {
        "MONGO_URI": server.uri,
        "TIDEMARK_DOCUMENTS__AT_START": "wait",
        "TIDEMARK_KAFKA__START_TIMEOUT_S": "0.1",
    }
    with Running((*TIDEMARK, "run"), tmp_path, given) as job:
        job.wait_until(lambda: "store_awaited" in job.log.read_text(), what="a word of waiting")
        server.start()
        job.wait_until(lambda: "group.ready" in job.log.read_text(), what="the start")
        assert job.interrupt() == 130


def test_wait_goes_on_when_the_broker_has_come(start_server: StartServer, tmp_path: Path) -> None:
    broker = start_server(Kafka)
    broker.create_topic("waited-for")
    broker.stop()
    given = settings(broker, "waited-for") | {
        "TIDEMARK_KAFKA__AT_START": "wait",
        "TIDEMARK_KAFKA__START_TIMEOUT_S": "10",
    }
    with Running((*TIDEMARK, "run"), tmp_path, given) as job:
        job.wait_until(lambda: "broker_awaited" in job.log.read_text(), what="a word of waiting")
        broker.start()
        job.wait_until(lambda: "group.ready" in job.log.read_text(), what="the start")
        assert job.interrupt() == 130


@pytest.mark.parametrize("at_start", ["wait", "retry"])
def test_a_refused_login_is_told_at_once(
    start_server: StartServer, tmp_path: Path, at_start: str
) -> None:
    broker = start_server(Kafka, auth=True)
    done = run(
        (*TIDEMARK, "run"),
        tmp_path,
        {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "TIDEMARK_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "TIDEMARK_KAFKA__SASL_MECHANISM": "PLAIN",
            "TIDEMARK_KAFKA__SASL_USERNAME": "tidemark",
            "KAFKA_SASL_PASSWORD": "not-the-password",
            "TIDEMARK_KAFKA__AT_START": at_start,
            "TIDEMARK_KAFKA__START_TIMEOUT_S": "3600",
            "TIDEMARK_OBSERVABILITY__ENABLED": "false",
        },
    )
    assert done.code == 1
    assert "no login to Kafka" in done.stderr
    assert "KAFKA_SASL_PASSWORD" in done.stderr
    assert "not-the-password" not in done.stderr

"""What can not work ends at once: one clear message, a non-zero exit, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeTopic, StartServer
from tests.support.running import BYTEWAX, TIDEMARK, run
from tests.support.servers import InfluxDB, Kafka, KafkaEndpoint
from tests.support.servers.ports import free_port
from tests.support.unique import unique_name

WAYS = {"tidemark run": (*TIDEMARK, "run"), "bytewax.run": BYTEWAX}
Fail = Callable[[dict[str, str], int], str]


@pytest.fixture(params=WAYS)
def fail(request: pytest.FixtureRequest, tmp_path: Path) -> Fail:
    """Run the job with settings that can not work and return its message."""

    def check(settings: dict[str, str], code: int) -> str:
        done = run(WAYS[request.param], tmp_path, settings, timeout_s=180)
        said = done.stdout + done.stderr
        assert done.code == code, said
        assert "Traceback" not in said
        assert "panicked" not in said
        assert "remedy: " in said or "expected: " in said
        return said

    return check


def test_bad_settings_are_all_told_at_once(fail: Fail) -> None:
    said = fail({"TIDEMARK_ENGINE__KEY_GROUPS": "0", "TIDEMARK_TIME__TIME_ZONE": "Mars"}, 2)
    assert "engine.key_groups" in said
    assert "time.time_zone" in said
    assert "Mars" in said


def test_an_unreachable_broker(fail: Fail) -> None:
    address = f"127.0.0.1:{free_port()}"
    said = fail({"KAFKA_BOOTSTRAP_SERVERS": address, "TIDEMARK_KAFKA__START_TIMEOUT_S": "1"}, 1)
    assert address in said


def test_a_missing_topic(fail: Fail, kafka: KafkaEndpoint) -> None:
    topic = unique_name("missing")
    said = fail(
        {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        },
        1,
    )
    assert topic in said
    assert "tidemark topics create" in said


def test_no_topic_of_any_pipeline(fail: Fail, start_server: StartServer) -> None:
    broker = start_server(Kafka)
    said = fail({"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}, 1)
    assert "user_interactions, user-login, user_activity, sales, inventory" in said
    assert "tidemark topics create" in said


def test_a_wrong_influxdb_token(
    fail: Fail, kafka: KafkaEndpoint, make_topic: MakeTopic, start_server: StartServer
) -> None:
    influx = start_server(InfluxDB, auth=True)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": make_topic(),
        "INFLUX_URL": influx.url,
        "INFLUX_TOKEN": "somebody:else",
    }
    said = fail(settings, 1)
    assert influx.url in said
    assert "token" in said
    assert "somebody:else" not in said


def test_a_property_that_kafkas_client_does_not_know(tmp_path: Path) -> None:
    """Told as one message by every command that talks to the broker, not a traceback."""
    settings = {"TIDEMARK_KAFKA__CLIENT": '{"socket.timeot.ms": "4711"}'}
    for words in (["run"], ["topics", "list"]):
        done = run((*TIDEMARK, *words), tmp_path, settings)
        printed = done.stdout + done.stderr
        assert done.code == 2, printed
        assert 'No such configuration property: "socket.timeot.ms"' in printed
        assert "Traceback" not in printed

"""`tidemark tail` against a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.conftest import MakeTopic
from tests.support.servers.endpoints import KafkaEndpoint
from tests.tidemark.cli.commands import environment, tidemark


def send(kafka: KafkaEndpoint, topic: str, *values: bytes, partition: int = 0) -> None:
    producer = Producer(kafka.client_properties())
    for number, value in enumerate(values):
        producer.produce(
            topic, value, f"k{number}".encode(), partition, headers=[("number", str(number))]
        )
    assert producer.flush(30) == 0


def test_prints_what_is_there_and_ends_after_count(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    send(kafka, topic, b'{"a": [1, 2]}', b"\xff\x1b[2J", b"")
    done = tidemark(
        tmp_path,
        *("tail", topic, "--from-beginning", "--count=3"),
        KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if "@" in line] == [
        f"{topic}[0]@{n}" for n in (0, 1, 2)
    ]
    assert '  {"a": [1, 2]}' in lines
    assert "  \\xff\\x1b[2J" in lines
    assert "  number: 1" in lines


def test_prints_json_lines_of_one_partition(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(partitions=2)
    send(kafka, topic, b"1", b"2", partition=0)
    send(kafka, topic, b"3", b"4", partition=1)
    done = tidemark(
        tmp_path,
        *("tail", topic, "--from-beginning", "--count=2", "--partition=1", "--json"),
        KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["partition"], each["offset"], each["value"]) for each in found] == [
        (1, 0, 3),
        (1, 1, 4),
    ]
    assert found[0]["key"] == "k0"
    assert found[0]["headers"] == [{"name": "number", "value": "0"}]


def test_follows_what_comes_until_interrupted(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    send(kafka, topic, b'"old"')
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemark", "tail", topic],
            cwd=tmp_path,
            env=environment(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers),
            stdout=out,
            stderr=err,
        )
    try:
        deadline = time.monotonic() + 30
        while '"new"' not in (tmp_path / "out").read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None, (tmp_path / "err").read_text()
            send(kafka, topic, b'"new"')
            time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
    assert '"old"' not in (tmp_path / "out").read_text()
    assert (tmp_path / "err").read_text() == ""


def test_ends_quietly_when_its_reader_has_seen_enough(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    send(kafka, topic, *[b"x" * 1000] * 500)
    command = f"{sys.executable} -m tidemark tail {topic} --from-beginning | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        env=environment(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["no-such-pond"], "there is no topic"), (["TOPIC", "--partition=7"], "no partition 7")],
)
def test_what_is_not_there_is_one_clear_message(
    kafka: KafkaEndpoint,
    make_topic: MakeTopic,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    topic = make_topic()
    done = tidemark(
        tmp_path,
        "tail",
        *[topic if each == "TOPIC" else each for each in arguments],
        KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr

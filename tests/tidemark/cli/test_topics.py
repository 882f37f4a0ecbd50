"""`tidemark topics` against a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.unique import unique_name
from tests.tidemark.cli.commands import tidemark


@pytest.fixture
def topic(kafka: KafkaEndpoint, request: pytest.FixtureRequest) -> Iterator[str]:
    name = unique_name(request.node.name)
    yield name
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(name + suffix)


def environ(kafka: KafkaEndpoint, topic: str, partitions: int = 3) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_TOPICS__PARTITIONS": str(partitions),
    }


def rows(output: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in output.splitlines()}


def test_makes_the_topics_and_says_so(kafka: KafkaEndpoint, topic: str, tmp_path: Path) -> None:
    settings = environ(kafka, topic)
    before = tidemark(tmp_path, "topics", "list", **settings)
    assert rows(before.stdout)[topic][0] == "missing:"
    made = tidemark(tmp_path, "topics", "create", **settings)
    assert made.returncode == 0, made.stderr
    listed = tidemark(tmp_path, "topics", "list", **settings)
    for suffix in ("", ".dlq", ".late"):
        assert rows(made.stdout)[topic + suffix] == ["created,", "3", "partitions"]
        assert rows(listed.stdout)[topic + suffix] == ["3", "1", "0"]


def test_leaves_what_is_there_as_it_is(kafka: KafkaEndpoint, topic: str, tmp_path: Path) -> None:
    tidemark(tmp_path, "topics", "create", **environ(kafka, topic))
    again = tidemark(tmp_path, "topics", "create", **environ(kafka, topic, partitions=5))
    assert again.returncode == 0, again.stderr
    assert "exists already, 3 partitions (topics.partitions says 5; left as it is)" in again.stdout
    assert "created" not in again.stdout


def test_says_why_a_broker_refuses(kafka: KafkaEndpoint, topic: str, tmp_path: Path) -> None:
    settings = {**environ(kafka, topic), "TIDEMARK_TOPICS__REPLICATION_FACTOR": "7"}
    done = tidemark(tmp_path, "topics", "create", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the broker refused to make")
    assert "topics.replication_factor" in done.stderr
    tidemark(tmp_path, "topics", "create", **environ(kafka, topic))  # for the clean-up

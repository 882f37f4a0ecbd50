"""`tidemark topics` against a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.unique import unique_name
from tests.tidemark.cli.commands import ROOT, tidemark
from tidemark.config import Settings
from tidemark.kafka_admin import pipeline_topics

SIDES = ("", ".dlq", ".late")


@pytest.fixture
def topic(kafka: KafkaEndpoint, request: pytest.FixtureRequest) -> Iterator[str]:
    name = unique_name(request.node.name)
    yield name
    for suffix in SIDES:
        kafka.delete_topic(name + suffix)


@pytest.fixture
def own_names(kafka: KafkaEndpoint) -> Iterator[dict[str, str]]:
    """Names for the topics of all pipelines, by setting."""
    inputs = ("interactions", "logins", "activity", "sales", "inventory")
    outputs = ("PIPELINES__LOGINS__OUTPUT", "PIPELINES__PROCESSED_LOGINS__OUTPUT", "ALERTS_")
    names = {f"TIDEMARK_PIPELINES__{n.upper()}__TOPIC": unique_name(n) for n in inputs}
    names |= {f"TIDEMARK_{each}_TOPIC": unique_name("out") for each in outputs}
    logins = names["TIDEMARK_PIPELINES__LOGINS__TOPIC"]
    names["TIDEMARK_PIPELINES__PROCESSED_LOGINS__TOPIC"] = logins
    yield names
    for name in {name + suffix for name in names.values() for suffix in SIDES}:
        if not (name.startswith("out") and name.endswith(SIDES[1:])):
            kafka.delete_topic(name)


def environ(kafka: KafkaEndpoint, topic: str, partitions: int = 3) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "[interactions]",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_ALERTS__TOPIC": "null",
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


def test_makes_the_topics_of_every_pipeline_read_and_written(
    kafka: KafkaEndpoint, own_names: dict[str, str], tmp_path: Path
) -> None:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, **own_names}
    made = tidemark(tmp_path, "topics", "create", **settings)
    assert made.returncode == 0, made.stderr
    names = list(dict.fromkeys(own_names.values()))
    read, written = names[:5], names[5:]
    expected = [name + suffix for name in read for suffix in SIDES] + written
    assert list(rows(made.stdout)) == expected
    listed = tidemark(tmp_path, "topics", "list", **settings)
    assert listed.returncode == 0, listed.stderr
    assert list(rows(listed.stdout))[1:] == expected
    assert "missing" not in listed.stdout


def test_a_pipeline_of_ones_own_has_topics_too(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "your-own-pipeline.md").read_text()
    (tmp_path / "returns.py").write_text(page.split("```python\n")[1].split("```")[0])
    settings = Settings.model_validate({"pipelines": {"only": [], "own": ["returns:Returns"]}})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert pipeline_topics(settings) == ["returns", "returns.dlq", "returns.late", "alerts"]


@pytest.mark.parametrize(
    ("pipelines", "topics"),
    [
        ({"only": ["sales"]}, ["sales", "sales.dlq", "sales.late", "alerts"]),
        (
            {"only": ["activity", "funnel", "sessions"]},
            ["user_activity", "user_activity.dlq", "user_activity.late", "alerts"],
        ),
        (
            {"only": ["logins", "processed_logins"], "logins": {"output_topic": None}},
            [
                *("user-login", "user-login.dlq", "user-login.late"),
                *("processed-user-login", "alerts"),
            ],
        ),
    ],
)
def test_only_what_the_enabled_pipelines_need(pipelines: dict[str, Any], topics: list[str]) -> None:
    settings = Settings.model_validate({"pipelines": pipelines})
    assert pipeline_topics(settings) == topics


def test_a_disabled_pipeline_needs_none() -> None:
    settings = Settings.model_validate({"pipelines": {"sales": {"enabled": False}}})
    assert "sales" not in pipeline_topics(settings)
    assert "inventory" in pipeline_topics(settings)

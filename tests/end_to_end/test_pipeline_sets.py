"""Which pipelines may run on from a recovery store: topics come and rest, sets stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeTopic
from tests.sinks.readers import sqlite_documents_so_far
from tests.support.producing import interaction, produce
from tests.support.running import TIDEMARK, Running, run
from tests.support.servers import KafkaEndpoint

ACTIVITY = '''
"""Counts activity by type."""

import msgspec

from dataflows.pipeline import Pipeline
from dataflows.streaming.schema import Event, Id, Name, Timestamp
from stats.groups import groups, merged
from stats.tables import CountTable


class Did(Event):
    user_id: Id
    interaction_type: Name
    timestamp: Timestamp


class Summary(msgspec.Struct):
    by_type: dict[str, tuple[int, ...]]

    @property
    def events(self):
        return sum(count for (count,) in self.by_type.values())

    def merge(self, other):
        return Summary(merged(self.by_type, other.by_type))


class Doings(Pipeline):
    name, topic, window_s = "doings", "TOPIC", 10
    schema, summary = Did, Summary

    def tables(self):
        return [CountTable("types", ("user_id", "interaction_type"))]

    def summarize(self, tables):
        return Summary(groups(tables["types"], "interaction_type"))

    def fields(self, summary, start):
        return {"total": summary.events}
'''


def totals(directory: Path, kind: str) -> dict[str, int]:
    """Return the totals of the final windows of one type, by their times."""
    if not (directory / "out.db").exists():
        return {}
    documents: dict[str, Any] = sqlite_documents_so_far(directory / "out.db")("aggregated_data")
    return {key[-9:]: doc["total"] for key, doc in documents.items() if doc["type"] == kind}


@pytest.fixture
def settings(kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path) -> dict[str, str]:
    """Return the settings of a flow over two topics; only interactions are on."""
    clicks, doings = make_topic(1), make_topic(1)
    (tmp_path / "own.py").write_text(ACTIVITY.replace("TOPIC", doings))
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": clicks,
        "TIDEMARK_PIPELINES__FUNNEL__OF": "interactions",
        "TIDEMARK_TIME__IDLE_AFTER_S": "60",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "null:",
        "DOINGS": doings,
    }


def test_a_topic_is_added_and_rests_but_the_pipelines_of_a_topic_stay_the_same(
    kafka: KafkaEndpoint, settings: dict[str, str], tmp_path: Path
) -> None:
    clicks, doings = settings["TIDEMARK_PIPELINES__INTERACTIONS__TOPIC"], settings.pop("DOINGS")
    with_own = {**settings, "TIDEMARK_PIPELINES__OWN": "own:Doings"}
    live = (*TIDEMARK, "run")

    def run_until(environ: dict[str, str], kind: str, wanted: dict[str, int]) -> None:
        with Running(live, tmp_path, environ) as job:
            job.wait_until(lambda: totals(tmp_path, kind) == wanted, what=f"{kind} {wanted}")
            job.interrupt()

    produce(kafka, clicks, 0, [interaction(1), interaction(2), interaction(16)])
    produce(kafka, doings, 0, [interaction(3), interaction(4), interaction(5), interaction(17)])
    run_until(settings, "interactions", {"12:00:00Z": 2})

    # One more on a topic that has been read already would begin in the middle of a window.
    refused = run(live, tmp_path, {**settings, "TIDEMARK_PIPELINES__ONLY": "interactions,funnel"})
    assert refused.code == 2
    assert f"pipelines that read {clicks}: stored interactions, now funnel, interactions" in (
        refused.stderr
    )
    assert "--fresh" in refused.stderr

    # Another topic is read from its start, and the first one goes on where it was.
    run_until(with_own, "doings", {"12:00:00Z": 3})
    produce(kafka, clicks, 0, [interaction(18), interaction(31)])
    produce(kafka, doings, 0, [interaction(19), interaction(32)])
    # It rests meanwhile: its windows stay open.
    run_until(settings, "interactions", {"12:00:00Z": 2, "12:00:10Z": 2})
    assert totals(tmp_path, "doings") == {"12:00:00Z": 3}
    run_until(with_own, "doings", {"12:00:00Z": 3, "12:00:10Z": 2})
    assert totals(tmp_path, "interactions") == {"12:00:00Z": 2, "12:00:10Z": 2}

"""Funnels and sessions equal a batch recomputation, however the work is cut and divided."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import EVENTS, WINDOW_S, Dataset
from tests.sinks.readers import sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.recompute_sessions import funnel_documents, sessions_documents
from tests.support.running import TIDEMARK, run
from tests.support.servers import KafkaEndpoint

GAP_S = 1.5
STEPS = ("view", "click", "like")
WAYS = {
    "one process": (*TIDEMARK, "run", "--until-end"),
    "two processes": (*TIDEMARK, "run", "--until-end", "--processes", "2"),
}


@pytest.mark.parametrize(
    ("way", "batch_size"), [("one process", 700), ("one process", 20_000), ("two processes", 9_000)]
)
def test_funnel_and_sessions_equal_the_recomputation(
    way: str, batch_size: int, dataset: Dataset, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "funnel,sessions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": dataset.topic,
        "TIDEMARK_PIPELINES__FUNNEL__OF": "interactions",
        "TIDEMARK_PIPELINES__FUNNEL__WINDOW_S": str(WINDOW_S),
        "TIDEMARK_PIPELINES__FUNNEL__STEPS": ",".join(STEPS),
        "TIDEMARK_PIPELINES__SESSIONS__OF": "interactions",
        "TIDEMARK_PIPELINES__SESSIONS__WINDOW_S": str(WINDOW_S),
        "TIDEMARK_PIPELINES__SESSIONS__GAP_S": str(GAP_S),
        "TIDEMARK_SOURCE__BATCH_SIZE": str(batch_size),
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
    }
    done = run(WAYS[way], tmp_path, settings)
    assert done.code == 0, done.stderr

    accepted = dataset.truth.accepted
    funnels = funnel_documents(accepted, window_s=WINDOW_S, kind="interaction_type", steps=STEPS)
    sessions = sessions_documents(accepted, window_s=WINDOW_S, gap_s=GAP_S)
    assert sum(document["sessions"] for document in sessions.values()) > 5_000
    read = sqlite_documents(tmp_path / "out.db")
    assert_same(read("aggregated_data"), {**funnels, **sessions}, "aggregated_data")

    series = sqlite_series(tmp_path / "out.db")
    for measurement, documents, names in (
        ("funnel_summary", funnels, ("total", "users", "conversion")),
        ("sessions_summary", sessions, ("sessions", "events", "mean_length_s")),
    ):
        points = list(series(measurement, ()).items())
        assert len(points) == len(documents)
        for (at, _), fields in points:
            document = next(d for d in documents.values() if d["timestamp"].timestamp() == at)
            for name in names:
                assert fields[name] == pytest.approx(document[name], rel=1e-9)
    for pipeline in ("funnel", "sessions"):
        books = [
            fields
            for (_, tags), fields in series("pipeline", ("pipeline",)).items()
            if dict(tags) == {"pipeline": pipeline}
        ]
        put = sum(sum(point[name] for name in ("events", "rejected", "late")) for point in books)
        assert put == EVENTS, f"{pipeline}: read = aggregated + rejected + late"

"""README.md, typed in: what make does, then from topics to a cluster on stores of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.docs.shell import Shell
from tests.docs.steps import Ends
from tests.docs.told import STEPS
from tests.sinks.readers import influx_series, mongo_documents
from tests.support.servers import InfluxDBEndpoint, Kafka, MongoEndpoint

PIPELINE = "interactions"


@pytest.mark.timeout(1200)
def test_what_make_does(tmp_path: Path) -> None:
    with Shell(tmp_path / "tidemark", {}) as shell:
        shell.does(step for step in STEPS["README.md"] if step.text.startswith("make "))


@pytest.mark.timeout(1200)
def test_from_topics_to_a_cluster(
    start_server: StartServer,
    mongo: MongoEndpoint,
    mongo_database: str,
    influx: InfluxDBEndpoint,
    influx_database: str,
    tmp_path: Path,
) -> None:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": start_server(Kafka).bootstrap_servers,
        "MONGO_URI": mongo.uri,
        "TIDEMARK_DOCUMENTS__DATABASE": mongo_database,
        "INFLUX_URL": influx.url,
        "INFLUX_TOKEN": influx.token or "none:none",
        "INFLUX_BUCKET": influx_database,
    }
    with Shell(tmp_path / "tidemark", settings) as shell:
        read = mongo_documents(mongo, mongo_database)
        shell.books = lambda: read("pipeline_status")
        shell.does(step for step in STEPS["README.md"] if not step.text.startswith("make "))
        # What the page has sent, to its end: its commands stop as soon as they have read something.
        shell.does([Ends("tidemark run --until-end")])
    books = [part for part in read("pipeline_status").values() if part["pipeline"] == PIPELINE]
    accepted = sum(part["read"] - part["rejected"] - part["late"] for part in books)
    windows = [each for each in read("aggregated_data").values() if each["type"] == PIPELINE]
    assert accepted > 0
    assert sum(each["total"] for each in windows) == accepted
    for collection in ("user_stats", "item_stats"):
        assert sum(each["total"] for each in read(collection).values()) == accepted
    points = influx_series(influx, influx_database)("interactions_summary", [])
    assert sum(int(fields["total"]) for fields in points.values()) == accepted

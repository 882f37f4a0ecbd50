"""All pipelines at once fill an InfluxDB, and every query of every panel and rule finds something.

The other tests write points by the contract; here it is the pipelines that write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.grafana.asking import Asker, last_hours
from tests.grafana.tree import Target, rule, rules, targets
from tests.support.running import TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint
from tests.support.unique import unique_name

TOPICS = {
    "interactions": "user_interactions",
    "logins": "user-login",
    "processed_logins": "user-login",
    "activity": "user_activity",
    "sales": "sales",
    "inventory": "inventory",
}
PIPELINES = (*TOPICS, "funnel", "sessions")
MINUTES = 45
EVENTS_PER_S = 10


@pytest.fixture(scope="module")
def written(
    kafka: KafkaEndpoint, influx: InfluxDBEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """Yield a database that all pipelines have written to; its newest windows are of just now."""
    prefix = unique_name("all")
    topics = {name: f"{prefix}-{topic}" for name, topic in TOPICS.items()}
    outputs = {"logins": f"{prefix}-aggregates", "processed_logins": f"{prefix}-processed"}
    database = influx.create_database(unique_name("grafana"))
    directory = tmp_path_factory.mktemp("pipelines")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": ",".join(PIPELINES),
        "TIDEMARK_ALERTS__TOPIC": f"{prefix}-alerts",
        "TIDEMARK_DOCUMENTS__URLS": "null:",
        "INFLUX_URL": influx.url,
        "INFLUX_TOKEN": influx.token or "none:none",
        "INFLUX_BUCKET": database,
    }
    settings |= {f"TIDEMARK_PIPELINES__{n.upper()}__TOPIC": topic for n, topic in topics.items()}
    settings |= {
        f"TIDEMARK_PIPELINES__{n.upper()}__OUTPUT_TOPIC": topic for n, topic in outputs.items()
    }
    start = datetime.now(UTC) - timedelta(minutes=MINUTES)
    generate = (
        *("generate", "--stream", "all", "--rate", "max", "--event-rate", str(EVENTS_PER_S)),
        *("--count", str(MINUTES * 60 * EVENTS_PER_S), "--start-time", start.isoformat()),
        *("--late", "0.01", "--malformed", "0.01"),
    )
    for command in (("topics", "create"), generate, ("run", "--until-end")):
        done = run((*TIDEMARK, *command), directory, settings)
        assert done.code == 0, (command, done.stdout, done.stderr)
    yield Asker(influx, database, last_hours(1))
    influx.drop_database(database)
    sides = {f"{topic}{suffix}" for topic in topics.values() for suffix in ("", ".dlq", ".late")}
    for topic in {*sides, *outputs.values(), settings["TIDEMARK_ALERTS__TOPIC"]}:
        kafka.delete_topic(topic)


@pytest.mark.parametrize("target", targets("influxdb"), ids=str)
def test_a_panels_query_returns_rows(target: Target, written: Asker) -> None:
    assert written.rows(target.target["query"], written.values(target.dashboard))


@pytest.mark.parametrize("target", targets("__expr__"), ids=str)
def test_a_panels_expression_has_a_result(target: Target, written: Asker) -> None:
    assert written.expression(target.dashboard, target.panel["id"], target.target["refId"])


@pytest.mark.parametrize("uid", [each["uid"] for each in rules()])
def test_a_rules_queries_return_rows(uid: str, written: Asker) -> None:
    assert written.rule(rule(uid)) is not None


def test_every_pipeline_keeps_books(written: Asker) -> None:
    rows = written.panel("pipeline", 2)
    assert {row["pipeline"] for row in rows} == set(PIPELINES)
    assert all(row["started"] for row in rows)

"""The pages of those who look after what is stored: operations, repair, sinks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.docs.pages import block_with, blocks
from tests.docs.shell import Shell
from tests.docs.steps import Ends, Lives
from tests.docs.told import SENT, STEPS
from tests.support.producing import produce
from tests.support.servers import Kafka

pytestmark = pytest.mark.timeout(1200)  # many starts of processes, one after the other

PERIOD = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""What the examples of docs/repair.md are about."""
FILLED = (
    Ends("tidemark topics create"),
    Lives("tidemark generate --stream all --malformed 0.02 --late 0.02", until=SENT),
)


def test_operations(start_server: StartServer, tmp_path: Path) -> None:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": start_server(Kafka).bootstrap_servers}
    with Shell(tmp_path / "tidemark", settings) as shell:
        shell.does([*FILLED, *STEPS["docs/operations.md"]])
    assert (tmp_path / "tidemark" / "var.copy" / "recovery" / "tidemark.json").exists()


def test_repair(start_server: StartServer, tmp_path: Path) -> None:
    """Three records of another schema, of which two can be mended, and three late ones."""
    kafka = start_server(Kafka)
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    with Shell(tmp_path / "tidemark", settings) as shell:
        shell.does([Ends("tidemark topics create")])
        produce(kafka, "user_interactions", 0, _records())
        (tmp_path / "tidemark" / "repairs.py").write_text(block_with("docs/repair.md", "rename"))
        shell.does([Ends("tidemark run --until-end"), *STEPS["docs/repair.md"]])


def _records() -> Iterable[bytes]:
    def record(second: float, **fields: str) -> bytes:
        moment = (PERIOD + timedelta(seconds=second)).isoformat()
        return json.dumps(
            {"item_id": "i", "interaction_type": "view", "timestamp": moment, **fields}
        ).encode()

    for second in range(120):
        yield record(second, user_id=f"u{second % 7}")
    for when in (0.5, 11.0, 33.0):
        yield record(when, user_id="late")
    for user in ("a", "b"):
        yield record(119.0, user=user)
    yield record(119.0)


def test_the_queries_of_the_page_about_sinks(start_server: StartServer, tmp_path: Path) -> None:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": start_server(Kafka).bootstrap_servers}
    with Shell(tmp_path / "tidemark", settings) as shell:
        shell.does([*FILLED, Ends("tidemark run --until-end")])
    (block,) = blocks("docs/sinks.md", "sql")
    statements = [line for line in block.splitlines() if line]
    assert len(statements) == 2
    with closing(sqlite3.connect(tmp_path / "tidemark" / "var" / "tidemark.db")) as store:
        for statement in statements:
            rows = store.execute(statement).fetchall()
            assert rows, statement
            assert None not in rows[0], statement

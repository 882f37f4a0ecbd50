"""Snapshots of a store that a dataflow has written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sinks.sqlite_layout import SERIES_TABLE, document_schema
from tidemark.demo.books import Books
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.store import StoreReader

TOPICS = {"interactions": "clicks", "sales": "sales", "funnel": "clicks", "sessions": "clicks"}


class Store:
    """Writes what the dataflow would."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        for statement in (
            SERIES_TABLE,
            *document_schema("aggregated_data"),
            *document_schema("pipeline_status"),
        ):
            self._connection.execute(statement)

    def put(self, collection: str, identity: str, document: dict[str, Any]) -> None:
        for statement in document_schema(collection):
            self._connection.execute(statement)
        sql = f"INSERT INTO {collection} VALUES (?, ?)"
        self._connection.execute(sql, (identity, json.dumps(document)))
        self._connection.commit()

    def status(self, pipeline: str, partition: int = 0, **other: Any) -> None:
        topic = TOPICS[pipeline]
        document = {
            **{"pipeline": pipeline, "topic": topic, "partition": partition, "read": 10},
            **{"rejected": 3, "rejected_by_reason": {"invalid_json": 2, "invalid_id": 1}},
            **{"late": 1, "filtered": 0, "lag": 4, "state": "active"},
            **{"watermark": "2026-11-22T12:00:00Z", "updated_at": "2026-11-22T12:00:05Z", **other},
        }
        self.put("pipeline_status", f"{pipeline}/{topic}/{partition}", document)

    def point(self, pipeline: str, time_s: int, events: int) -> None:
        values = (time_s, json.dumps({"pipeline": pipeline}), json.dumps({"events": events}))
        self._connection.execute("INSERT INTO series VALUES ('pipeline', ?, ?, ?)", values)
        self._connection.commit()

    def window(self, kind: str, second: int, **fields: Any) -> None:
        start = f"2026-11-22T12:00:{second:02}Z"
        times = {"type": kind, "timestamp": start, "window_end": start}
        self.put("aggregated_data", f"{kind}/{start}", {**times, **fields})

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "demo.db")
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[StoreReader]:
    made = StoreReader(tmp_path / "demo.db", TOPICS)
    yield made
    made.close()


def books(shown: Snapshot, pipeline: str) -> Books:
    return next(each for each in shown.pipelines if each.pipeline == pipeline)


def test_before_there_is_a_store_every_pipeline_has_read_nothing(reader: StoreReader) -> None:
    shown = reader.read()
    assert [each.pipeline for each in shown.pipelines] == list(TOPICS)
    assert [each.read for each in shown.pipelines] == [0] * len(TOPICS)


def test_a_store_without_tables_is_an_empty_one(tmp_path: Path, reader: StoreReader) -> None:
    sqlite3.connect(tmp_path / "demo.db").close()
    assert reader.read().read == 0


def test_books_are_by_pipeline(store: Store, reader: StoreReader) -> None:
    store.status("interactions")
    store.status("interactions", 1, late=0)
    store.status("funnel", filtered=2)
    store.point("interactions", 5, 7)
    store.point("interactions", 10, 2)
    store.point("interactions", 15, 0)  # nothing but records put aside
    store.point("funnel", 5, 4)
    shown = reader.read()
    assert books(shown, "interactions") == Books("interactions", "clicks", 20, 9, 6, 1, 0, 2)
    assert books(shown, "funnel") == Books("funnel", "clicks", 10, 4, 3, 1, 2, 1)
    assert [books(shown, name).open for name in ("interactions", "funnel")] == [4, 0]


def test_a_topic_counts_once_however_many_read_it(store: Store, reader: StoreReader) -> None:
    for pipeline in TOPICS:
        store.status(pipeline)
    shown = reader.read()
    assert (shown.read, shown.rejected, shown.lag) == (20, 6, 8)
    assert shown.rejected_by_reason == {"invalid_json": 4, "invalid_id": 2}


def test_the_watermark_is_the_smallest_of_the_active(store: Store, reader: StoreReader) -> None:
    store.status("interactions", 0, watermark="2026-11-22T12:00:02Z")
    store.status("interactions", 1, watermark="2026-11-22T12:00:01Z")
    store.status("interactions", 2, watermark="2026-11-22T11:00:00Z", state="idle")
    store.status("interactions", 3, watermark=None)
    watermark = reader.read().watermark
    assert watermark is not None
    assert watermark.isoformat() == "2026-11-22T12:00:01+00:00"


def test_only_sessions_may_stay_open(store: Store, reader: StoreReader) -> None:
    for pipeline in TOPICS:
        store.status(pipeline)
    shown = reader.read()
    assert {each.pipeline for each in shown.pipelines if each.settled} == {"sessions"}
    assert not shown.settled


def test_findings(store: Store, reader: StoreReader) -> None:
    store.window("sales", 0, revenue=0.1)
    store.window("sales", 5, revenue=1234.56)
    store.window("activity", 0, total=1, purchase_amount=19.99)
    store.window("logins", 10, total=5, unique_devices=4, unique_ips=3)
    store.window("logins", 0, total=7, unique_devices=9, unique_ips=9)
    store.window("processed_logins", 0, total=6, anomalies=2)
    store.window("processed_logins", 10, total=1, anomalies=1)
    store.window("funnel", 0, steps=[{"name": "view", "users": 3}, {"name": "buy", "users": 1}])
    store.window("sessions", 0, sessions=3, mean_length_s=9.0)
    store.window("sessions", 5, sessions=4, mean_length_s=2.5)
    found = reader.read().findings
    assert (found.revenue_cents, found.purchases_cents) == (123_466, 1_999)
    assert (found.logins, found.devices, found.addresses) == (12, 4, 3)
    assert (found.processed, found.anomalies) == (7, 3)
    assert found.steps == (("view", 3), ("buy", 1))
    assert (found.sessions, found.mean_length_s) == (7, 2.5)


def test_alerts_are_open_that_have_begun_and_not_ended(store: Store, reader: StoreReader) -> None:
    assert reader.read().findings.low_stock_alerts == 0
    events = [
        *(("low_stock", "a", "begin"), ("low_stock", "a", "end"), ("low_stock", "a", "begin")),
        *(("low_stock", "b", "begin"), ("low_stock", "c", "begin"), ("low_stock", "c", "end")),
        *(("out_of_stock", "a", "begin"), ("out_of_stock", "a", "end")),
    ]
    for number, (rule, subject, state) in enumerate(events):
        document = {"rule": rule, "subject": subject, "state": state, "timestamp": str(number)}
        store.put("alerts", str(number), document)
    found = reader.read().findings
    assert (found.low_stock_alerts, found.out_of_stock_alerts) == (2, 0)


def test_interactions_in_detail(store: Store, reader: StoreReader) -> None:
    top = [{"item_id": "i", "count": 2}]
    same = {"users": 1, "items": 1, "top_items": top}
    store.window("interactions", 5, total=3, by_type={"view": 2, "a.b": 1}, **same)
    store.window("interactions", 0, total=5, by_type={"view": 5}, **same)
    shown = reader.read()
    assert [window.total for window in shown.windows] == [5, 3]
    assert shown.window_count == 2
    assert shown.totals_by_type == {"view": 7, "a.b": 1}
    assert shown.windows[-1].top_items == (("i", 2),)

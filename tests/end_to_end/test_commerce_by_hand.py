"""Records as people write them, through each of the commerce pipelines alone: naive times, epochs
as texts, integer ids, fields that are missing or wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeTopic
from tests.sinks.readers import mongo_documents, sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.producing import START, produce
from tests.support.running import BYTEWAX, run
from tests.support.servers import KafkaEndpoint, MongoEndpoint
from tests.support.topics import read_topic
from tests.support.unique import unique_name

START_S = round(START.timestamp())
NAIVE = START.replace(tzinfo=None).isoformat


class Stage:
    """Runs one pipeline over given records, to SQLite and MongoDB."""

    def __init__(
        self,
        kafka: KafkaEndpoint,
        mongo: MongoEndpoint,
        database: str,
        make_topic: MakeTopic,
        directory: Path,
    ) -> None:
        self.alerts = unique_name("alerts")
        self.topic = make_topic()
        self.readers = [sqlite_documents(directory / "out.db"), mongo_documents(mongo, database)]
        self.series = sqlite_series(directory / "out.db")
        self._kafka = kafka
        self._directory = directory
        self._settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "TIDEMARK_ALERTS__TOPIC": self.alerts,
            "TIDEMARK_SOURCE__UNTIL_END": "true",
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:out.db,{mongo.uri}",
            "TIDEMARK_DOCUMENTS__DATABASE": database,
            "TIDEMARK_SERIES__URLS": "sqlite:out.db",
        }

    def run(self, pipeline: str, *records: dict[str, Any] | bytes) -> None:
        """Send the records to one partition and run the pipeline's own module over them."""
        values = [
            each if isinstance(each, bytes) else json.dumps(each).encode() for each in records
        ]
        produce(self._kafka, self.topic, 0, values)
        self._settings[f"TIDEMARK_PIPELINES__{pipeline.upper()}__TOPIC"] = self.topic
        done = run((*BYTEWAX[:-1], f"dataflows.{pipeline}"), self._directory, self._settings)
        assert done.code == 0, done.stderr
        for read in self.readers:
            raw = read("raw_data")
            rejected = sum(part["rejected"] for part in read("pipeline_status").values())
            assert len(raw) == len(records) - rejected

    def assert_window(self, kind: str, second: int, **fields: Any) -> None:
        """Fail unless every store has this window, with these fields."""
        start = START + timedelta(seconds=second)
        identity = f"{kind}/{start:%Y-%m-%dT%H:%M:%SZ}"
        expected = {
            "type": kind,
            "timestamp": start,
            "window_end": start + timedelta(seconds=10),
            **fields,
        }
        for read in self.readers:
            assert_same(
                {identity: read("aggregated_data")[identity]}, {identity: expected}, identity
            )

    def sent_alerts(self) -> list[tuple[str, str, str]]:
        """Return rule, subject and state of what is in the topic, in its order."""
        messages = [json.loads(m.value() or b"") for m in read_topic(self._kafka, self.alerts)]
        self._kafka.delete_topic(self.alerts)
        return [(each["rule"], each["subject"], each["state"]) for each in messages]


@pytest.fixture
def stage(
    kafka: KafkaEndpoint,
    mongo: MongoEndpoint,
    mongo_database: str,
    make_topic: MakeTopic,
    tmp_path: Path,
) -> Stage:
    return Stage(kafka, mongo, mongo_database, make_topic, tmp_path)


def test_sales(stage: Stage) -> None:
    stage.run(
        "sales",
        {
            "transaction_id": "t1",
            "user_id": "u1",
            "product_id": "p1",
            "quantity": 2,
            "unit_price": 0.1,
            "total_amount": 0.1,
            "payment_method": "card",
            "timestamp": NAIVE(),
            "store_id": "s1",
            "category": "toys.games",
        },
        # An integer id, a time in epoch seconds as a text, and none of the optional fields.
        {
            "transaction_id": 17,
            "product_id": 4711,
            "quantity": 1.0,
            "total_amount": 0.2,
            "timestamp": str(START_S + 1),
        },
        # Epoch milliseconds; optional fields of wrong types.
        {
            "transaction_id": "t3",
            "product_id": "p1",
            "quantity": 3,
            "total_amount": 19.99,
            "timestamp": (START_S + 9) * 1000 + 999,
            "category": ["toys"],
            "payment_method": None,
            "store_id": 7,
            "unit_price": "n/a",
        },
        # Another window, in another time zone; a field nobody knows that no store could hold.
        b'{"transaction_id":"t4","product_id":"$p","quantity":-1,"total_amount":-5,"extra":1e999,'
        b'"timestamp":"2026-03-01T13:00:10+01:00","category":"$pecial"}',
        {"transaction_id": "t5", "product_id": "p1", "quantity": 1, "timestamp": NAIVE()},
        {
            "transaction_id": "t6",
            "product_id": "p1",
            "quantity": 1.5,
            "total_amount": 1,
            "timestamp": NAIVE(),
        },
    )

    def sold(transactions: int, quantity: int, revenue: float) -> dict[str, float]:
        return {"transactions": transactions, "quantity": quantity, "revenue": revenue}

    stage.assert_window(
        "sales",
        0,
        **sold(3, 6, 20.29),
        by_category={"toys.games": sold(1, 2, 0.1), "unknown": sold(2, 4, 20.19)},
        by_payment_method={"card": sold(1, 2, 0.1), "unknown": sold(2, 4, 20.19)},
        by_store={"s1": sold(1, 2, 0.1), "unknown": sold(1, 1, 0.2), "7": sold(1, 3, 19.99)},
        by_product={"p1": sold(2, 5, 20.09), "4711": sold(1, 1, 0.2)},
        rejected=0,
    )
    stage.assert_window(
        "sales", 10, **sold(1, -1, -5.0), by_category={"$pecial": sold(1, -1, -5.0)}, rejected=2
    )
    by_store = stage.series("sales_by_store", ("store_id",))
    assert by_store[START_S, (("store_id", "7"),)] == sold(1, 3, 19.99)
    assert stage.series("sales_summary", ())[START_S, ()] == sold(3, 6, 20.29)
    for read in stage.readers:
        raw = read("raw_data")
        assert raw[f"{stage.topic}/0/1"]["data"]["transaction_id"] == 17
        assert json.loads(raw[f"{stage.topic}/0/3"]["data"])["product_id"] == "$p"
        metric = read("real_time_metrics")["sales.revenue"]
        assert (metric["value"], metric["timestamp"]) == (-5.0, START + timedelta(seconds=10))


def test_activity(stage: Stage) -> None:
    stage.run(
        "activity",
        {"user_id": "u1", "activity_type": "login", "timestamp": NAIVE(), "session_id": "s1"},
        {
            "user_id": "u1",
            "activity_type": "purchase",
            "timestamp": str((START_S + 2) * 1000),
            "session_id": "s1",
            "amount": 149.99,
            "product_id": "p1",
        },
        {"user_id": 1, "activity_type": "purchase", "timestamp": START_S + 3, "amount": "12"},
        {"user_id": "1", "activity_type": "add.to $cart", "timestamp": START_S + 4, "amount": 3.5},
        {
            "user_id": "u3",
            "activity_type": "purchase",
            "timestamp": f"{NAIVE()}Z",
            "session_id": 5,
            "amount": 0.01,
            "ip_address": "10.0.0.1",
            "user_agent": None,
        },
        {"user_id": "u4", "timestamp": NAIVE()},
        {"user_id": None, "activity_type": "login", "timestamp": NAIVE()},
    )
    stage.assert_window(
        "activity",
        0,
        total=5,
        users=3,
        sessions=2,
        by_activity_type={"login": 1, "purchase": 3, "add.to $cart": 1},
        purchase_amount=150.0,
        rejected=2,
    )
    summary = {"total": 5, "users": 3, "sessions": 2, "purchase_amount": 150.0}
    assert stage.series("activity_summary", ())[START_S, ()] == summary
    types = stage.series("activity", ("activity_type",))
    assert types[START_S, (("activity_type", "add.to $cart"),)] == {"count": 1}


def test_inventory(stage: Stage) -> None:
    def update(second: float, stock: Any, product: Any = "p1", **more: Any) -> dict[str, Any]:
        return {
            "product_id": product,
            "current_stock": stock,
            "reorder_level": 10,
            "last_updated": NAIVE() if second == 0 else str(START_S + second),
            **more,
        }

    at_w1 = {"warehouse_id": "w/1", "category": "toys"}
    stage.run(
        "inventory",
        update(0, 15, **at_w1, status="in_stock"),
        # Newer ones first: the newest that was updated counts, not the one that came last.
        update(5, 8, **at_w1),
        update(3, 40, **at_w1),
        # Equal times: the one that came later.
        update(6, 9, product="a/b", warehouse_id=3),
        update(6, 0, product="a/b", warehouse_id=3, status="in_stock"),
        update(7, 10.0, product=4711, reorder_level=0),
        update(12, 4, **at_w1),
        update(12, 25, product="a/b", warehouse_id="3"),
        update(24, 11, **at_w1),
        update(1, "many"),
    )
    stage.assert_window(
        "inventory",
        0,
        updates=6,
        products=3,
        low_stock=1,
        out_of_stock=1,
        by_category={
            "toys": {"products": 1, "low_stock": 1, "out_of_stock": 0},
            "unknown": {"products": 2, "low_stock": 0, "out_of_stock": 1},
        },
        by_warehouse={
            "w/1": {"products": 1, "low_stock": 1, "out_of_stock": 0},
            "3": {"products": 1, "low_stock": 0, "out_of_stock": 1},
            "unknown": {"products": 1, "low_stock": 0, "out_of_stock": 0},
        },
    )
    levels = {
        "p1/w%2F1": ("p1", "w/1", 11, "ok", 24),
        "a/b/3": ("a/b", "3", 25, "ok", 12),
        "4711/unknown": ("4711", "unknown", 10, "ok", 7),
    }
    expected = {
        identity: {
            "product_id": product,
            "warehouse_id": warehouse,
            "current_stock": stock,
            "status": status,
            "last_updated": START + timedelta(seconds=second),
        }
        for identity, (product, warehouse, stock, status, second) in levels.items()
    }
    alerts = [
        ("low_stock", "a/b/3", "begin", 0),
        ("low_stock", "p1/w%2F1", "begin", 0),
        ("out_of_stock", "a/b/3", "begin", 0),
        ("low_stock", "a/b/3", "end", 10),
        ("out_of_stock", "a/b/3", "end", 10),
        ("low_stock", "p1/w%2F1", "end", 20),
    ]
    for read in stage.readers:
        assert_same(read("inventory_levels"), expected, "inventory_levels")
        found = {
            (each["rule"], each["subject"], each["state"]): each["timestamp"]
            for each in read("alerts").values()
        }
        assert found == {
            tuple(alert): START + timedelta(seconds=second) for *alert, second in alerts
        }
    assert sorted(stage.sent_alerts()) == sorted((r, s, state) for r, s, state, _ in alerts)
    toys = stage.series("inventory_summary", ("category",))[START_S, (("category", "toys"),)]
    assert toys == {"products": 1, "low_stock": 1, "out_of_stock": 0}

"""Alerts: what is told of one, as document and as record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from dataflows.alerts import Alert, Rule

START = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
ALERT = Alert(
    rule=Rule("low_stock", "warning"),
    subject="crème/brûlée",
    state="begin",
    value=3,
    threshold=10,
    message="m",
    pipeline="inventory",
    window_start=START,
    window_s=10,
)


def test_a_document_has_an_id_of_rule_subject_and_window() -> None:
    assert ALERT.document() == {
        "_id": "low_stock/crème/brûlée/2026-03-01T12:00:10Z",
        "rule": "low_stock",
        "severity": "warning",
        "subject": "crème/brûlée",
        "state": "begin",
        "value": 3,
        "threshold": 10,
        "timestamp": START,
        "window_start": START,
        "window_end": START + timedelta(seconds=10),
        "message": "m",
        "pipeline": "inventory",
    }


def test_a_record_is_the_document_under_rule_and_subject() -> None:
    record = ALERT.record("told")
    assert (record.topic, record.partition) == ("told", None)
    assert record.key == "low_stock/crème/brûlée".encode()
    assert record.value is not None
    document = ALERT.document()
    times = {"timestamp", "window_start", "window_end"}
    told = json.loads(record.value)
    assert told["timestamp"] == "2026-03-01T12:00:10Z"
    assert {k: datetime.fromisoformat(v) if k in times else v for k, v in told.items()} == document

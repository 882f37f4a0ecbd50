"""Snapshots out of the SQLite file of a running dataflow."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tidemark.demo.books import Books
from tidemark.demo.snapshot import Findings, Snapshot, Window

_WINDOWS = 60
_STAY_OPEN = ("sessions",)
_BOOKS = """
SELECT json_extract(tags, '$.pipeline'), sum(json_extract(fields, '$.events')),
    count(nullif(json_extract(fields, '$.events'), 0))
FROM series WHERE measurement = 'pipeline' GROUP BY 1
"""
_OF_TYPE = "FROM aggregated_data WHERE json_extract(doc, '$.type') = ?"
_NEWEST_FIRST = "ORDER BY json_extract(doc, '$.timestamp') DESC LIMIT ?"
_BY_TYPE = """
SELECT each.key, sum(each.value) FROM aggregated_data, json_each(doc, '$.by_type') AS each
WHERE json_extract(doc, '$.type') = 'interactions' GROUP BY 1 ORDER BY 2 DESC, 1
"""
# Alerts of one rule and subject begin and end in turn.
_OPEN_ALERTS = """
SELECT json_extract(doc, '$.rule'),
    sum(CASE json_extract(doc, '$.state') WHEN 'begin' THEN 1 ELSE -1 END)
FROM alerts GROUP BY 1
"""


class StoreReader:
    """Read snapshots from the file of a running dataflow, without a lock on it.

    `topics` says which pipelines there are, and which topic each of them reads.
    """

    def __init__(self, path: Path, topics: dict[str, str]) -> None:
        self._path = path
        self._topics = topics
        self._connection: sqlite3.Connection | None = None

    def read(self) -> Snapshot:
        """Return the state of now; one without records while there is no store yet."""
        if self._connection is None:
            if not self._path.exists():
                return self._nothing()
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro", uri=True, timeout=5.0
            )
            self._connection.isolation_level = None
        try:
            self._connection.execute("BEGIN")
            try:
                return self._snapshot()
            finally:
                self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # the dataflow is just making them
                return self._nothing()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _nothing(self) -> Snapshot:
        return Snapshot(pipelines=self._books([]))

    def _snapshot(self) -> Snapshot:
        status = self._documents("SELECT doc FROM pipeline_status")
        partitions = {(each["topic"], each["partition"]): each for each in status}.values()
        reasons: Counter[str] = Counter()
        for each in partitions:
            reasons.update(each["rejected_by_reason"])
        active = [each for each in partitions if each["state"] == "active"] or partitions
        watermarks = [_time(each["watermark"]) for each in active if each["watermark"]]
        books = self._books(status)
        return Snapshot(
            pipelines=books,
            read=sum(each["read"] for each in partitions),
            rejected=sum(each["rejected"] for each in partitions),
            lag=sum(each["lag"] for each in partitions),
            rejected_by_reason=dict(reasons.most_common()),
            totals_by_type=dict(self._rows(_BY_TYPE)),
            windows=tuple(_window(each) for each in self._newest("interactions", _WINDOWS)[::-1]),
            window_count=self._value(f"SELECT count(*) {_OF_TYPE}", "interactions"),
            watermark=min(watermarks, default=None),
            updated_at=max((_time(each["updated_at"]) for each in status), default=None),
            findings=self._findings(),
        )

    def _books(self, status: Sequence[dict[str, Any]]) -> tuple[Books, ...]:
        sums: dict[str, Counter[str]] = {name: Counter() for name in self._topics}
        for each in status:
            for name in ("read", "rejected", "late", "filtered"):
                sums[each["pipeline"]][name] += each[name]
        if status:
            for pipeline, events, windows in self._rows(_BOOKS):
                sums[pipeline].update(aggregated=events, windows=windows)
        return tuple(
            Books(name, topic, stays_open=name in _STAY_OPEN, **sums[name])
            for name, topic in self._topics.items()
        )

    def _findings(self) -> Findings:
        newest = {name: self._newest(name, 1) for name in ("logins", "funnel", "sessions")}
        logins, funnel, sessions = ((each or [{}])[0] for each in newest.values())
        alerts = dict(self._rows(_OPEN_ALERTS)) if self._has("alerts") else {}
        return Findings(
            logins=self._sum("logins", "total"),
            devices=logins.get("unique_devices", 0),
            addresses=logins.get("unique_ips", 0),
            processed=self._sum("processed_logins", "total"),
            anomalies=self._sum("processed_logins", "anomalies"),
            purchases_cents=self._sum("activity", "purchase_amount", 100),
            revenue_cents=self._sum("sales", "revenue", 100),
            low_stock_alerts=alerts.get("low_stock", 0),
            out_of_stock_alerts=alerts.get("out_of_stock", 0),
            steps=tuple((step["name"], step["users"]) for step in funnel.get("steps", ())),
            sessions=self._sum("sessions", "sessions"),
            mean_length_s=sessions.get("mean_length_s", 0.0),
        )

    def _sum(self, kind: str, name: str, scale: int = 1) -> int:
        """Add a field of every window up, in whole units of 1 / `scale`."""
        value = f"CAST(round(json_extract(doc, '$.{name}') * {scale}) AS INTEGER)"
        return int(self._value(f"SELECT coalesce(sum({value}), 0) {_OF_TYPE}", kind))

    def _newest(self, kind: str, count: int) -> list[dict[str, Any]]:
        return self._documents(f"SELECT doc {_OF_TYPE} {_NEWEST_FIRST}", kind, count)

    def _has(self, table: str) -> bool:
        found = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(self._value(found, table))

    def _documents(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return [json.loads(doc) for (doc,) in self._rows(sql, *values)]

    def _value(self, sql: str, *values: object) -> Any:
        return self._rows(sql, *values)[0][0]

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        return self._connection.execute(sql, values).fetchall()


def _window(document: dict[str, Any]) -> Window:
    return Window(
        start=_time(document["timestamp"]),
        end=_time(document["window_end"]),
        total=document["total"],
        users=document["users"],
        items=document["items"],
        top_items=tuple((each["item_id"], each["count"]) for each in document["top_items"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

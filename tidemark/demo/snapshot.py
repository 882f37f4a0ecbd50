"""What the store holds at one moment, read from SQLite alone."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

_WINDOWS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """A final window, newest facts first in what it shows."""

    start: datetime
    end: datetime
    total: int
    users: int
    items: int
    top_items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The books of the pipeline and its newest results; windows oldest first."""

    read: int = 0
    rejected: int = 0
    late: int = 0
    lag: int = 0
    aggregated: int = 0
    window_count: int = 0
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    totals_by_type: dict[str, int] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    watermark: datetime | None = None
    updated_at: datetime | None = None
    partitions: int = 0
    idle: int = 0

    @property
    def open(self) -> int:
        """Events read that are in windows not final yet."""
        return self.read - self.rejected - self.late - self.aggregated

    @property
    def balanced(self) -> bool:
        """Whether events read = aggregated + rejected + late."""
        return self.open == 0

    def freshness_s(self, now: datetime) -> float | None:
        """Age of the newest final window: seconds since its end."""
        return (now - self.windows[-1].end).total_seconds() if self.windows else None

    def watermark_lag_s(self, now: datetime) -> float | None:
        """Seconds that the watermark is behind the clock."""
        return (now - self.watermark).total_seconds() if self.watermark else None


class StoreReader:
    """Read snapshots from the file of a running pipeline, without a lock on it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def read(self) -> Snapshot:
        """Return the state of now; an empty one while there is no store yet."""
        if self._connection is None:
            if not self._path.exists():
                return Snapshot()
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro", uri=True, timeout=5.0
            )
            self._connection.isolation_level = None
        try:
            self._connection.execute("BEGIN")
            try:
                return self._snapshot(self._connection)
            finally:
                self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # the dataflow is just making them
                return Snapshot()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _snapshot(self, connection: sqlite3.Connection) -> Snapshot:
        status = [
            json.loads(doc) for (doc,) in connection.execute("SELECT doc FROM pipeline_status")
        ]
        of_type = "FROM aggregated_data WHERE json_extract(doc, '$.type') = 'interactions'"
        count, aggregated = connection.execute(
            f"SELECT count(*), coalesce(sum(json_extract(doc, '$.total')), 0) {of_type}"
        ).fetchone()
        newest = connection.execute(
            f"SELECT doc {of_type} ORDER BY json_extract(doc, '$.timestamp') DESC LIMIT {_WINDOWS}"
        ).fetchall()
        by_type = connection.execute(
            "SELECT each.key, sum(each.value) FROM aggregated_data, json_each(doc, '$.by_type')"
            " AS each WHERE json_extract(doc, '$.type') = 'interactions'"
            " GROUP BY each.key ORDER BY 2 DESC, 1"
        ).fetchall()
        reasons: dict[str, int] = {}
        for each in status:
            for reason, number in each["rejected_by_reason"].items():
                reasons[reason] = reasons.get(reason, 0) + number
        active = [each for each in status if each["state"] == "active"] or status
        watermarks = [_time(each["watermark"]) for each in active if each["watermark"]]
        return Snapshot(
            read=sum(each["read"] for each in status),
            rejected=sum(each["rejected"] for each in status),
            late=sum(each["late"] for each in status),
            lag=sum(each["lag"] for each in status),
            aggregated=aggregated,
            window_count=count,
            rejected_by_reason=dict(sorted(reasons.items(), key=lambda item: -item[1])),
            totals_by_type=dict(by_type),
            windows=tuple(_window(json.loads(doc)) for (doc,) in reversed(newest)),
            watermark=min(watermarks, default=None),
            updated_at=max((_time(each["updated_at"]) for each in status), default=None),
            partitions=len(status),
            idle=sum(each["state"] != "active" for each in status),
        )


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

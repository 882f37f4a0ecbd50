"""The state: what the refresher has read, from which every section is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dashboard.alerting import Alert
from dashboard.hours import Hours
from dashboard.pipelines import PipelineInfo
from dashboard.reading.protocol import Document
from dashboard.windows import Windows

STATUSES = ("out", "low", "ok")
STOCK_COUNTED = 10_000
ALERTS_READ = 500
"""The newest documents of alerts that are read, and the newest that begin one."""


@dataclass(slots=True)
class State:
    """Everything read so far. Times are milliseconds since the epoch."""

    store: str
    pipelines: list[PipelineInfo]
    refresh_s: float
    time_zone: str
    at_ms: int = 0
    reachable: bool = False
    seen: bool = False
    """Whether the store has ever answered."""
    trouble: str = ""
    trouble_since_ms: int | None = None
    status: list[Document] = field(default_factory=list)
    rates: dict[str, float | None] = field(default_factory=dict)
    """Events a second, by topic; of all under the empty name."""
    windows: Windows = field(default_factory=Windows)
    hours: Hours = field(default_factory=Hours)
    metrics: list[Document] = field(default_factory=list)
    open_alerts: list[Alert] = field(default_factory=list)
    past_alerts: list[Alert] = field(default_factory=list)
    stock: dict[str, list[Document]] = field(default_factory=dict)
    stock_counts: dict[str, int] = field(default_factory=dict)
    top_users: list[Document] = field(default_factory=list)
    top_items: list[Document] = field(default_factory=list)
    stores: list[dict[str, Any]] = field(default_factory=list)
    letters: dict[str, Any] = field(default_factory=dict)

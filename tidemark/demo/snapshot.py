"""What the store holds at one moment: books, newest windows, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidemark.demo.books import Books


@dataclass(frozen=True, slots=True)
class Window:
    """A final window of interactions."""

    start: datetime
    end: datetime
    total: int
    users: int
    items: int
    top_items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the final windows say: sums over all of them, and facts of the newest.

    Money is in cents. Alerts are open if they have begun and not ended.
    """

    logins: int = 0
    devices: int = 0
    addresses: int = 0
    processed: int = 0
    anomalies: int = 0
    purchases_cents: int = 0
    revenue_cents: int = 0
    low_stock_alerts: int = 0
    out_of_stock_alerts: int = 0
    steps: tuple[tuple[str, int], ...] = ()
    """The newest funnel: users by step."""
    sessions: int = 0
    mean_length_s: float = 0.0
    """Of the sessions of the newest window."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The books of the pipelines and their newest results; windows oldest first.

    `read`, `rejected` and `lag` count each topic once, however many pipelines read it.
    """

    pipelines: tuple[Books, ...] = ()
    read: int = 0
    rejected: int = 0
    lag: int = 0
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    totals_by_type: Mapping[str, int] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    window_count: int = 0
    watermark: datetime | None = None
    """The smallest of the partitions that are active."""
    updated_at: datetime | None = None
    findings: Findings = Findings()

    @property
    def settled(self) -> bool:
        """Whether the books of every pipeline are."""
        return all(books.settled for books in self.pipelines)

    def freshness_s(self, now: datetime) -> float | None:
        """Age of the newest final window of interactions: seconds since its end."""
        return (now - self.windows[-1].end).total_seconds() if self.windows else None

    def watermark_lag_s(self, now: datetime) -> float | None:
        """Seconds that the watermark is behind the clock."""
        return (now - self.watermark).total_seconds() if self.watermark else None

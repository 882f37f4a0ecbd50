"""Activity: what users do on the site, and what they spend there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.schema import Event, Id, Name, Optional, OptionalMoney, Timestamp
from sinks.commands import Document, Point
from stats.activity import NO_SESSION, SESSIONS, USER_TYPES, ActivitySummary, summarize
from stats.tables import CountTable


class UserActivity(Event):
    """A record of the topic. `amount` is what was paid, where the activity is a purchase."""

    user_id: Id
    activity_type: Name
    timestamp: Timestamp
    session_id: Optional = NO_SESSION
    ip_address: Optional = ""
    user_agent: Optional = ""
    product_id: Optional = ""
    amount: OptionalMoney = 0


class Activity(Pipeline[ActivitySummary]):
    """Per window totals, users, sessions and purchases."""

    name = "activity"
    schema = UserActivity
    summary = ActivitySummary

    def tables(self) -> Sequence[CountTable]:
        """Count and add amounts up by user and type; count by session."""
        return [USER_TYPES, SESSIONS]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> ActivitySummary:
        """Sum both tables up."""
        return summarize(tables)

    def fields(self, summary: ActivitySummary, start: datetime) -> dict[str, object]:
        """Return the counts; the amount in units of the currency, exact to the cent."""
        return {
            "total": summary.events,
            "users": summary.users,
            "sessions": summary.sessions,
            "by_activity_type": summary.by_type,
            "purchase_amount": summary.purchase_cents / 100,
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per type, and the summary."""
        start = document["timestamp"]
        numbers = ("total", "users", "sessions", "purchase_amount")
        return [
            *(
                Point("activity", start, {"activity_type": name}, {"count": count})
                for name, count in document["by_activity_type"].items()
            ),
            Point("activity_summary", start, {}, {name: document[name] for name in numbers}),
        ]


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Activity")

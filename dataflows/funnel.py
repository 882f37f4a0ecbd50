"""Funnel: how many users get from one step to the next within a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from dataflows.catalog import stream_of
from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from sinks.commands import Document, Point
from stats.funnel import FunnelSummary, summarize
from stats.tables import CountTable
from tidemark.config import Settings
from tidemark.config.pipelines import FunnelSettings


class Funnel(Pipeline[FunnelSummary]):
    """Per window the users and events of each step. A user is at a step who did it and all before
    it within the window, in any order."""

    name = "funnel"
    summary = FunnelSummary
    section: FunnelSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.schema, self._type = stream_of(self.section.of)

    def tables(self) -> Sequence[CountTable]:
        """Count by user and type."""
        return [CountTable("user_types", ("user_id", self._type))]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> FunnelSummary:
        """Find out how far each user got."""
        return summarize(tables["user_types"], "user_id", self._type, self.section.steps)

    def fields(self, summary: FunnelSummary, start: datetime) -> dict[str, object]:
        """Return the steps, each with the share of users who got there from the one before."""
        return {
            "total": summary.events,
            "users": summary.users,
            "conversion": summary.conversion_of_all,
            "steps": [
                {
                    "name": name,
                    "users": summary.users_at[number],
                    "events": summary.events_at[number],
                    "conversion": summary.conversion(number),
                }
                for number, name in enumerate(self.section.steps)
            ],
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per step, and the summary."""
        start = document["timestamp"]
        counts = ("users", "events", "conversion")
        return [
            *(
                Point("funnel", start, {"step": s["name"]}, {name: s[name] for name in counts})
                for s in document["steps"]
            ),
            Point(
                "funnel_summary",
                start,
                {},
                {name: document[name] for name in ("total", "users", "conversion")},
            ),
        ]


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Funnel")

"""Sessions: how long users stay, and how much they do meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from dataflows.catalog import stream_of
from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.operators import Windows, follow
from dataflows.streaming.sessions import Sessions as OpenSessions
from sinks.commands import Document, Point
from stats.sessions import MICROSECONDS, SessionsSummary, summarize
from stats.spans import SpanTable
from stats.tables import CountTable, Table
from tidemark.config import Settings
from tidemark.config.pipelines import SessionsSettings


class Sessions(Pipeline[SessionsSummary]):
    """Per window the sessions whose last event is in it. A session is a user's events with no
    longer gap between them than `gap_s`; a window is final a gap later than others are."""

    name = "sessions"
    summary = SessionsSummary
    events_field = "events"
    rebuildable = False
    section: SessionsSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.schema, _ = stream_of(self.section.of)
        self._spans = SpanTable("spans", "user_id", round(self.section.gap_s * MICROSECONDS))

    def tables(self) -> Sequence[Table]:
        """Keep each user's spans of activity."""
        return [CountTable("users", ("user_id",)), self._spans]

    def closings(self, windows: Windows) -> Windows:
        """Return the sessions that have ended, in the windows of their last events."""

        def follower(state: dict[str, Any] | None) -> OpenSessions:
            return OpenSessions(self._spans, self.window_us, state)

        return replace(windows, closings=follow("sessions_open", windows, follower))

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> SessionsSummary:
        """Sum up the sessions that have ended."""
        return summarize(tables[self._spans.name])

    def fields(self, summary: SessionsSummary, start: datetime) -> dict[str, object]:
        """Return count, lengths and events."""
        return {
            "sessions": summary.sessions,
            "events": summary.events,
            "mean_length_s": summary.mean_length_s,
            "max_length_s": summary.longest_us / MICROSECONDS,
            "events_per_session": summary.events_per_session,
        }

    def points(self, document: Document) -> list[Point]:
        """Return the summary."""
        names = ("sessions", "events", "mean_length_s", "max_length_s", "events_per_session")
        fields = {name: document[name] for name in names}
        return [Point("sessions_summary", document["timestamp"], {}, fields)]


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Sessions")

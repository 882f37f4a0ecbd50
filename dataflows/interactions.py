"""Interactions: who does what with which item, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.environment import Environment
from dataflows.streaming.operators import Windows, accumulate
from dataflows.streaming.outlets import Outlets
from dataflows.streaming.schema import Event, Id, Name, Optional, Timestamp
from sinks.commands import Document, Point
from stats.calendar import day_type, hour_of_day
from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from stats.tables import CountTable
from tidemark.config.pipelines import InteractionsSettings


class Interaction(Event):
    """A record of the topic. With `event_id` a second copy of an event can be told."""

    user_id: Id
    item_id: Id
    interaction_type: Name
    timestamp: Timestamp
    event_id: Optional = ""


class Interactions(Pipeline[InteractionsSummary]):
    """Per window totals, shares and rankings; per user and item the current aggregate."""

    name = "interactions"
    schema = Interaction
    summary = InteractionsSummary
    section: InteractionsSettings
    aggregates = {USER_TYPES.name: "user_stats", ITEM_TYPES.name: "item_stats"}  # noqa: RUF012

    def tables(self) -> Sequence[CountTable]:
        """Count by user and type, and by item and type."""
        distinct = self.section.dedupe_by
        return [replace(table, distinct=distinct) for table in (USER_TYPES, ITEM_TYPES)]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> InteractionsSummary:
        """Sum both tables up."""
        return summarize(tables, self.section.top_k)

    def fields(self, summary: InteractionsSummary, start: datetime) -> dict[str, object]:
        """Return totals, averages, extremes, shares and rankings."""
        total = summary.events
        return {
            "total": total,
            "users": summary.users,
            "items": summary.items,
            "avg_per_user": summary.avg_per_user,
            "avg_per_item": summary.avg_per_item,
            "max_item": _item(summary.max_item),
            "min_item": _item(summary.min_item),
            "by_type": summary.by_type,
            "by_type_share": {name: count / total for name, count in summary.by_type.items()},
            "top_items": [_item(entry) for entry in summary.top_items],
            "top_users": [{"user_id": key, "count": count} for key, count in summary.top_users],
            "day_type": day_type(start, self.zone),
            "hour_of_day": hour_of_day(start, self.zone),
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per type, the summary, and one per top item."""
        start = document["timestamp"]
        when = {"day_type": document["day_type"], "hour_of_day": str(document["hour_of_day"])}
        numbers = ("total", "users", "items", "avg_per_user", "avg_per_item")
        extremes = {
            "item_max": (document["max_item"] or {"count": 0})["count"],
            "item_min": (document["min_item"] or {"count": 0})["count"],
        }
        return [
            *(
                Point("interactions", start, {"interaction_type": name, **when}, {"count": count})
                for name, count in document["by_type"].items()
            ),
            Point(
                "interactions_summary",
                start,
                {},
                {**{name: document[name] for name in numbers}, **extremes},
            ),
            *(
                Point(
                    "item_interactions",
                    start,
                    {"item_id": entry["item_id"]},
                    {"count": entry["count"]},
                )
                for entry in document["top_items"]
            ),
        ]

    def outputs(self, windows: Windows, env: Environment, outlets: Outlets) -> None:
        """Keep the current aggregates."""
        for table, collection in ((USER_TYPES, "user_stats"), (ITEM_TYPES, "item_stats")):
            stats = accumulate(f"interactions_{collection}", windows, table, collection)
            outlets.documents.append(stats)


def _item(entry: tuple[str, int] | None) -> dict[str, object] | None:
    return None if entry is None else {"item_id": entry[0], "count": entry[1]}


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Interactions")

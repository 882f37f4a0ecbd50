"""Interactions: who does what with which item, how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from dataflows.streaming.environment import Environment
from dataflows.streaming.operators import accumulate, merge, progress, read, tumbling, write
from dataflows.streaming.parcels import ClosedWindow
from dataflows.streaming.results import aggregate, metrics, pipeline_point
from dataflows.streaming.schema import Event, Id, Name, Optional, Timestamp
from dataflows.streaming.summary import WindowSummary
from dataflows.streaming.timestamps import moment
from sinks.commands import Command, Point, WritePoints
from stats.calendar import day_type, hour_of_day
from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from stats.tables import CountTable

if TYPE_CHECKING:
    from tidemark.config.pipelines import InteractionsSettings

PIPELINE = "interactions"

Summary = WindowSummary[InteractionsSummary]


class Interaction(Event):
    """A record of the topic."""

    user_id: Id
    item_id: Id
    interaction_type: Name
    timestamp: Timestamp


class IdentifiedInteraction(Interaction):
    """A record that may say which event it is, so that a second copy is known as one."""

    event_id: Optional = ""


def interactions(flow: Dataflow, env: Environment, settings: InteractionsSettings) -> None:
    """Add the pipeline to a flow."""

    def partial(window: ClosedWindow) -> InteractionsSummary:
        return summarize(window.tables, settings.top_k)

    def documents(keyed: tuple[str, Summary]) -> Iterator[tuple[str, Command]]:
        key, final = keyed
        if not final.summary.total:
            return  # nothing but records put aside: they are in the pipeline's own point
        fields = summary_fields(final, env.time_zone)
        yield key, aggregate(PIPELINE, final.start_us, settings.window_s, fields)
        yield key, metrics(PIPELINE, final.start_us, fields)

    def points(keyed: tuple[str, Summary]) -> tuple[str, Command]:
        key, final = keyed
        return key, WritePoints(summary_points(final, settings.window_s, env.time_zone))

    schema, lengths_s = schema_of(settings), {PIPELINE: settings.window_s}
    events = read(PIPELINE, flow, env, settings.topic, schema, lengths_s)
    windows = tumbling(f"{PIPELINE}_windows", events, env, PIPELINE, tables_of(settings))
    summaries = merge(f"{PIPELINE}_summary", windows, env, partial, InteractionsSummary)
    stored = op.merge(
        f"{PIPELINE}_stored",
        progress(f"{PIPELINE}_progress", events, PIPELINE),
        accumulate(f"{PIPELINE}_users", windows, USER_TYPES, "user_stats"),
        accumulate(f"{PIPELINE}_items", windows, ITEM_TYPES, "item_stats"),
        op.flat_map(f"{PIPELINE}_documents", summaries, documents),
    )
    write(f"{PIPELINE}_document_stores", stored, env, env.documents)
    written = op.map(f"{PIPELINE}_points", summaries, points)
    write(f"{PIPELINE}_series_stores", written, env, env.series)
    write(f"{PIPELINE}_late_topic", windows.late, env, env.topics)


def schema_of(settings: InteractionsSettings) -> type[Event]:
    """Return what a record of the topic looks like."""
    return IdentifiedInteraction if settings.dedupe_by else Interaction


def tables_of(settings: InteractionsSettings) -> list[CountTable]:
    """Return what is counted in a window."""
    return [replace(table, distinct=settings.dedupe_by) for table in (USER_TYPES, ITEM_TYPES)]


def summary_fields(final: Summary, zone: ZoneInfo) -> dict[str, object]:
    """Return the fields of the window's document in `aggregated_data`."""
    summary, start = final.summary, moment(final.start_us)
    total = summary.total
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
        "day_type": day_type(start, zone),
        "hour_of_day": hour_of_day(start, zone),
        "rejected": final.aside.rejected,
        "late": final.aside.late,
        "duplicates": final.aside.duplicates,
    }


def summary_points(final: Summary, window_s: int, zone: ZoneInfo) -> list[Point]:
    """Return the window's points of all measurements of this pipeline."""
    summary, start = final.summary, moment(final.start_us)
    when = {"day_type": day_type(start, zone), "hour_of_day": str(hour_of_day(start, zone))}
    total = summary.total
    books = pipeline_point(PIPELINE, final, window_s, total)
    if not total:
        return [books]
    return [
        books,
        *(
            Point("interactions", start, {"interaction_type": name, **when}, {"count": count})
            for name, count in summary.by_type.items()
        ),
        Point(
            "interactions_summary",
            start,
            {},
            {
                "total": total,
                "users": summary.users,
                "items": summary.items,
                "avg_per_user": summary.avg_per_user,
                "avg_per_item": summary.avg_per_item,
                "item_max": summary.max_item[1] if summary.max_item else 0,
                "item_min": summary.min_item[1] if summary.min_item else 0,
            },
        ),
        *(
            Point("item_interactions", start, {"item_id": item}, {"count": count})
            for item, count in summary.top_items
        ),
    ]


def _item(entry: tuple[str, int] | None) -> dict[str, object] | None:
    return None if entry is None else {"item_id": entry[0], "count": entry[1]}

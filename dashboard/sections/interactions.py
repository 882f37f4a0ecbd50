"""Interactions: who does what with which item."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from dashboard.hours import HOUR_S
from dashboard.reading.protocol import Document
from dashboard.sections.series import Grid
from dashboard.state import State
from dashboard.windows import KEPT
from stats.calendar import day_type, hour_of_day


def interactions(state: State) -> dict[str, Any]:
    """Return the newest window and the columns of those before it."""
    grid = Grid(state.windows["interactions"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "total": grid.counts("total"),
        "users": grid.counts("users"),
        "items": grid.counts("items"),
        "avg_per_user": grid.ratios("avg_per_user"),
        "avg_per_item": grid.ratios("avg_per_item"),
        "max_item": grid.column(lambda window: _count(window.get("max_item"))),
        "min_item": grid.column(lambda window: _count(window.get("min_item"))),
        "rejected": grid.counts("rejected"),
        "late": grid.counts("late"),
        "by_type": grid.by_name("by_type"),
    }


def leaders(state: State) -> dict[str, Any]:
    """Return the users and items with the largest totals."""
    return {"users": state.top_users, "items": state.top_items}


def hours(state: State) -> dict[str, Any]:
    """Return the last week by hour of day, weekdays and weekends apart, and the hour that runs."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(state.time_zone)
    profile: dict[str, dict[int, list[float]]] = {
        "weekday": defaultdict(list),
        "weekend": defaultdict(list),
    }
    this_s = state.at_ms // 1000 // HOUR_S * HOUR_S
    this: dict[str, Any] | None = None
    before: dict[int, float] = {}
    window_s = next(i.window_s for i in state.pipelines if i.name == "interactions")
    for bucket in state.hours.buckets():
        total = bucket.numbers["total"]
        if bucket.start_s == this_s:
            this = {
                "start": this_s * 1000,
                "total": total,
                "windows": bucket.windows,
                "by_type": bucket.maps["by_type"],
            }
            continue
        before[bucket.start_s] = total
        if bucket.windows:
            from datetime import UTC, datetime

            start = datetime.fromtimestamp(bucket.start_s, UTC)
            per_s = total / (bucket.windows * max(window_s, 1))
            profile[day_type(start, zone)][hour_of_day(start, zone)].append(per_s)
    return {
        "complete": state.hours.complete,
        "zone": state.time_zone,
        "profile": {
            kind: [_mean(by_hour.get(hour)) for hour in range(24)]
            for kind, by_hour in profile.items()
        },
        "days": {kind: sum(map(len, by.values())) for kind, by in profile.items()},
        "this": this,
        "hour_before": before.get(this_s - HOUR_S),
        "day_before": before.get(this_s - 24 * HOUR_S),
        "purchases": [
            [bucket.start_s * 1000, bucket.maps["by_type"].get("purchase", 0)]
            for bucket in state.hours.buckets()
        ][-24:],
    }


def _count(entry: object) -> int | None:
    return entry.get("count") if isinstance(entry, dict) else None


def _mean(values: list[float] | None) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def history_of(
    windows: list[Document], field: str, id_field: str, key: str
) -> list[tuple[int, int]]:
    """Return [start, count] of the windows in whose ranking `field` a key is."""
    return [
        (window["timestamp"], entry["count"])
        for window in windows
        for entry in window.get(field) or []
        if entry.get(id_field) == key
    ]

"""What should come out: recomputed from a truth file in one batch, with no code of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

REJECTED_FAULTS = ("malformed", "missing_field", "future")


@dataclass(frozen=True)
class Truth:
    """The records of a truth file, sorted out: each row is in exactly one of the three frames."""

    accepted: pl.DataFrame
    late: pl.DataFrame
    rejected: pl.DataFrame

    @property
    def read(self) -> int:
        """Number of records."""
        return len(self.accepted) + len(self.late) + len(self.rejected)


def load_truth(path: Path, *, window_s: int, out_of_orderness_s: float = 5.0) -> Truth:
    """Sort the records of a truth file out.

    Late is what belongs to a window that ended at or before the largest event time of earlier
    accepted records of its partition, less the out-of-orderness.
    """
    records = pl.read_parquet(path).sort("partition", "sequence")
    is_bad = pl.col("fault").is_in(REJECTED_FAULTS)
    window_us = window_s * 1_000_000
    good = records.filter(~is_bad).with_columns(
        start_us=pl.col("event_time_us") // window_us * window_us,
        watermark_us=pl.col("event_time_us").cum_max().shift(1).over("partition")
        - int(out_of_orderness_s * 1_000_000),
    )
    is_late = (pl.col("start_us") + window_us <= pl.col("watermark_us")).fill_null(False)
    return Truth(good.filter(~is_late), good.filter(is_late), records.filter(is_bad))


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)


def _ranked(counts: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    ordered = counts.sort("len", key, descending=[True, False])
    return [{key: name, "count": count} for name, count in ordered.select(key, "len").iter_rows()]


def interactions_documents(
    accepted: pl.DataFrame, *, window_s: int, top_k: int = 10, zone: str = "UTC"
) -> dict[str, dict[str, Any]]:
    """Return the `aggregated_data` documents of type `interactions` by id."""
    documents = {}
    for (start_us,), events in accepted.group_by("start_us"):
        start = _moment(start_us)
        local = start.astimezone(ZoneInfo(zone))
        users, items = events["user_id"].n_unique(), events["item_id"].n_unique()
        by_type = dict(events["interaction_type"].value_counts().iter_rows())
        by_item = _ranked(events.group_by("item_id").len(), "item_id")
        by_user = _ranked(events.group_by("user_id").len(), "user_id")
        total = len(events)
        identity = f"interactions/{start:%Y-%m-%dT%H:%M:%SZ}"
        documents[identity] = {
            "_id": identity,
            "type": "interactions",
            "timestamp": start,
            "window_end": _moment(start_us + window_s * 1_000_000),
            "total": total,
            "users": users,
            "items": items,
            "avg_per_user": total / users,
            "avg_per_item": total / items,
            "max_item": by_item[0],
            "min_item": min(by_item, key=lambda entry: (entry["count"], entry["item_id"])),
            "by_type": by_type,
            "by_type_share": {name: count / total for name, count in by_type.items()},
            "top_items": by_item[:top_k],
            "top_users": by_user[:top_k],
            "day_type": "weekend" if local.weekday() >= 5 else "weekday",
            "hour_of_day": local.hour,
        }
    return documents


def current_aggregates(accepted: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    """Return the documents of `user_stats` (key `user_id`) or `item_stats` (`item_id`) by id."""
    windows = accepted.group_by(key, "start_us").len().sort(key, "start_us")
    stats = windows.group_by(key, maintain_order=True).agg(
        total=pl.col("len").sum(),
        windows=pl.len(),
        max_per_window=pl.col("len").max(),
        min_per_window=pl.col("len").min(),
        last_window_us=pl.col("start_us").last(),
        last_window_count=pl.col("len").last(),
        first_us=pl.col("start_us").first(),
    )
    by_type: dict[str, dict[str, int]] = {}
    for name, kind, count in accepted.group_by(key, "interaction_type").len().iter_rows():
        by_type.setdefault(name, {})[kind] = count
    return {
        row[key]: {
            "_id": row[key],
            "total": row["total"],
            "by_type": by_type[row[key]],
            "windows": row["windows"],
            "avg_per_window": row["total"] / row["windows"],
            "max_per_window": row["max_per_window"],
            "min_per_window": row["min_per_window"],
            "last_window": _moment(row["last_window_us"]),
            "last_window_count": row["last_window_count"],
            "first_seen": _moment(row["first_us"]),
            "last_seen": _moment(row["last_window_us"]),
        }
        for row in stats.iter_rows(named=True)
    }


PointKey = tuple[str, int, tuple[tuple[str, str], ...]]


def interactions_points(
    documents: dict[str, dict[str, Any]],
) -> dict[PointKey, dict[str, int | float]]:
    """Return the points of the measurements `interactions`, `interactions_summary` and
    `item_interactions` by measurement, seconds and tags, from recomputed documents."""
    points: dict[PointKey, dict[str, int | float]] = {}
    for document in documents.values():
        at = int(document["timestamp"].timestamp())
        for name, count in document["by_type"].items():
            tags = {
                "interaction_type": name,
                "day_type": document["day_type"],
                "hour_of_day": str(document["hour_of_day"]),
            }
            points["interactions", at, tuple(sorted(tags.items()))] = {"count": count}
        points["interactions_summary", at, ()] = {
            "total": document["total"],
            "users": document["users"],
            "items": document["items"],
            "avg_per_user": document["avg_per_user"],
            "avg_per_item": document["avg_per_item"],
            "item_max": document["max_item"]["count"],
            "item_min": document["min_item"]["count"],
        }
        for entry in document["top_items"]:
            points["item_interactions", at, (("item_id", entry["item_id"]),)] = {
                "count": entry["count"]
            }
    return points

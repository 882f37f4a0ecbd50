"""What should come out of logins: recomputed from a truth file, with no code of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tests.support.recompute import PointKey, Truth

Documents = dict[str, dict[str, Any]]

UNKNOWN = "unknown"
SUSPICIOUS = ("RU", "CN", "KP", "IR")
CATEGORIES = {
    "android": "Mobile",
    "ios": "Mobile",
    "iphone": "Mobile",
    "mobile": "Mobile",
    "tablet": "Tablet",
    "ipad": "Tablet",
    "web": "Desktop",
    "windows": "Desktop",
    "mac": "Desktop",
    "linux": "Desktop",
}
TAGS = {
    "logins": ("device_type",),
    "logins_by_locale": ("locale",),
    "logins_by_app_version": ("device_type", "app_version"),
    "logins_summary": (),
    "processed_logins": ("app_version",),
    "processed_logins_summary": (),
}


def _identity(kind: str, start_us: int, window_s: int) -> dict[str, Any]:
    start = datetime.fromtimestamp(start_us / 1_000_000, UTC)
    return {
        "_id": f"{kind}/{start:%Y-%m-%dT%H:%M:%SZ}",
        "type": kind,
        "timestamp": start,
        "window_end": start + timedelta(seconds=window_s),
    }


def _counts(column: pl.Series) -> dict[str, int]:
    return dict(column.fill_null(UNKNOWN).value_counts().iter_rows())


def logins_documents(accepted: pl.DataFrame, *, window_s: int, top_k: int = 10) -> Documents:
    """Return the `aggregated_data` documents of type `logins` by id."""
    documents = {}
    for (start_us,), events in accepted.group_by("start_us"):
        labels = [pl.col(name).fill_null(UNKNOWN) for name in ("device_type", "app_version")]
        versions = events.select(labels).group_by("device_type", "app_version").len("count")
        ips = events.drop_nulls("ip").group_by("ip").len("count")
        document = {
            **_identity("logins", int(str(start_us)), window_s),
            "total": len(events),
            "by_device_type": _counts(events["device_type"]),
            "by_locale": _counts(events["locale"]),
            "unique_devices": events["device_id"].drop_nulls().n_unique(),
            "unique_devices_exact": True,
            "unique_ips": len(ips),
            "unique_ips_exact": True,
            "app_versions": versions.sort(
                "count", "device_type", "app_version", descending=[True, False, False]
            ).to_dicts(),
            "frequent_ips": ips.sort("count", "ip", descending=[True, False])
            .head(top_k)
            .to_dicts(),
            "frequent_ips_error": 0,
        }
        documents[document["_id"]] = document
    return documents


@dataclass(frozen=True)
class Rules:
    """Settings of processed logins."""

    device_types: tuple[str, ...] = ("android",)
    max_locales: int | None = None
    max_logins: int | None = None


def processed(truth: Truth, rules: Rules) -> pl.DataFrame:
    """Return the logins that are taken, late ones too, per partition in the order of sending.

    Added columns: `late`, `category`, `reasons`. `truth` is sorted out by the pipeline's window.
    """
    taken = (
        pl.concat(
            [truth.accepted.with_columns(late=False), truth.late.with_columns(late=True)],
        )
        .sort("partition", "sequence")
        .filter(
            pl.col("device_type")
            .str.to_lowercase()
            .is_in([name.lower() for name in rules.device_types])
        )
    )
    window = ["partition", "start_us"]
    on_time = ~pl.col("late")
    # A locale counts where its device has it for the first time in the window.
    of_device = on_time & pl.col("device_id").is_not_null()
    has_both = of_device & pl.col("locale").is_not_null()
    taken = taken.with_columns(
        category=pl.col("device_type").str.to_lowercase().replace_strict(CATEGORIES),
        new_locale=has_both
        & pl.struct(*window, "device_id", "locale", has_both.alias("_")).is_first_distinct(),
        of_ip=on_time & pl.col("ip").is_not_null(),
    ).with_columns(
        locales=pl.col("new_locale").cast(pl.Int64).cum_sum().over(*window, "device_id"),
        logins=pl.col("of_ip").cast(pl.Int64).cum_sum().over(*window, "ip"),
    )
    never = pl.lit(False)
    many = of_device & (pl.col("locales") > rules.max_locales) if rules.max_locales else never
    often = pl.col("of_ip") & (pl.col("logins") > rules.max_logins) if rules.max_logins else never
    flags = {
        "suspicious_locale": pl.col("locale").is_in(SUSPICIOUS).fill_null(False),
        "many_locales": many,
        "frequent_ip": often,
    }
    named = [pl.when(flag).then(pl.lit(name)) for name, flag in flags.items()]
    return taken.with_columns(reasons=pl.concat_list(named).list.drop_nulls())


def processed_documents(logins: pl.DataFrame, *, window_s: int) -> Documents:
    """Return the `aggregated_data` documents of type `processed_logins` by id."""
    documents = {}
    for (start_us,), events in logins.filter(~pl.col("late")).group_by("start_us"):
        document = {
            **_identity("processed_logins", int(str(start_us)), window_s),
            "total": len(events),
            "by_app_version": _counts(events["app_version"]),
            "by_category": _counts(events["category"]),
            "anomalies": int((events["reasons"].list.len() > 0).sum()),
        }
        documents[document["_id"]] = document
    return documents


def logins_points(documents: Documents) -> dict[PointKey, dict[str, int | float]]:
    """Return the points of both pipelines by measurement, seconds and tags."""
    points: dict[PointKey, dict[str, int | float]] = {}
    for document in documents.values():
        at = int(document["timestamp"].timestamp())

        def add(measurement: str, tags: dict[str, str], at: int = at, **fields: int) -> None:
            points[measurement, at, tuple(sorted(tags.items()))] = {**fields}

        total = document["total"]
        if document["type"] == "processed_logins":
            for version, count in document["by_app_version"].items():
                add("processed_logins", {"app_version": version}, count=count)
            add("processed_logins_summary", {}, total=total, anomalies=document["anomalies"])
            continue
        for name, count in document["by_device_type"].items():
            add("logins", {"device_type": name}, count=count)
        for name, count in document["by_locale"].items():
            add("logins_by_locale", {"locale": name}, count=count)
        for entry in document["app_versions"]:
            tags = {name: entry[name] for name in ("device_type", "app_version")}
            add("logins_by_app_version", tags, count=entry["count"])
        unique = {name: document[name] for name in ("unique_devices", "unique_ips")}
        most = document["frequent_ips"][0]["count"]
        add("logins_summary", {}, total=total, max_per_ip=most, **unique)
    return points

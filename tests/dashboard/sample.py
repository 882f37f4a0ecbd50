"""A store as a day in the life of a shop would leave it: documents of every type of the contract.

Made with a seed; written through the stores that the dataflow writes with.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from sinks.commands import (
    COUNTS_SCHEMA,
    AccumulateWindow,
    Command,
    Document,
    NewestDocuments,
    ReplaceDocuments,
)
from sinks.store import Store
from stats.calendar import day_type, hour_of_day

TYPES = {"view": 0.70, "click": 0.2, "like": 0.05, "share": 0.03, "purchase": 0.02}
DEVICES = {"android": 0.42, "ios": 0.36, "web": 0.15, "tablet": 0.07}
LOCALES = {"US": 0.3, "DE": 0.2, "IN": 0.18, "BR": 0.14, "FR": 0.1, "RU": 0.05, "CN": 0.03}
CATEGORIES = {"books": 0.3, "garden": 0.25, "audio": 0.2, "kitchen": 0.15, "toys": 0.1}
PAYMENTS = {"card": 0.6, "paypal": 0.25, "invoice": 0.1, "voucher": 0.05}
SHOPS = {f"store-{n:02d}": 1 / n for n in range(1, 9)}
LENGTHS_S = {
    "interactions": 10,
    "logins": 30,
    "processed_logins": 60,
    "activity": 10,
    "sales": 10,
    "inventory": 10,
    "funnel": 60,
    "sessions": 60,
}


class Sample:
    """Documents up to `end`: each type's last window is the last one that has ended by then."""

    def __init__(self, end: datetime, seed: int = 7, rate: float = 2000.0) -> None:
        self.end = end
        self._rate = rate
        self._random = random.Random(seed)

    def load(self, moment: datetime) -> float:
        """Return events a second: a day's swell, and ripples on it."""
        hour = moment.hour + moment.minute / 60
        day = 0.62 + 0.38 * math.sin((hour - 9) / 24 * 2 * math.pi)
        if moment.weekday() >= 5:
            day *= 0.75
        minute = moment.timestamp() / 60
        ripple = 1 + 0.05 * math.sin(minute / 3.1) + 0.03 * math.sin(minute / 0.9)
        return self._rate * day * ripple * self._random.uniform(0.985, 1.015)

    def windows(self, kind: str, period: timedelta) -> Iterator[Document]:
        """Yield the windows of a type in the period before the end, oldest first."""
        length = timedelta(seconds=LENGTHS_S[kind])
        end = datetime.fromtimestamp(self.end.timestamp() // LENGTHS_S[kind] * LENGTHS_S[kind], UTC)
        start = end - period
        make = getattr(self, f"_{kind}")
        while start + length <= end:
            events = self.load(start) * length.total_seconds()
            yield {
                "_id": f"{kind}/{start:%Y-%m-%dT%H:%M:%SZ}",
                "type": kind,
                "timestamp": start,
                "window_end": start + length,
                **make(start, round(events)),
            }
            start += length

    def split(self, total: int, shares: dict[str, float]) -> dict[str, int]:
        """Divide a number by shares, a little off them; every name that gets something."""
        weights = {name: share * self._random.uniform(0.9, 1.1) for name, share in shares.items()}
        whole = sum(weights.values())
        parts = {name: int(total * weight / whole) for name, weight in weights.items()}
        first = next(iter(parts))
        parts[first] += total - sum(parts.values())
        return {name: part for name, part in parts.items() if part}

    def _top(self, name: str, total: int, count: int = 10) -> list[tuple[str, int]]:
        found = {
            f"{name}{int(self._random.paretovariate(0.9)) * 7 % 500:04d}": 0 for _ in range(count)
        }
        sizes = sorted((int(total * 0.06 / (n + 1)) + 3 for n in range(len(found))), reverse=True)
        return list(zip(found, sizes, strict=True))

    def _interactions(self, start: datetime, total: int) -> dict[str, Any]:
        users = max(1, round(total * self._random.uniform(0.325, 0.335)))
        items = min(500, max(1, total // 30))
        by_type = self.split(total, TYPES)
        top_items = [{"item_id": n, "count": c} for n, c in self._top("item-", total)]
        top_users = [{"user_id": n, "count": c} for n, c in self._top("user-", total // 20)]
        return {
            "total": total,
            "users": users,
            "items": items,
            "avg_per_user": total / users,
            "avg_per_item": total / items,
            "max_item": top_items[0],
            "min_item": {"item_id": "item-0491", "count": 1},
            "by_type": by_type,
            "by_type_share": {name: count / total for name, count in by_type.items()},
            "top_items": top_items,
            "top_users": top_users,
            "day_type": day_type(start, ZoneInfo("UTC")),
            "hour_of_day": hour_of_day(start, ZoneInfo("UTC")),
            "rejected": round(total * 0.014 * self._random.uniform(0.6, 1.4)),
            "late": round(total * 0.005 * self._random.uniform(0.3, 1.7)),
        }

    def _logins(self, start: datetime, events: int) -> dict[str, Any]:
        total = max(1, events // 40)
        devices = self.split(total, DEVICES)
        versions = [
            {"device_type": device, "app_version": version, "count": count}
            for device, of in devices.items()
            for version, count in self.split(of, {"2.3.0": 0.6, "2.2.1": 0.3, "1.9": 0.1}).items()
        ]
        return {
            "total": total,
            "by_device_type": devices,
            "by_locale": self.split(total, LOCALES),
            "unique_devices": round(total * 0.86),
            "unique_ips": round(total * 0.78),
            "app_versions": sorted(versions, key=lambda v: -int(str(v["count"]))),
            "frequent_ips": [
                {"ip": f"203.0.113.{n + 4}", "count": max(1, total // (30 * (n + 1)))}
                for n in range(8)
            ],
        }

    def _processed_logins(self, start: datetime, events: int) -> dict[str, Any]:
        total = max(1, events // 90)
        return {
            "total": total,
            "by_app_version": self.split(total, {"2.3.0": 0.6, "2.2.1": 0.3, "1.9": 0.1}),
            "by_category": self.split(total, {"Mobile": 0.93, "Tablet": 0.07}),
            "anomalies": round(total * 0.08 * self._random.uniform(0.5, 1.5)),
        }

    def _activity(self, start: datetime, events: int) -> dict[str, Any]:
        total = events // 3
        return {
            "total": total,
            "users": round(total * 0.4),
            "sessions": round(total * 0.42),
            "by_activity_type": self.split(total, TYPES),
            "purchase_amount": round(total * 0.02 * 37.5, 2),
        }

    def _sold(self, total: int, shares: dict[str, float]) -> dict[str, Any]:
        return {
            name: {
                "transactions": count,
                "quantity": count * 2,
                "revenue": round(count * 41.37 * self._random.uniform(0.9, 1.1), 2),
            }
            for name, count in self.split(total, shares).items()
        }

    def _sales(self, start: datetime, events: int) -> dict[str, Any]:
        total = max(1, events // 120)
        by_category = self._sold(total, CATEGORIES)
        return {
            "transactions": total,
            "quantity": total * 2,
            "revenue": round(sum(each["revenue"] for each in by_category.values()), 2),
            "by_category": by_category,
            "by_payment_method": self._sold(total, PAYMENTS),
            "by_store": self._sold(total, SHOPS),
            "by_product": self._sold(total // 2 + 1, {f"item-{n:04d}": 1 / n for n in range(1, 9)}),
        }

    def _inventory(self, start: datetime, events: int) -> dict[str, Any]:
        products = max(1, events // 100)
        low, out = round(products * 0.11), round(products * 0.03)
        both = {"products": products // 2, "low_stock": low // 2, "out_of_stock": out // 2}
        return {
            "products": products,
            "low_stock": low,
            "out_of_stock": out,
            "by_category": {name: both for name in list(CATEGORIES)[:2]},
            "by_warehouse": {"north": both, "south": both},
        }

    def _funnel(self, start: datetime, events: int) -> dict[str, Any]:
        users = {"view": events // 6, "click": events // 19, "purchase": events // 110}
        return {
            "steps": [
                {"name": name, "users": count, "events": round(count * 2.2)}
                for name, count in users.items()
            ],
            "conversion": {
                "view→click": users["click"] / max(1, users["view"]),
                "click→purchase": users["purchase"] / max(1, users["click"]),
            },
        }

    def _sessions(self, start: datetime, events: int) -> dict[str, Any]:
        return {
            "sessions": events // 60,
            "mean_length_s": self._random.uniform(280, 340),
            "events_per_session": self._random.uniform(6.5, 8.5),
        }

    def status(
        self, pipeline: str, topic: str, read: int, partitions: int = 3
    ) -> Iterator[Document]:
        """Yield what the books of a pipeline say, each partition a little ahead of the last."""
        for partition in range(partitions):
            part = read // partitions + partition
            rejected = self.split(
                round(part * 0.014),
                {"invalid_json": 0.6, "invalid_schema": 0.3, "future_timestamp": 0.1},
            )
            yield {
                "_id": f"{pipeline}/{topic}/{partition}",
                "pipeline": pipeline,
                "topic": topic,
                "partition": partition,
                "read": part,
                "rejected": sum(rejected.values()),
                "rejected_by_reason": rejected,
                "late": round(part * 0.005),
                "next_offset": part,
                "high_offset": part + 40 * partition,
                "lag": 40 * partition,
                "max_event_time": self.end + timedelta(seconds=4),
                "watermark": self.end - timedelta(seconds=1 - partition * 0.3),
                "state": "active",
                "updated_at": datetime.now(UTC),
            }

    def stock(self, products: int) -> Iterator[Document]:
        """Yield inventory levels: most of them in order."""
        for number in range(products):
            level = self._random.choice((20, 50, 80))
            kind = self._random.random()
            left = 0 if kind < 0.03 else self._random.randint(1, level)
            if kind > 0.14:
                left = self._random.randint(level + 1, level * 12)
            status = "out" if left <= 0 else "low" if left <= level else "ok"
            warehouse = self._random.choice(("north", "south", "east"))
            yield {
                "_id": f"item-{number:04d}/{warehouse}",
                "product_id": f"item-{number:04d}",
                "warehouse_id": warehouse,
                "category": self._random.choice(list(CATEGORIES)),
                "current_stock": left,
                "reorder_level": level,
                "status": status,
                "last_updated": self.end - timedelta(seconds=self._random.uniform(0, 900)),
            }

    def alerts(self) -> Iterator[Document]:
        """Yield four alerts, two of them over."""
        for rule, subject, severity, value, threshold, began_s, ended_s in (
            ("reject_share", "user_interactions", "warning", 0.031, 0.02, 60, None),
            ("out_of_stock", "item-0042/north", "critical", 0, 20, 1260, None),
            ("login_anomalies", "processed_logins", "warning", 0.14, 0.1, 2900, 2540),
            ("traffic_drop", "user_interactions", "critical", 310.0, 500.0, 3500, 3380),
        ):
            for state, ago_s in (("begin", began_s), ("end", ended_s)):
                if ago_s is None:
                    continue
                at = self.end - timedelta(seconds=ago_s)
                yield {
                    "_id": f"{rule}/{subject}/{at:%Y-%m-%dT%H:%M:%SZ}",
                    "rule": rule,
                    "subject": subject,
                    "severity": severity,
                    "value": value,
                    "threshold": threshold,
                    "timestamp": at,
                    "state": state,
                    "message": f"{rule.replace('_', ' ')} of {subject}: {value:g},"
                    f" threshold {threshold:g}",
                }

    def users(self, count: int, windows: int) -> Iterator[AccumulateWindow]:
        """Yield windows of `count` users each for `user_stats`, the heavy ones in all of them."""
        for number in range(windows):
            start = self.end - timedelta(seconds=10 * (windows - number))
            rows = [
                (f"user-{user:04d}", name, max(1, round(share * 400 / (user % 97 + 1))))
                for user in range(count)
                for name, share in TYPES.items()
                if share > 0.04 or user % 3 == 0
            ]
            frame = pl.DataFrame(rows, schema=COUNTS_SCHEMA, orient="row")
            yield AccumulateWindow("user_stats", start, frame)
            items = frame.with_columns(pl.col("key").str.replace("user", "item"))
            yield AccumulateWindow("item_stats", start, items)


TOPICS = {
    "interactions": "user_interactions",
    "logins": "user-login",
    "processed_logins": "user-login",
    "activity": "user_activity",
    "sales": "sales",
    "inventory": "inventory",
    "funnel": "user_activity",
    "sessions": "user_activity",
}


def fill(
    store: Store,
    sample: Sample,
    *,
    hours: float = 1.0,
    days: float = 0.0,
    users: int = 600,
    products: int = 420,
) -> None:
    """Write everything: every type for some hours, interactions for some days."""
    for kind in LENGTHS_S:
        period = timedelta(days=days) if kind == "interactions" and days else timedelta(hours=hours)
        windows = list(sample.windows(kind, period))
        _write(store, "aggregated_data", windows)
        newest = [
            {
                "_id": f"{kind}.{name}",
                "pipeline": kind,
                "value": value,
                "timestamp": windows[-1]["timestamp"],
            }
            for name, value in windows[-1].items()
            if isinstance(value, int | float)
        ]
        store.write([NewestDocuments("real_time_metrics", newest, "timestamp")])
    _write(store, "inventory_levels", list(sample.stock(products)))
    _write(store, "alerts", list(sample.alerts()))
    commands: list[Command] = list(sample.users(users, 12))
    store.write(commands)
    tick(store, sample, 14_200_000)


def tick(store: Store, sample: Sample, read: int) -> None:
    """Write the books anew: so much has been read of interactions, less of the others."""
    parts = []
    for kind, topic in TOPICS.items():
        of_kind = read if kind == "interactions" else read // 9
        parts += list(sample.status(kind, topic, of_kind))
    _write(store, "pipeline_status", parts)


def _write(store: Store, collection: str, documents: list[Document]) -> None:
    for first in range(0, len(documents), 5000):
        store.write([ReplaceDocuments(collection, documents[first : first + 5000])])


def newest_end(now: datetime) -> datetime:
    """Return when the newest window of ten seconds that can be final has ended."""
    return datetime.fromtimestamp((now.timestamp() - 8) // 10 * 10, UTC)

"""Points of every measurement, as the pipelines write them: window by window, by the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sinks.commands import Point, WritePoints
from sinks.influxdb import InfluxDBStore
from tests.support.servers import InfluxDBEndpoint

WINDOW_S = {"interactions": 10, "commerce": 10, "logins": 30, "processed_logins": 60}
STARTED_S = 1_700_000_000
TYPES = {"view": 70, "click": 20, "purchase": 10}
DEVICES = {"android": 6, "ios": 3, "web": 1}
LOCALES = {"DE": 5, "US": 4, "RU": 1}
VERSIONS = {"2.3.0": 4, "2.4.0": 2}
CATEGORIES = {"books": 3, "garden tools": 2, "unknown": 1}
PRICE = 12.5


def store(influx: InfluxDBEndpoint, database: str, points: list[Point]) -> None:
    """Write points through the store that the pipelines write with."""
    sink = InfluxDBStore(influx.url, "-", database, influx.token)
    sink.open()
    sink.write([WritePoints(points)])
    sink.close()


def windows(start: datetime, end: datetime, length_s: int) -> Iterator[datetime]:
    """Yield the starts of all windows in a time range."""
    first = -(-round(start.timestamp()) // length_s) * length_s
    for seconds in range(first, round(end.timestamp()), length_s):
        yield datetime.fromtimestamp(seconds, UTC)


def everything(start: datetime, end: datetime) -> list[Point]:
    """Return points of all measurements in all windows of a time range."""
    points: list[Point] = []
    for window in windows(start, end, WINDOW_S["interactions"]):
        points += _interactions(window)
        points += _commerce(window)
        points += [books(name, window) for name in ("interactions", "sales", "activity")]
    for window in windows(start, end, WINDOW_S["logins"]):
        points += _logins(window)
    for window in windows(start, end, WINDOW_S["processed_logins"]):
        points += _processed(window)
    return points


def books(
    pipeline: str,
    window: datetime,
    *,
    events: int = 100,
    rejected: int = 1,
    late: int = 1,
    lag_s: float = 8.5,
    started_s: int = STARTED_S,
) -> Point:
    """Return the point that a pipeline writes of itself."""
    fields: dict[str, int | float] = {
        "events": events,
        "rejected": rejected,
        "late": late,
        "duplicates": 0,
        "watermark_lag_s": lag_s,
        "started_s": started_s,
    }
    return Point("pipeline", window, {"pipeline": pipeline}, fields)


def interactions(window: datetime, by_type: dict[str, int]) -> list[Point]:
    """Return the counts by type, and the summary."""
    when = {
        "day_type": "weekend" if window.weekday() >= 5 else "weekday",
        "hour_of_day": str(window.hour),
    }
    total = sum(by_type.values())
    summary: dict[str, int | float] = {
        "total": total,
        "users": 20,
        "items": 10,
        "avg_per_user": total / 20,
        "avg_per_item": total / 10,
        "item_max": 40,
        "item_min": 1,
    }
    return [
        *(
            Point("interactions", window, {"interaction_type": name, **when}, {"count": count})
            for name, count in by_type.items()
        ),
        Point("interactions_summary", window, {}, summary),
    ]


def item(window: datetime, item_id: str, count: int) -> Point:
    """Return the count of one of the top items."""
    return Point("item_interactions", window, {"item_id": item_id}, {"count": count})


def logins_summary(window: datetime, *, max_per_ip: int = 3) -> Point:
    """Return the summary of logins."""
    total = sum(DEVICES.values())
    fields: dict[str, int | float] = {
        "total": total,
        "unique_devices": 8,
        "unique_ips": 5,
        "max_per_ip": max_per_ip,
    }
    return Point("logins_summary", window, {}, fields)


def processed_summary(window: datetime, *, anomalies: int) -> Point:
    """Return the summary of android logins."""
    total = sum(VERSIONS.values())
    fields: dict[str, int | float] = {"total": total, "anomalies": anomalies}
    return Point("processed_logins_summary", window, {}, fields)


def stock(window: datetime, category: str, *, low: int = 0, out: int = 0) -> Point:
    """Return the stock of a category."""
    fields: dict[str, int | float] = {"products": 50, "low_stock": low, "out_of_stock": out}
    return Point("inventory_summary", window, {"category": category}, fields)


def _interactions(window: datetime) -> list[Point]:
    tops = [item(window, f"i{rank}", 40 - rank) for rank in range(10)]
    return interactions(window, TYPES) + tops


def _logins(window: datetime) -> list[Point]:
    versions = {
        ("android", "2.3.0"): 4,
        ("android", "2.4.0"): 2,
        ("ios", "2.4.0"): 3,
        ("web", "unknown"): 1,
    }
    return [
        *(Point("logins", window, {"device_type": d}, {"count": n}) for d, n in DEVICES.items()),
        *(
            Point("logins_by_locale", window, {"locale": place}, {"count": n})
            for place, n in LOCALES.items()
        ),
        *(
            Point(
                "logins_by_app_version", window, {"device_type": d, "app_version": v}, {"count": n}
            )
            for (d, v), n in versions.items()
        ),
        logins_summary(window),
    ]


def _processed(window: datetime) -> list[Point]:
    return [
        *(
            Point("processed_logins", window, {"app_version": version}, {"count": n})
            for version, n in VERSIONS.items()
        ),
        processed_summary(window, anomalies=1),
    ]


def _sold(measurement: str, tag: str, name: str, window: datetime, sales: int) -> Point:
    fields: dict[str, int | float] = {
        "transactions": sales,
        "quantity": 2 * sales,
        "revenue": PRICE * sales,
    }
    return Point(measurement, window, {tag: name}, fields)


def _commerce(window: datetime) -> list[Point]:
    ways = {"card": 4, "cash": 2}
    stores = {"store_01": 5, "store_02": 1}
    activity = {"login": 5, "checkout.start": 2}
    sessions: dict[str, int | float] = {
        "sessions": 3,
        "events": 12,
        "mean_length_s": 61.5,
        "max_length_s": 90.0,
        "events_per_session": 4.0,
    }
    return [
        *(_sold("sales_by_category", "category", c, window, n) for c, n in CATEGORIES.items()),
        *(
            _sold("sales_by_payment_method", "payment_method", w, window, n)
            for w, n in ways.items()
        ),
        *(_sold("sales_by_store", "store_id", s, window, n) for s, n in stores.items()),
        *(
            Point("activity", window, {"activity_type": kind}, {"count": n})
            for kind, n in activity.items()
        ),
        *(
            Point("funnel", window, {"step": step}, {"users": n, "events": n, "conversion": 0.5})
            for step, n in (("view", 8), ("checkout.start", 4), ("purchase", 2))
        ),
        Point("sessions_summary", window, {}, sessions),
        stock(window, "books", low=2, out=1),
        stock(window, "garden tools"),
    ]


def before(moment: datetime, **span: float) -> datetime:
    """Return a whole second so long before a moment."""
    return (moment - timedelta(**span)).replace(microsecond=0)

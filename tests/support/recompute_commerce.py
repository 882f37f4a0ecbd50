"""What should come out of activity, sales and inventory: recomputed from truth files in one batch,
with no code of the engine. Money is added up as decimals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

Documents = dict[str, dict[str, Any]]
PointKey = tuple[str, int, tuple[tuple[str, str], ...]]
Points = dict[PointKey, dict[str, int | float]]

UNKNOWN = "unknown"
PLACE = ("product_id", "warehouse_id")
TAGS = {
    "activity": ("activity_type",),
    "activity_summary": (),
    "sales_by_category": ("category",),
    "sales_by_payment_method": ("payment_method",),
    "sales_by_store": ("store_id",),
    "sales_summary": (),
    "inventory_summary": ("category",),
}


def activity_documents(accepted: pl.DataFrame, *, window_s: int) -> Documents:
    """Return the `aggregated_data` documents of type `activity` by id."""
    documents = {}
    for start_us, events in _windows(accepted):
        bought = events.filter(pl.col("activity_type") == "purchase")["amount_cents"]
        documents.update(
            _document(
                "activity",
                start_us,
                window_s,
                total=len(events),
                users=events["user_id"].n_unique(),
                sessions=events["session_id"].drop_nulls().n_unique(),
                by_activity_type=dict(events["activity_type"].value_counts().iter_rows()),
                purchase_amount=_money(bought.drop_nulls()),
            )
        )
    return documents


def sales_documents(accepted: pl.DataFrame, *, window_s: int, top_k: int = 10) -> Documents:
    """Return the `aggregated_data` documents of type `sales` by id."""
    documents = {}
    for start_us, events in _windows(accepted):
        by_product = _sold_by(events, "product_id")
        ranked = sorted(by_product.items(), key=lambda entry: (-entry[1]["revenue"], entry[0]))
        documents.update(
            _document(
                "sales",
                start_us,
                window_s,
                **_sold(events),
                by_category=_sold_by(events, "category"),
                by_payment_method=_sold_by(events, "payment_method"),
                by_store=_sold_by(events, "store_id"),
                by_product=dict(ranked[:top_k]),
            )
        )
    return documents


def inventory_documents(accepted: pl.DataFrame, *, window_s: int) -> Documents:
    """Return the `aggregated_data` documents of type `inventory` by id."""
    documents = {}
    for start_us, events in _windows(accepted):
        newest = _newest(events)
        documents.update(
            _document(
                "inventory",
                start_us,
                window_s,
                updates=len(events),
                **_levels(newest),
                by_category={name: _levels(part) for name, part in _parts(newest, "category")},
                by_warehouse={name: _levels(part) for name, part in _parts(newest, PLACE[1])},
            )
        )
    return documents


def inventory_levels(accepted: pl.DataFrame) -> Documents:
    """Return the documents of `inventory_levels` by id."""
    documents = {}
    for row in _newest(accepted).iter_rows(named=True):
        stock, reorder = row["current_stock"], row["reorder_level"]
        identity = f"{row['product_id']}/{row['warehouse_id']}"
        documents[identity] = {
            "_id": identity,
            "product_id": row["product_id"],
            "warehouse_id": row["warehouse_id"],
            "current_stock": stock,
            "reorder_level": reorder,
            "category": row["category"],
            "status": "out" if stock <= 0 else "low" if stock <= reorder else "ok",
            "last_updated": _moment(row["event_time_us"]),
        }
    return documents


def inventory_alerts(accepted: pl.DataFrame, *, window_s: int) -> Documents:
    """Return the documents of `alerts` by id: by what each window ends with, in their order."""
    documents = {}
    holding: set[tuple[str, str]] = set()
    for start_us, events in _windows(accepted):
        start = _moment(start_us)
        for row in _newest(events).iter_rows(named=True):
            stock, reorder = row["current_stock"], row["reorder_level"]
            subject = f"{row['product_id']}/{row['warehouse_id']}"
            for rule, severity, holds, threshold in (
                ("low_stock", "warning", stock <= reorder, reorder),
                ("out_of_stock", "critical", stock <= 0, 0),
            ):
                key = (rule, subject)
                if holds == (key in holding):
                    continue
                holding ^= {key}
                identity = f"{rule}/{subject}/{start:%Y-%m-%dT%H:%M:%SZ}"
                documents[identity] = {
                    "_id": identity,
                    "rule": rule,
                    "severity": severity,
                    "subject": subject,
                    "state": "begin" if holds else "end",
                    "value": stock,
                    "threshold": threshold,
                    "timestamp": start,
                    "window_start": start,
                    "window_end": _moment(start_us + window_s * 1_000_000),
                    "pipeline": "inventory",
                }
    return documents


def commerce_points(documents: Documents) -> Points:
    """Return the points of all measurements by measurement, seconds and tags."""
    points: Points = {}
    for document in documents.values():
        at = int(document["timestamp"].timestamp())

        def add(
            measurement: str, fields: dict[str, int | float], name: str = "", at: int = at
        ) -> None:
            points[measurement, at, tuple((tag, name) for tag in TAGS[measurement])] = fields

        def chosen(*names: str, document: dict[str, Any] = document) -> dict[str, int | float]:
            return {name: document[name] for name in names}

        match document["type"]:
            case "activity":
                for name, count in document["by_activity_type"].items():
                    add("activity", {"count": count}, name)
                add("activity_summary", chosen("total", "users", "sessions", "purchase_amount"))
            case "sales":
                for kind in ("category", "payment_method", "store"):
                    for name, sold in document[f"by_{kind}"].items():
                        add(f"sales_by_{kind}", sold, name)
                add("sales_summary", chosen("transactions", "quantity", "revenue"))
            case "inventory":
                for name, levels in document["by_category"].items():
                    add("inventory_summary", levels, name)
    return points


def _windows(accepted: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    for (start_us,), events in accepted.sort("start_us").group_by("start_us", maintain_order=True):
        yield start_us, events


def _parts(events: pl.DataFrame, key: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), part in events.with_columns(pl.col(key).fill_null(UNKNOWN)).group_by(key):
        yield name, part


def _document(kind: str, start_us: int, window_s: int, **fields: Any) -> Documents:
    start = _moment(start_us)
    identity = f"{kind}/{start:%Y-%m-%dT%H:%M:%SZ}"
    end = _moment(start_us + window_s * 1_000_000)
    return {
        identity: {
            "_id": identity,
            "type": kind,
            "timestamp": start,
            "window_end": end,
            **fields,
        }
    }


def _sold(events: pl.DataFrame) -> dict[str, int | float]:
    return {
        "transactions": len(events),
        "quantity": sum(events["quantity"]),
        "revenue": _money(events["total_amount_cents"]),
    }


def _sold_by(events: pl.DataFrame, key: str) -> dict[str, dict[str, int | float]]:
    return {name: _sold(part) for name, part in _parts(events, key)}


def _levels(newest: pl.DataFrame) -> dict[str, int]:
    pairs = list(newest.select("current_stock", "reorder_level").iter_rows())
    return {
        "products": len(pairs),
        "low_stock": sum(0 < stock <= reorder for stock, reorder in pairs),
        "out_of_stock": sum(stock <= 0 for stock, _ in pairs),
    }


def _newest(events: pl.DataFrame) -> pl.DataFrame:
    """Return the newest update of each place; of equally new ones the later in its partition."""
    known = events.with_columns(pl.col("warehouse_id", "category").fill_null(UNKNOWN))
    ordered = known.sort("event_time_us", "sequence")
    return ordered.group_by(PLACE, maintain_order=True).last()


def _money(cents: pl.Series) -> float:
    return float(sum((Decimal(each) for each in cents), Decimal(0)) / 100)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)

"""Commerce: activity, funnel, sessions, sales, stock."""

from __future__ import annotations

from typing import Any

from dashboard.sections.series import Grid
from dashboard.state import STATUSES, STOCK_COUNTED, State
from dashboard.windows import KEPT


def activity(state: State) -> dict[str, Any]:
    """Return the newest window of activity and the columns of those before it."""
    grid = Grid(state.windows["activity"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "total": grid.counts("total"),
        "users": grid.counts("users"),
        "sessions": grid.counts("sessions"),
        "purchase_amount": grid.counts("purchase_amount"),
        "by_activity_type": grid.by_name("by_activity_type"),
    }


def funnel(state: State) -> dict[str, Any]:
    """Return the newest funnel, and the sum of the events of each step over those before it."""
    windows = state.windows["funnel"]
    newest = windows[-1] if windows else None
    sums: dict[str, dict[str, float]] = {}
    for window in windows:
        for step in window.get("steps") or []:
            sum_ = sums.setdefault(str(step.get("name")), {"users": 0, "events": 0})
            for name in sum_:
                sum_[name] += step.get(name) or 0
    return {
        "newest": newest,
        "windows": len(windows),
        "since": windows[0]["timestamp"] if windows else None,
        "sums": [{"name": name, **sum_} for name, sum_ in sums.items()],
    }


def sessions(state: State) -> dict[str, Any]:
    """Return the newest window of sessions and the columns of those before it."""
    grid = Grid(state.windows["sessions"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "sessions": grid.counts("sessions"),
        "mean_length_s": grid.ratios("mean_length_s"),
        "events_per_session": grid.ratios("events_per_session"),
    }


def sales(state: State) -> dict[str, Any]:
    """Return the newest window of sales, its columns, and sums over all of them by name."""
    windows = state.windows["sales"]
    grid = Grid(windows, KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "windows": len(windows),
        "since": windows[0]["timestamp"] if windows else None,
        "transactions": grid.counts("transactions"),
        "quantity": grid.counts("quantity"),
        "revenue": grid.counts("revenue"),
        "by_category": _summed(windows, "by_category"),
        "by_payment_method": _summed(windows, "by_payment_method"),
        "by_store": _summed(windows, "by_store"),
    }


def inventory(state: State) -> dict[str, Any]:
    """Return the newest window of stock updates and the columns of those before it."""
    grid = Grid(state.windows["inventory"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "products": grid.counts("products"),
        "low_stock": grid.counts("low_stock"),
        "out_of_stock": grid.counts("out_of_stock"),
    }


def stock(state: State) -> dict[str, Any]:
    """Return the stock table: every status, lowest stock first, with counts up to a limit."""
    return {
        "counts": state.stock_counts,
        "counted_to": STOCK_COUNTED,
        "rows": {status: state.stock.get(status, []) for status in STATUSES},
    }


def _summed(windows: list[dict[str, Any]], field: str) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = {}
    for window in windows:
        for name, numbers in (window.get(field) or {}).items():
            sum_ = sums.setdefault(name, {"transactions": 0, "quantity": 0, "revenue": 0.0})
            for each in sum_:
                sum_[each] += numbers.get(each) or 0
    for sum_ in sums.values():
        # Each window's money is exact in cents; their sum as binary floats is not.
        sum_["revenue"] = round(sum_["revenue"], 2)
    return sums

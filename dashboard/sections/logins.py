"""Logins: from what, from where, and what is odd about them."""

from __future__ import annotations

from typing import Any

from dashboard.sections.series import Grid
from dashboard.state import State
from dashboard.windows import KEPT


def logins(state: State) -> dict[str, Any]:
    """Return the newest window of logins and the columns of those before it."""
    grid = Grid(state.windows["logins"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "total": grid.counts("total"),
        "unique_devices": grid.counts("unique_devices"),
        "unique_ips": grid.counts("unique_ips"),
        "by_device_type": grid.by_name("by_device_type"),
        "by_locale": grid.by_name("by_locale"),
    }


def processed_logins(state: State) -> dict[str, Any]:
    """Return the newest window of processed logins and the columns of those before it."""
    grid = Grid(state.windows["processed_logins"], KEPT)
    return {
        "newest": grid.newest,
        "axis": grid.axis(),
        "total": grid.counts("total"),
        "anomalies": grid.counts("anomalies"),
        "by_category": grid.by_name("by_category"),
    }

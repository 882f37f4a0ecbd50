"""Alerts, open and past."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dashboard.state import State

_MOST_PAST = 200


def alerts(state: State) -> dict[str, Any]:
    """Return what is open, and the newest of what has ended."""
    return {
        "open": [asdict(alert) for alert in state.open_alerts],
        "past": [asdict(alert) for alert in state.past_alerts[:_MOST_PAST]],
    }

"""What every view shows: is it live, is the store there, is anything alarming."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dashboard.state import ALERTS_READ, State
from tidemark import __version__

_MOST_IN_BANNER = 5


def page(state: State) -> dict[str, Any]:
    """Return the frame of the page."""
    return {
        "version": __version__,
        "refresh_s": state.refresh_s,
        "time_zone": state.time_zone,
        "store": {
            "name": state.store,
            "reachable": state.reachable,
            "seen": state.seen,
            "trouble": state.trouble,
            "since": state.trouble_since_ms,
        },
        "pipelines": [_pipeline(state, info.name) for info in state.pipelines],
        "alerts": {
            "open": len(state.open_alerts),
            "counted_to": ALERTS_READ,
            "newest": [asdict(alert) for alert in state.open_alerts[:_MOST_IN_BANNER]],
        },
    }


def _pipeline(state: State, name: str) -> dict[str, Any]:
    info = next(each for each in state.pipelines if each.name == name)
    newest = state.windows.newest(name)
    return {
        "name": name,
        "enabled": info.enabled,
        "topic": info.topic,
        "window_s": info.window_s,
        "stale_after_s": info.stale_after_s,
        "started": any(each.get("pipeline") == name for each in state.status),
        "newest_start": newest and newest["timestamp"],
        "newest_end": newest and newest["window_end"],
    }

"""Health: pipelines by partition, stores, metrics, dead letters."""

from __future__ import annotations

from typing import Any

from dashboard.state import State


def health(state: State) -> dict[str, Any]:
    """Return how the pipelines and the stores are."""
    rejected: dict[str, dict[str, int]] = {}
    for each in state.status:
        reasons = rejected.setdefault(each["topic"], {})
        for reason, count in each.get("rejected_by_reason", {}).items():
            # A topic that several pipelines read has its rejects in the books of each.
            key = f"{each['partition']}/{reason}"
            reasons[key] = max(reasons.get(key, 0), count)
    return {
        "partitions": state.status,
        "rates": {topic: rate for topic, rate in state.rates.items() if topic},
        "stores": state.stores,
        "metrics": state.metrics,
        "rejected_by_topic": {topic: _by_reason(found) for topic, found in rejected.items()},
    }


def letters(state: State) -> dict[str, Any]:
    """Return what lies in the topics of dead letters."""
    return state.letters


def _by_reason(found: dict[str, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, count in found.items():
        reason = key.partition("/")[2]
        sums[reason] = sums.get(reason, 0) + count
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

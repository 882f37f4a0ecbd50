"""Now: the rate, the books, and the newest final window."""

from __future__ import annotations

from typing import Any

from dashboard.rate import books
from dashboard.state import State


def now(state: State) -> dict[str, Any]:
    """Return the numbers of this moment."""
    of_interactions = [s for s in state.status if s.get("pipeline") == "interactions"]
    topic = of_interactions[0]["topic"] if of_interactions else None
    rejected: dict[str, int] = {}
    for each in of_interactions:
        for reason, count in each.get("rejected_by_reason", {}).items():
            rejected[reason] = rejected.get(reason, 0) + count
    return {
        "rate": state.rates.get(topic) if topic else None,
        "rate_all": state.rates.get(""),
        "books": books(of_interactions),
        "books_all": books(state.status),
        "rejected_by_reason": rejected,
        "watermark": min(
            (s["watermark"] for s in of_interactions if s.get("watermark") is not None),
            default=None,
        ),
    }

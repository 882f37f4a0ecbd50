"""What is on the page: sections made of the state, and the sections of each view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dashboard.sections.alerts import alerts
from dashboard.sections.commerce import activity, funnel, inventory, sales, sessions, stock
from dashboard.sections.health import health, letters
from dashboard.sections.interactions import hours, interactions, leaders
from dashboard.sections.logins import logins, processed_logins
from dashboard.sections.now import now
from dashboard.sections.page import page
from dashboard.state import State

SECTIONS: Final[dict[str, Callable[[State], Any]]] = {
    "page": page,
    "now": now,
    "interactions": interactions,
    "leaders": leaders,
    "hours": hours,
    "activity": activity,
    "funnel": funnel,
    "sessions": sessions,
    "logins": logins,
    "processed_logins": processed_logins,
    "sales": sales,
    "inventory": inventory,
    "stock": stock,
    "alerts": alerts,
    "health": health,
    "letters": letters,
}

VIEWS: Final[dict[str, tuple[str, ...]]] = {
    "now": ("page", "now", "interactions"),
    "interactions": ("page", "interactions", "leaders", "hours", "activity", "funnel", "sessions"),
    "logins": ("page", "logins", "processed_logins"),
    "commerce": ("page", "sales", "inventory", "stock", "activity"),
    "history": ("page",),
    "alerts": ("page", "alerts"),
    "health": ("page", "health", "letters"),
}

"""Fill the variables of a query in, as Grafana does before it sends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.grafana.tree import Json

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_AUTO_STEP = "1m"


@dataclass(frozen=True)
class Span:
    """A time range; both ends are in it."""

    start: datetime
    end: datetime

    @property
    def filter(self) -> str:
        """Return what `$timeFilter` stands for."""
        return f"time >= {_ms(self.start)}ms and time <= {_ms(self.end)}ms"


def filled(query: str, values: Mapping[str, str]) -> str:
    """Return the query with all variables filled in; fails if one has no value."""

    def value(match: re.Match[str]) -> str:
        return values[match[1] or match[2]]

    return _VARIABLE.sub(value, query)


def first_values(dashboard: Json, span: Span) -> dict[str, str]:
    """Return the values with which a dashboard opens."""
    values = {"timeFilter": span.filter}
    for variable in dashboard["templating"]["list"]:
        value = variable["current"]["value"]
        if value == ["$__all"]:
            value = variable["allValue"]
        elif value == "$__auto_interval_resolution":
            value = _AUTO_STEP
        values[variable["name"]] = value
    return values


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

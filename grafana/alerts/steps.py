"""Steps of an alert rule: a query, then expressions over what comes before.

Each is a row of the rule's `data`. Grafana fills in no variables here but `$timeFilter`, which all
queries of a rule share: a shorter or earlier span is written into the query itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from grafana.datasources import EXPRESSION_UID, INFLUXDB, SERIES_UID

Reducer: TypeAlias = Literal["last", "max", "sum", "mean"]
_MAX_DATA_POINTS = 43_200
_INTERVAL_MS = 1000


class Step(Protocol):
    """One row of a rule's `data`."""

    @property
    def ref_id(self) -> str:
        """Return the letter by which later steps refer to it."""

    def row(self, range_s: int) -> dict[str, Any]:
        """Return the row for a rule that looks `range_s` seconds back."""


@dataclass(frozen=True, slots=True)
class Query:
    """InfluxQL; one series for each combination of the tags it groups by."""

    ref_id: str
    influxql: str

    def row(self, range_s: int) -> dict[str, Any]:
        """Return the row of `data`."""
        model = {
            "datasource": {"type": INFLUXDB, "uid": SERIES_UID},
            "query": self.influxql,
            "rawQuery": True,
            "resultFormat": "time_series",
        }
        return _row(self.ref_id, range_s, SERIES_UID, model)


@dataclass(frozen=True, slots=True)
class Reduce:
    """One number of each series."""

    ref_id: str
    of: str
    how: Reducer

    def row(self, range_s: int) -> dict[str, Any]:
        """Return the row of `data`."""
        model = {"type": "reduce", "expression": self.of, "reducer": self.how}
        return _row(self.ref_id, range_s, EXPRESSION_UID, _expression(model))


@dataclass(frozen=True, slots=True)
class Math:
    """Arithmetic with `$A` and the like; numbers with the same labels meet."""

    ref_id: str
    formula: str

    def row(self, range_s: int) -> dict[str, Any]:
        """Return the row of `data`."""
        model = {"type": "math", "expression": self.formula}
        return _row(self.ref_id, range_s, EXPRESSION_UID, _expression(model))


@dataclass(frozen=True, slots=True)
class Threshold:
    """1 where a number is above (`gt`) or below (`lt`) a limit, otherwise 0."""

    ref_id: str
    of: str
    how: Literal["gt", "lt"]
    limit: float

    def row(self, range_s: int) -> dict[str, Any]:
        """Return the row of `data`."""
        model = {
            "type": "threshold",
            "expression": self.of,
            "conditions": [
                {
                    "type": "query",
                    "evaluator": {"type": self.how, "params": [self.limit]},
                    "operator": {"type": "and"},
                    "query": {"params": [self.ref_id]},
                    "reducer": {"type": "last", "params": []},
                }
            ],
        }
        return _row(self.ref_id, range_s, EXPRESSION_UID, _expression(model))


def _expression(model: dict[str, Any]) -> dict[str, Any]:
    return {"datasource": {"type": EXPRESSION_UID, "uid": EXPRESSION_UID}, **model}


def _row(ref_id: str, range_s: int, uid: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": range_s, "to": 0},
        "datasourceUid": uid,
        "model": {
            "refId": ref_id,
            **model,
            "intervalMs": _INTERVAL_MS,
            "maxDataPoints": _MAX_DATA_POINTS,
        },
    }

"""Ask InfluxDB what Grafana would ask, and hand over what it would make of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.grafana.evaluation import Labels, Number, Series, evaluate
from tests.grafana.filling import Span, filled, first_values
from tests.grafana.tree import Json, dashboard, panel
from tests.support.servers import InfluxDBEndpoint

Row = dict[str, Any]


@dataclass(frozen=True)
class Asker:
    """One database, asked over one time range."""

    influx: InfluxDBEndpoint
    database: str
    span: Span

    def rows(self, query: str, values: Mapping[str, str]) -> list[Row]:
        """Return the rows of a query, without values that are null in all columns."""
        found = self.influx.query(filled(query, values), self.database)
        return [
            row
            for row in found
            if any(value is not None for name, value in row.items() if name not in _NO_VALUES)
        ]

    def panel(self, name: str, panel_id: int, ref_id: str = "A", **chosen: str) -> list[Row]:
        """Return the rows of one query of a panel; `chosen` are variables set otherwise."""
        (target,) = [t for t in panel(name, panel_id)["targets"] if t["refId"] == ref_id]
        return self.rows(target["query"], self.values(name) | chosen)

    def expression(self, name: str, panel_id: int, ref_id: str, **chosen: str) -> list[Number]:
        """Return the numbers of an expression of a panel."""
        values = self.values(name) | chosen

        def ask(target: Json) -> list[Series]:
            return self.series(target["query"], values)

        found = evaluate(panel(name, panel_id)["targets"], ask)[ref_id]
        return [each for each in found if isinstance(each, Number)]

    def rule(self, rule: Json) -> dict[Labels, bool] | None:
        """Return for each series of a rule whether its condition holds; None without any data."""
        models = [row["model"] for row in rule["data"]]
        spans = {row["refId"]: row["relativeTimeRange"] for row in rule["data"]}

        def ask(model: Json) -> list[Series]:
            back = spans[model["refId"]]
            span = Span(
                self.span.end - timedelta(seconds=back["from"]),
                self.span.end - timedelta(seconds=back["to"]),
            )
            return self.series(model["query"], {"timeFilter": span.filter})

        results = evaluate(models, ask)[rule["condition"]]
        return {
            each.labels: each.value != 0 for each in results if isinstance(each, Number)
        } or None

    def series(self, query: str, values: Mapping[str, str]) -> list[Series]:
        """Return the answer as labelled series of its one value column."""
        found: dict[Labels, list[float | None]] = {}
        for row in self.influx.query(filled(query, values), self.database):
            columns = [name for name in row if name not in _NO_VALUES]
            tags = frozenset((name, row[name]) for name in columns if isinstance(row[name], str))
            (value,) = [row[name] for name in columns if not isinstance(row[name], str)]
            found.setdefault(tags, []).append(value)
        return [Series(labels, numbers) for labels, numbers in found.items()]

    def values(self, name: str) -> dict[str, str]:
        """Return the values with which a dashboard opens, over this time range."""
        return first_values(dashboard(name), self.span)


_NO_VALUES = ("time", "measurement")


def last_hours(hours: float) -> Span:
    """Return the time range that ends now."""
    now = datetime.now(UTC)
    return Span(now - timedelta(hours=hours), now)

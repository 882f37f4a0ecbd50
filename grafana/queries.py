"""Queries of panels: InfluxQL, PromQL, and expressions over other queries' results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.expr import TypeMath, TypeReduce
from grafana_foundation_sdk.models.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.datasources import EXPRESSION, METRICS, SERIES

Format: TypeAlias = Literal["time_series", "table"]


@dataclass(frozen=True, slots=True)
class InfluxQL(Dataquery):
    """Raw InfluxQL. A series is named by `alias`; `$tag_x` in it is the value of tag `x`."""

    query: str
    ref_id: str = "A"
    alias: str = ""
    result_format: Format = "time_series"
    hide: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the target of a panel."""
        target: dict[str, object] = {
            "datasource": SERIES,
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref_id,
            "resultFormat": self.result_format,
        }
        if self.alias:
            target["alias"] = self.alias
        if self.hide:
            target["hide"] = True
        return target


RANGE: Final = "$timeFilter"
STEP: Final = "time($resolution)"


def over_time(
    select: str, measurement: str, *, by: str = "", where: str = "", fill: str = "none"
) -> str:
    """Return a query with one value for each step of the dashboard's resolution."""
    return _query(select, measurement, [STEP, *_names(by)], where) + f" fill({fill})"


def over_range(select: str, measurement: str, *, by: str = "", where: str = "") -> str:
    """Return a query with one value for the whole time range."""
    return _query(select, measurement, _names(by), where)


def per_second(field: str, measurement: str, *, by: str, where: str = "") -> str:
    """Return a query of how fast a count grows.

    Sums of steps are added up and differentiated: InfluxQL does not tell how long a step is.
    """
    select = f'cumulative_sum(sum("{field}")) AS "total"'
    total = over_time(select, measurement, by=by, where=where, fill="0")
    return f'SELECT non_negative_derivative("total", 1s) FROM ({total}) GROUP BY {by}'


def largest(select: str, measurement: str, *, by: str, count: int, where: str = "") -> str:
    """Return a query of the `count` largest groups, as columns `top` and the tag; in no order."""
    groups = over_range(f'{select} AS "n"', measurement, by=by, where=where)
    return f'SELECT top("n", {count}), {by} FROM ({groups})'


def summed(expression: str, ref_id: str) -> Dataquery:
    """Return a hidden expression that makes one number of each series: its sum."""
    return TypeReduce(
        datasource=EXPRESSION, expression=expression, ref_id=ref_id, reducer="sum", hide=True
    )


def math(expression: str, ref_id: str) -> Dataquery:
    """Return an expression over the results of others, such as `$A / $B`."""
    return TypeMath(datasource=EXPRESSION, expression=expression, ref_id=ref_id)


def promql(expression: str, legend: str, *, ref_id: str = "A") -> Dataquery:
    """Return a range query of Prometheus."""
    return PrometheusQuery(
        datasource=METRICS,
        expr=expression,
        format_val=PromQueryFormat.TIME_SERIES,
        legend_format=legend,
        range_val=True,
        ref_id=ref_id,
    )


def _query(select: str, measurement: str, groups: list[str], where: str) -> str:
    condition = f"{RANGE} AND {where}" if where else RANGE
    grouping = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f'SELECT {select} FROM "{measurement}" WHERE {condition}{grouping}'


def _names(by: str) -> list[str]:
    return [by] if by else []

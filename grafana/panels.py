"""Panels: the few kinds that the dashboards are made of, looking alike everywhere.

Colours have names, not codes: Grafana has a shade of each for its light and its dark theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, TypeAlias

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import bargauge, common, piechart, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides as Override,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColor,
    FieldColorModeId,
    FieldConfig,
    FieldConfigSource,
    GridPos,
    MatcherConfig,
    Panel,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
)

Calc: TypeAlias = Literal["lastNotNull", "sum", "mean", "max"]

OK: Final = "green"
WARNING: Final = "orange"
CRITICAL: Final = "red"
NEUTRAL: Final = "blue"


@dataclass(frozen=True, slots=True)
class Steps:
    """Colours by value: `base` up to `warning`, from there orange, from `critical` red."""

    warning: float | None = None
    critical: float | None = None
    base: str = OK

    def config(self) -> ThresholdsConfig:
        """Return what a panel takes."""
        steps = [Threshold(None, self.base)]
        if self.warning is not None:
            steps.append(Threshold(self.warning, WARNING))
        if self.critical is not None:
            steps.append(Threshold(self.critical, CRITICAL))
        return ThresholdsConfig(ThresholdsMode.ABSOLUTE, steps)


PLAIN: Final = Steps(base=NEUTRAL)
"""For numbers of which none is good or bad."""


@dataclass(frozen=True, slots=True)
class About:
    """What every panel says of itself.

    `width` is of 24 columns, `height` in rows of the grid. `name` is how its values are called,
    where the query does not say it.
    """

    id: IntEnum
    title: str
    description: str
    unit: str
    width: int
    height: int = 8
    steps: Steps = PLAIN
    no_data: str = "No data in this time range"
    decimals: int | None = None
    name: str | None = None
    transformations: Sequence[DataTransformerConfig] = ()
    overrides: Sequence[Override] = ()


def number(
    about: About, *queries: Dataquery, calc: Calc = "lastNotNull", time_from: str | None = None
) -> Panel:
    """Return one big number for each series. `time_from` is a range of its own, such as `1h`."""
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        justify_mode=common.BigValueJustifyMode.AUTO,
        text_mode=common.BigValueTextMode.AUTO,
        orientation=common.VizOrientation.AUTO,
        reduce_options=_reduce(calc),
    )
    colour = FieldColor(FieldColorModeId.THRESHOLDS)
    panel = _panel("stat", about, queries, options, colour)
    panel.time_from = time_from
    return panel


def lines(
    about: About,
    *queries: Dataquery,
    stacked: bool = False,
    bars: bool = False,
    limit_line: bool = False,
    connect: bool = False,
) -> Panel:
    """Return series over time. `limit_line` draws the thresholds, `connect` bridges gaps."""
    custom = common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=60 if bars else 30 if stacked else 10,
        show_points=common.VisibilityMode.AUTO,
        span_nulls=connect,
        axis_soft_min=0,
        stacking=common.StackingConfig(
            common.StackingMode.NORMAL if stacked else common.StackingMode.NONE, "A"
        ),
        thresholds_style=common.GraphThresholdsStyleConfig(
            common.GraphThresholdsStyleMode.DASHED
            if limit_line
            else common.GraphThresholdsStyleMode.OFF
        ),
    )
    options = timeseries.Options(
        legend=common.VizLegendOptions(
            display_mode=common.LegendDisplayMode.TABLE,
            placement=common.LegendPlacement.BOTTOM,
            show_legend=True,
            calcs=["mean", "max", "lastNotNull"],
        ),
        tooltip=common.VizTooltipOptions(
            mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING
        ),
    )
    colour = FieldColor(FieldColorModeId.PALETTE_CLASSIC)
    return _panel("timeseries", about, queries, options, colour, custom)


def bars(about: About, *queries: Dataquery, calc: Calc = "sum", rows: bool = False) -> Panel:
    """Return one horizontal bar for each series, or for each row of a table (`rows`)."""
    options = bargauge.Options(
        display_mode=common.BarGaugeDisplayMode.BASIC,
        value_mode=common.BarGaugeValueMode.COLOR,
        orientation=common.VizOrientation.HORIZONTAL,
        show_unfilled=True,
        reduce_options=_reduce(calc, rows=rows),
        legend=common.VizLegendOptions(
            display_mode=common.LegendDisplayMode.LIST,
            placement=common.LegendPlacement.BOTTOM,
            show_legend=False,
            calcs=[],
        ),
    )
    colour = FieldColor(FieldColorModeId.THRESHOLDS)
    panel = _panel("bargauge", about, queries, options, colour)
    assert panel.field_config is not None
    panel.field_config.defaults.min_val = 0
    return panel


def shares(about: About, *queries: Dataquery) -> Panel:
    """Return a ring of the series' sums with percentages."""
    options = piechart.Options(
        pie_type=piechart.PieChartType.DONUT,
        display_labels=[piechart.PieChartLabels.PERCENT],
        reduce_options=_reduce("sum"),
        tooltip=common.VizTooltipOptions(
            mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING
        ),
        legend=piechart.PieChartLegendOptions(
            values=[piechart.PieChartLegendValues.VALUE, piechart.PieChartLegendValues.PERCENT],
            display_mode=common.LegendDisplayMode.TABLE,
            placement=common.LegendPlacement.RIGHT,
            show_legend=True,
            calcs=[],
        ),
    )
    colour = FieldColor(FieldColorModeId.PALETTE_CLASSIC)
    return _panel("piechart", about, queries, options, colour)


def rows(about: About, *queries: Dataquery) -> Panel:
    """Return a table."""
    options = table.Options(
        show_header=True, cell_height=common.TableCellHeight.SM, footer=common.TableFooterOptions()
    )
    custom = common.TableFieldOptions(
        align=common.FieldTextAlignment.AUTO,
        cell_options=common.TableAutoCellOptions(),
        inspect=False,
        filterable=True,
    )
    colour = FieldColor(FieldColorModeId.THRESHOLDS)
    return _panel("table", about, queries, options, colour, custom)


def descending(column: str) -> DataTransformerConfig:
    """Return the transformation that sorts the rows of a table, largest first."""
    return DataTransformerConfig(
        id_val="sortBy", options={"fields": {}, "sort": [{"field": column, "desc": True}]}
    )


def columns(names: dict[str, str], *, drop: Sequence[str] = ("Time",)) -> DataTransformerConfig:
    """Return the transformation that names the columns of a table and drops some."""
    return DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {name: True for name in drop},
            "indexByName": {name: place for place, name in enumerate(names)},
            "renameByName": names,
        },
    )


def only(name: str, properties: dict[str, object]) -> Override:
    """Return properties of one column or series alone, such as `unit`."""
    return Override(
        matcher=MatcherConfig(id_val="byName", options=name),
        properties=[DynamicConfigValue(key, value) for key, value in properties.items()],
    )


def on_the_right(series: str, unit: str) -> Override:
    """Return that a series has an axis of its own on the right."""
    return only(series, {"unit": unit, "custom.axisPlacement": "right"})


def _reduce(calc: Calc, *, rows: bool = False) -> common.ReduceDataOptions:
    if rows:
        return common.ReduceDataOptions(values=True, calcs=[], fields="", limit=25)
    return common.ReduceDataOptions(values=False, calcs=[calc], fields="")


def _panel(
    kind: str,
    about: About,
    queries: Sequence[Dataquery],
    options: object,
    colour: FieldColor,
    custom: object | None = None,
) -> Panel:
    return Panel(
        type_val=kind,
        id_val=int(about.id),
        title=about.title,
        description=about.description,
        grid_pos=GridPos(h=about.height, w=about.width),
        targets=list(queries),
        transformations=list(about.transformations) or None,
        options=options,
        field_config=FieldConfigSource(
            defaults=FieldConfig(
                display_name=about.name,
                unit=about.unit,
                decimals=about.decimals,
                no_value=about.no_data,
                thresholds=about.steps.config(),
                color=colour,
                custom=custom,
            ),
            overrides=list(about.overrides),
        ),
    )

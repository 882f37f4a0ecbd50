"""Variables: what a viewer may choose at the top of a dashboard."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from grafana.datasources import (
    INFLUXDB,
    METRICS_UID,
    METRICS_VARIABLE,
    PROMETHEUS,
    SERIES,
    SERIES_UID,
    SERIES_VARIABLE,
)

_STEPS: Final = ("10s", "30s", "1m", "5m", "15m", "1h", "6h", "1d")
_AUTO: Final = "$__auto_interval_resolution"


def series_datasource() -> VariableModel:
    """Return the choice of the InfluxDB."""
    return _datasource(SERIES_VARIABLE, "InfluxDB", INFLUXDB, "Tidemark InfluxDB", SERIES_UID)


def metrics_datasource() -> VariableModel:
    """Return the choice of the Prometheus."""
    return _datasource(
        METRICS_VARIABLE, "Prometheus", PROMETHEUS, "Tidemark Prometheus", METRICS_UID
    )


def resolution() -> VariableModel:
    """Return the choice of how long a step of a series is.

    At least a minute by itself: a multiple of every window's default length, so that each step
    holds the same number of windows.
    """
    options = [VariableOption(selected=True, text="auto", value=_AUTO)]
    options += [VariableOption(selected=False, text=step, value=step) for step in _STEPS]
    return VariableModel(
        type_val=VariableType.INTERVAL,
        name="resolution",
        label="Resolution",
        description="Length of a step; best a multiple of the window",
        query=",".join(_STEPS),
        current=options[0],
        options=options,
        refresh=VariableRefresh.ON_TIME_RANGE_CHANGED,
        auto=True,
        auto_min="1m",
        auto_count=60,
    )


def tag_values(name: str, label: str, measurement: str, tag: str) -> VariableModel:
    """Return the choice of some values of a tag; all of them at first.

    For use as `"tag" =~ /^$name$/`.
    """
    return VariableModel(
        type_val=VariableType.QUERY,
        name=name,
        label=label,
        datasource=SERIES,
        query=_show_values(measurement, tag),
        definition=_show_values(measurement, tag),
        current=VariableOption(selected=True, text=["All"], value=["$__all"]),
        refresh=VariableRefresh.ON_DASHBOARD_LOAD,
        sort=VariableSort.ALPHABETICAL_ASC,
        multi=True,
        include_all=True,
        all_value=".*",
    )


def tag_value(name: str, label: str, measurement: str, tag: str, first: str) -> VariableModel:
    """Return the choice of one value of a tag, `first` at first; for use as `"tag" = '$name'`."""
    return VariableModel(
        type_val=VariableType.QUERY,
        name=name,
        label=label,
        datasource=SERIES,
        query=_show_values(measurement, tag),
        definition=_show_values(measurement, tag),
        current=VariableOption(selected=True, text=first, value=first),
        refresh=VariableRefresh.ON_DASHBOARD_LOAD,
        sort=VariableSort.ALPHABETICAL_ASC,
    )


def _show_values(measurement: str, tag: str) -> str:
    return f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"'


def _datasource(name: str, label: str, plugin: str, text: str, uid: str) -> VariableModel:
    return VariableModel(
        type_val=VariableType.DATASOURCE,
        name=name,
        label=label,
        query=plugin,
        current=VariableOption(selected=True, text=text, value=uid),
        refresh=VariableRefresh.ON_DASHBOARD_LOAD,
        hide=VariableHide.DONT_HIDE,
        options=[],
    )

"""Boards: what all dashboards have in common, and where panels are placed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardDashboardTemplating,
    DashboardDashboardTime,
    DashboardLink,
    DashboardLinkType,
    GridPos,
    Panel,
    RowPanel,
    TimePickerConfig,
    VariableModel,
)

from grafana.datasources import SERIES
from grafana.variables import resolution, series_datasource

FOLDER: Final = "Tidemark"
FOLDER_UID: Final = "tidemark"
TAG: Final = "tidemark"
COLUMNS: Final = 24
_FIRST_ROW_ID: Final = 100


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row of panels, placed from left to right and wrapped."""

    title: str
    panels: Sequence[Panel]


def board(
    uid: str,
    title: str,
    description: str,
    sections: Sequence[Section],
    *,
    variables: Sequence[VariableModel] = (),
    since: str = "now-1h",
    refresh: str = "10s",
) -> Dashboard:
    """Return a dashboard. Panel ids are below 100; those from 100 on are its rows."""
    return Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=[TAG],
        timezone="browser",
        editable=True,
        graph_tooltip=DashboardCursorSync.CROSSHAIR,
        time=DashboardDashboardTime(since, "now"),
        timepicker=TimePickerConfig(refresh_intervals=["5s", "10s", "30s", "1m", "5m", "15m"]),
        refresh=refresh,
        version=1,
        panels=list(_placed(sections)),
        templating=DashboardDashboardTemplating([series_datasource(), resolution(), *variables]),
        links=[_siblings()],
    )


def _siblings() -> DashboardLink:
    link = DashboardLink(
        title="Tidemark",
        type_val=DashboardLinkType.DASHBOARDS,
        icon="external link",
        tooltip="The other dashboards, at the same time range",
        tags=[TAG],
        keep_time=True,
    )
    # Above the panels: the default of the SDK hides links in a menu.
    link.placement = ""
    return link


def _placed(sections: Sequence[Section]) -> Iterator[Panel | RowPanel]:
    y = 0
    for number, section in enumerate(sections):
        yield RowPanel(
            title=section.title,
            id_val=_FIRST_ROW_ID + number,
            grid_pos=GridPos(h=1, w=COLUMNS, x=0, y=y),
            panels=[],
        )
        y += 1
        x = tallest = 0
        for panel in section.panels:
            assert panel.grid_pos is not None
            if x + panel.grid_pos.w > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            panel.grid_pos.x, panel.grid_pos.y = x, y
            panel.datasource = panel.datasource or SERIES
            x += panel.grid_pos.w
            tallest = max(tallest, panel.grid_pos.h)
            yield panel
        y += tallest

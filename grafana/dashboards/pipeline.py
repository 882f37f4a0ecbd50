"""Pipeline: how Tidemark itself is doing."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.boards import Section, board
from grafana.dashboards.pipeline_metrics import kafka, processes, stores
from grafana.panels import About, Steps, columns, lines, number, only, rows
from grafana.queries import InfluxQL, over_range, over_time, per_second
from grafana.variables import metrics_datasource, tag_values

UID: Final = "tidemark-pipeline"

REJECT_SHARE: Final = 0.05
LATE_SHARE: Final = 0.05
"""Rejected and late records among all from which on it is too much."""
WATERMARK_LAG_S: Final = 120
"""How far the clock may be ahead of the newest window's watermark."""

_BY: Final = '"pipeline"'
_CHOSEN: Final = f"{_BY} =~ /^$pipeline$/"
_NAMED: Final = "$tag_pipeline"
_ALL: Final = '(sum("events") + sum("rejected") + sum("late"))'
_NO_WINDOWS: Final = "No windows in this time range"


class PanelId(IntEnum):
    """Panels of this dashboard that ask InfluxDB; those of Prometheus are 8 to 19."""

    EVENTS = 1
    NEWEST = 2
    WATERMARK_LAG = 3
    REJECTED_SHARE = 4
    LATE_SHARE = 5
    DUPLICATES = 6
    STARTS = 7
    REJECTED = 20
    LATE = 21


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return board(
        UID,
        "Tidemark: pipeline",
        "Throughput, lag, freshness, what is rejected or late, stores and processes.",
        [
            Section("Windows, from InfluxDB", _windows()),
            Section("Rejected, late, duplicate", _put_aside()),
            Section("Kafka, from Prometheus", kafka(WATERMARK_LAG_S)),
            Section("Stores and processes, from Prometheus", stores() + processes()),
        ],
        variables=[
            metrics_datasource(),
            tag_values("pipeline", "Pipeline", "pipeline", "pipeline"),
        ],
    )


def _windows() -> list[Panel]:
    return [
        lines(
            About(
                PanelId.EVENTS,
                "Events per second",
                "Events in final windows, per second of event time.",
                "eps",
                width=12,
                no_data=_NO_WINDOWS,
            ),
            InfluxQL(per_second("events", "pipeline", by=_BY, where=_CHOSEN), alias=_NAMED),
        ),
        lines(
            About(
                PanelId.WATERMARK_LAG,
                "Watermark lag",
                "How far the clock was ahead of the watermark when a window closed; the most of "
                "the step's windows. It holds at least the allowed disorder. Above the line the "
                "alert fires.",
                "s",
                width=12,
                steps=Steps(warning=WATERMARK_LAG_S / 2, critical=WATERMARK_LAG_S),
                no_data=_NO_WINDOWS,
            ),
            InfluxQL(
                over_time('max("watermark_lag_s")', "pipeline", by=_BY, where=_CHOSEN),
                alias=_NAMED,
            ),
            limit_line=True,
        ),
        rows(
            About(
                PanelId.NEWEST,
                "Newest window",
                "The newest final window of each pipeline: how fresh the numbers are, and when "
                "the process that closed it was started.",
                "short",
                width=16,
                height=7,
                no_data=_NO_WINDOWS,
                transformations=[
                    columns(
                        {
                            "pipeline": "Pipeline",
                            "Time": "Window",
                            "events": "Events",
                            "lag": "Watermark lag",
                            "started": "Process started",
                        },
                        drop=(),
                    )
                ],
                overrides=[
                    only("Window", {"unit": "dateTimeFromNow"}),
                    only("Watermark lag", {"unit": "s", "decimals": 1}),
                    only("Process started", {"unit": "dateTimeFromNow"}),
                ],
            ),
            InfluxQL(
                over_range(
                    'last("events") AS "events", "watermark_lag_s" AS "lag", '
                    '"started_s" * 1000 AS "started"',
                    "pipeline",
                    by=_BY,
                    where=_CHOSEN,
                ),
                result_format="table",
            ),
        ),
        number(
            About(
                PanelId.STARTS,
                "Starts seen",
                "How many processes, one after the other, have closed windows of each pipeline "
                "in the chosen time range: 1 without a restart.",
                "short",
                width=8,
                height=7,
                steps=Steps(warning=2, critical=4),
                no_data=_NO_WINDOWS,
            ),
            InfluxQL(
                over_range('count(distinct("started_s"))', "pipeline", by=_BY, where=_CHOSEN),
                alias=_NAMED,
            ),
        ),
    ]


def _put_aside() -> list[Panel]:
    def count(panel: PanelId, title: str, description: str, field: str) -> Panel:
        about = About(panel, title, description, "short", width=8, no_data=_NO_WINDOWS)
        query = over_time(f'sum("{field}")', "pipeline", by=_BY, where=_CHOSEN)
        return lines(about, InfluxQL(query, alias=_NAMED), bars=True, stacked=True)

    def share(panel: PanelId, title: str, description: str, field: str, limit: float) -> Panel:
        about = About(
            panel,
            title,
            description,
            "percentunit",
            width=12,
            decimals=2,
            steps=Steps(warning=limit / 5, critical=limit),
            no_data=_NO_WINDOWS,
        )
        query = over_time(f'sum("{field}") / {_ALL}', "pipeline", by=_BY, where=_CHOSEN)
        return lines(about, InfluxQL(query, alias=_NAMED), limit_line=True)

    return [
        count(
            PanelId.REJECTED,
            "Rejected",
            "Records that were rejected while a window was the newest one; each is in the "
            "topic's dead-letter topic with the reason.",
            "rejected",
        ),
        count(
            PanelId.LATE,
            "Late",
            "Records whose window had closed; each is in the topic's late topic. "
            "`tidemark recompute` takes them into their windows.",
            "late",
        ),
        count(
            PanelId.DUPLICATES,
            "Duplicates",
            "Second copies that were left out of their window; only where dedupe_by is set.",
            "duplicates",
        ),
        share(
            PanelId.REJECTED_SHARE,
            "Share of rejected records",
            "Rejected records among all that were read. Above the upper line the alert fires.",
            "rejected",
            REJECT_SHARE,
        ),
        share(
            PanelId.LATE_SHARE,
            "Share of late records",
            "Late records among all that were read. Above the upper line the alert fires.",
            "late",
            LATE_SHARE,
        ),
    ]

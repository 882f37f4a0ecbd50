"""Pipeline: how Tidemark itself is doing."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana import metrics
from grafana.boards import Section, board
from grafana.datasources import METRICS
from grafana.panels import About, Steps, columns, lines, number, only, rows
from grafana.queries import InfluxQL, over_range, over_time, per_second, promql
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
_NO_METRICS: Final = "No metrics: is Prometheus scraping Tidemark?"
_RATE: Final = "[$__rate_interval]"


class PanelId(IntEnum):
    """Panels of this dashboard."""

    EVENTS = 1
    NEWEST = 2
    WATERMARK_LAG = 3
    REJECTED_SHARE = 4
    LATE_SHARE = 5
    DUPLICATES = 6
    STARTS = 7
    RECORDS = 8
    LAG = 9
    PARTITION_WATERMARKS = 10
    FRESHNESS = 11
    REJECTS_BY_REASON = 12
    WRITE_TIME = 13
    RETRIES = 14
    WAITING = 15
    RESTARTS = 16
    MEMORY = 17
    PROCESSES = 18
    SNAPSHOTS = 19
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
            Section("Kafka, from Prometheus", _kafka()),
            Section("Stores and processes, from Prometheus", _stores() + _processes()),
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


def _kafka() -> list[Panel]:
    partition = "by (topic, partition)"
    return [
        _metric_lines(
            About(
                PanelId.LAG,
                "Consumer lag",
                "Records of each partition that are not read yet.",
                "short",
                width=12,
                steps=Steps(warning=100_000, critical=1_000_000),
                no_data=_NO_METRICS,
            ),
            (f"sum {partition} ({metrics.LAG})", "{{topic}}/{{partition}}"),
        ),
        _metric_lines(
            About(
                PanelId.RECORDS,
                "Records read per second",
                "Records of each topic, good or bad, per second of wall-clock time.",
                "eps",
                width=12,
                no_data=_NO_METRICS,
            ),
            (f"sum by (topic) (rate({metrics.RECORDS}{_RATE}))", "{{topic}}"),
        ),
        _metric_lines(
            About(
                PanelId.PARTITION_WATERMARKS,
                "Watermark lag by partition",
                "How far the clock is ahead of each partition's watermark; zero while it is idle.",
                "s",
                width=12,
                steps=Steps(warning=WATERMARK_LAG_S / 2, critical=WATERMARK_LAG_S),
                no_data=_NO_METRICS,
            ),
            (
                f"max {partition} ({metrics.WATERMARK_LAG} * (1 - {metrics.IDLE}))",
                "{{topic}}/{{partition}}",
            ),
        ),
        _metric_lines(
            About(
                PanelId.FRESHNESS,
                "Freshness",
                "Seconds since the end of each pipeline's newest final window.",
                "s",
                width=12,
                steps=Steps(warning=120, critical=600),
                no_data=_NO_METRICS,
            ),
            (f"min by (pipeline) ({metrics.FRESHNESS})", "{{pipeline}}"),
        ),
        _metric_lines(
            About(
                PanelId.REJECTS_BY_REASON,
                "Rejected records by reason",
                "Rejected records per second of wall-clock time; the reasons are explained in "
                "docs/guarantees.md.",
                "eps",
                width=24,
                steps=Steps(warning=0.001),
                no_data="Nothing rejected, or no metrics",
            ),
            (f"sum by (topic, reason) (rate({metrics.REJECTED}{_RATE}))", "{{topic}} {{reason}}"),
        ),
    ]


def _stores() -> list[Panel]:
    def quantile(share: float) -> tuple[str, str]:
        rates = f"sum by (le, store) (rate({metrics.WRITE_SECONDS}_bucket{_RATE}))"
        return f"histogram_quantile({share}, {rates})", f"{{{{store}}}} {share:.0%}"

    return [
        _metric_lines(
            About(
                PanelId.WRITE_TIME,
                "Write time",
                "How long one write to each store takes: half, 95 % and 99 % of them are faster.",
                "s",
                width=12,
                steps=Steps(warning=1, critical=5),
                no_data=_NO_METRICS,
            ),
            quantile(0.5),
            quantile(0.95),
            quantile(0.99),
        ),
        _metric_lines(
            About(
                PanelId.RETRIES,
                "Retries",
                "Writes per second that failed and were tried again.",
                "ops",
                width=12,
                steps=Steps(warning=0.001),
                no_data="No retries, or no metrics",
            ),
            (f"sum by (store) (rate({metrics.RETRIES}{_RATE}))", "{{store}}"),
        ),
        _metric_lines(
            About(
                PanelId.WAITING,
                "Waiting to be written",
                "Commands that no store has acknowledged yet, and writers that wait for a store "
                "to come back.",
                "short",
                width=12,
                steps=Steps(warning=200),
                no_data=_NO_METRICS,
            ),
            (f"sum by (store) ({metrics.QUEUED})", "{{store}} commands"),
            (f"sum by (store) ({metrics.UNAVAILABLE})", "{{store}} writers waiting"),
        ),
    ]


def _processes() -> list[Panel]:
    return [
        _metric_lines(
            About(
                PanelId.RESTARTS,
                "Restarts",
                "Restarts of the processes by the supervisor in the last ten minutes, by reason.",
                "short",
                width=12,
                steps=Steps(warning=1, critical=3),
                no_data="No restarts, or no metrics",
            ),
            (f"sum by (reason) (increase({metrics.RESTARTS}[10m]))", "{{reason}}"),
        ),
        _metric_lines(
            About(
                PanelId.MEMORY,
                "Memory",
                "Resident memory of each process of the run.",
                "bytes",
                width=8,
                steps=Steps(warning=2 * 1024**3, critical=8 * 1024**3),
                no_data=_NO_METRICS,
            ),
            (f'sum by (process) ({metrics.MEMORY}{{process!=""}})', "{{process}}"),
        ),
        _metric_lines(
            About(
                PanelId.PROCESSES,
                "Processes",
                "Processes that are connected, and how many there should be.",
                "short",
                width=8,
                decimals=0,
                no_data=_NO_METRICS,
            ),
            (f"max({metrics.READY})", "ready"),
            (f"max({metrics.WANTED})", "wanted"),
        ),
        _metric_lines(
            About(
                PanelId.SNAPSHOTS,
                "Snapshots",
                "Bytes of open windows in the newest snapshots (left), and how old the oldest is "
                "(right): what a crash now would have read again.",
                "bytes",
                width=8,
                no_data=_NO_METRICS,
                overrides=[only("age", {"unit": "s", "custom.axisPlacement": "right"})],
            ),
            (f"sum({metrics.SNAPSHOT_BYTES})", "size"),
            (f"max({metrics.SNAPSHOT_AGE})", "age"),
        ),
    ]


def _metric_lines(about: About, *queries: tuple[str, str]) -> Panel:
    targets = [
        promql(expression, legend, ref_id=chr(ord("A") + place))
        for place, (expression, legend) in enumerate(queries)
    ]
    panel = lines(about, *targets)
    panel.datasource = METRICS
    return panel

"""Pipeline, the part from Prometheus: what only the processes themselves know."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from grafana import metrics
from grafana.datasources import METRICS
from grafana.panels import About, Steps, lines, only
from grafana.queries import promql

_NO_METRICS: Final = "No metrics: is Prometheus scraping Tidemark?"
_RATE: Final = "[$__rate_interval]"


class PanelId(IntEnum):
    """Panels of the pipeline dashboard that ask Prometheus."""

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


def kafka(watermark_lag_s: float) -> list[Panel]:
    """Return what Tidemark reads, and how far it is behind; the alert fires above the lag."""
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
                steps=Steps(warning=watermark_lag_s / 2, critical=watermark_lag_s),
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


def stores() -> list[Panel]:
    """Return how the stores take what is written."""

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


def processes() -> list[Panel]:
    """Return how the processes of the run are doing."""
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

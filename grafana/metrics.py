"""Metrics of Prometheus that the dashboards use: every name and label, at one place.

docs/metrics.md says what each of them means; a test compares this list with what is exported.
`process` is the label that the view of a whole run puts on the metrics of each of its processes.
"""

from __future__ import annotations

from typing import Final

RECORDS: Final = "tidemark_source_records_total"
REJECTED: Final = "tidemark_source_rejected_records_total"
LAG: Final = "tidemark_source_lag_records"
WATERMARK_LAG: Final = "tidemark_source_watermark_lag_seconds"
IDLE: Final = "tidemark_source_idle"
SNAPSHOT_AGE: Final = "tidemark_source_snapshot_age_seconds"
FRESHNESS: Final = "tidemark_pipeline_freshness_seconds"
SNAPSHOT_BYTES: Final = "tidemark_state_snapshot_bytes"
WRITE_SECONDS: Final = "tidemark_store_write_seconds"
RETRIES: Final = "tidemark_store_retries_total"
QUEUED: Final = "tidemark_store_queued_commands"
UNAVAILABLE: Final = "tidemark_store_unavailable_lanes"
RESTARTS: Final = "tidemark_supervisor_restarts_total"
WANTED: Final = "tidemark_supervisor_wanted_processes"
READY: Final = "tidemark_supervisor_ready_processes"
MEMORY: Final = "process_resident_memory_bytes"

LABELS: Final[dict[str, tuple[str, ...]]] = {
    RECORDS: ("topic", "partition"),
    REJECTED: ("topic", "partition", "reason"),
    LAG: ("topic", "partition"),
    WATERMARK_LAG: ("topic", "partition"),
    IDLE: ("topic", "partition"),
    SNAPSHOT_AGE: ("topic", "partition"),
    FRESHNESS: ("pipeline",),
    SNAPSHOT_BYTES: (),
    WRITE_SECONDS: ("store",),
    RETRIES: ("store",),
    QUEUED: ("store",),
    UNAVAILABLE: ("store",),
    RESTARTS: ("reason",),
    WANTED: (),
    READY: (),
    MEMORY: (),
}
"""Each metric with its own labels; histograms without `_bucket`, `_sum` and `_count`."""

"""From a window's numbers to what is stored: the parts that are alike for every pipeline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dataflows.streaming.environment import MICROSECONDS
from dataflows.streaming.summary import WindowSummary
from dataflows.streaming.timestamps import iso, moment
from dataflows.streaming.watermark import END_US
from sinks.commands import Document, NewestDocuments, Point
from tidemark.observability.metrics import window_final

AGGREGATES = "aggregated_data"
METRICS = "real_time_metrics"
STARTED_S = int(time.time())
"""When this process started: its windows can be told from those of the one before it."""


def aggregate(kind: str, start_us: int, window_s: int, fields: Mapping[str, object]) -> Document:
    """Return a window's document for `aggregated_data`, under the id `<type>/<window start>`."""
    return {
        "_id": f"{kind}/{iso(start_us)}",
        "type": kind,
        "timestamp": moment(start_us),
        "window_end": moment(start_us + window_s * MICROSECONDS),
        **fields,
    }


def metrics(pipeline: str, document: Document) -> NewestDocuments:
    """Return the newest value of each single number of a window, under `<pipeline>.<field>`."""
    start = document["timestamp"]
    documents = [
        {"_id": f"{pipeline}.{name}", "pipeline": pipeline, "value": value, "timestamp": start}
        for name, value in document.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return NewestDocuments(METRICS, documents, "timestamp")


def pipeline_point(
    pipeline: str,
    final: WindowSummary[Any],
    window_s: int,
    events: int,
) -> Point:
    """Return the pipeline's own point for a window.

    `events` got into the window, duplicates would have; rejected and late records came while it was
    the newest one. The lag is that of the clock behind the watermark that closed it, or behind its
    end where input has ended. `started_s` is when the process that closed it started (Unix
    seconds): a restart shows as a new value.
    """
    end_us = final.start_us + window_s * MICROSECONDS
    reached_us = end_us if final.watermark_us >= END_US else final.watermark_us
    lag_s = time.time() - reached_us / MICROSECONDS
    window_final(pipeline, end_us, events, final.aside.duplicates)
    return Point(
        "pipeline",
        moment(final.start_us),
        {"pipeline": pipeline},
        {
            "events": events,
            "rejected": final.aside.rejected,
            "late": final.aside.late,
            "duplicates": final.aside.duplicates,
            "watermark_lag_s": lag_s,
            "started_s": STARTED_S,
        },
    )

"""How far a partition has been read, as a document per partition: the pipeline's own books."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from dataflows.streaming.batch import Batch
from dataflows.streaming.timestamps import moment
from dataflows.streaming.watermark import BEGINNING_US
from sinks.commands import ReplaceDocuments

COLLECTION = "pipeline_status"
_EVERY_S = 1.0


class Progress:
    """Makes the documents of `pipeline_status`, once a second and partition, and at the end.

    Counts are cumulative and absolute, so a document written twice is the same document.
    """

    def __init__(
        self, pipeline: str, out_of_orderness_us: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pipeline = pipeline
        self._out_of_orderness_us = out_of_orderness_us
        self._clock = clock
        self._due_s: dict[int, float] = {}

    def command(self, batch: Batch) -> ReplaceDocuments | None:
        """Return what to store after this batch, if it is time."""
        now_s = self._clock()
        if not batch.ended and now_s < self._due_s.get(batch.partition, 0.0):
            return None
        self._due_s[batch.partition] = now_s + _EVERY_S
        seen = batch.max_event_us > BEGINNING_US
        watermark_us = batch.max_event_us - self._out_of_orderness_us
        state = "ended" if batch.ended else "idle" if batch.silent_us else "active"
        document = {
            "_id": f"{self._pipeline}/{batch.topic}/{batch.partition}",
            "pipeline": self._pipeline,
            "topic": batch.topic,
            "partition": batch.partition,
            "read": batch.counters.read,
            "rejected": sum(batch.counters.rejected.values()),
            "rejected_by_reason": dict(batch.counters.rejected),
            "late": batch.counters.late.get(self._pipeline, 0),
            "filtered": batch.counters.filtered.get(self._pipeline, 0),
            "dropped_by_field": dict(batch.counters.dropped),
            "missing_by_field": dict(batch.counters.missing),
            "next_offset": batch.next_offset,
            "high_offset": batch.high_offset,
            "lag": batch.high_offset - batch.next_offset,
            "max_event_time": moment(batch.max_event_us) if seen else None,
            "watermark": moment(watermark_us) if seen else None,
            "state": state,
            "updated_at": datetime.now(UTC),
        }
        return ReplaceDocuments(COLLECTION, [document])

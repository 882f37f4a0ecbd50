"""What the pipelines would say to a record of a topic, asked without running them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from dataflows.catalog import every
from dataflows.streaming.decode import Decoder
from dataflows.streaming.schema import Event
from dataflows.surroundings import limits
from tidemark.config import Settings

Check: TypeAlias = Callable[[Sequence[bytes | None]], list[str | None]]
"""Returns for each value the reason code of its rejection; None: it would be accepted."""


def acceptance(settings: Settings, topic: str) -> Check | None:
    """Return a check of values for a topic, as if they were sent now; None: no pipeline reads it.

    The names that a topic has had before are not known here, so the cap on distinct names is not
    checked.
    """
    for pipeline in every(settings):
        if pipeline.topic == topic:
            return _check(settings, pipeline.schema)
    return None


def _check(settings: Settings, schema: type[Event]) -> Check:
    def check(values: Sequence[bytes | None]) -> list[str | None]:
        decoder = Decoder(schema, limits(settings))
        decoded = decoder.decode(values, time.time_ns() // 1_000)
        reasons: list[str | None] = [None] * len(values)
        for reject in decoded.rejects:
            reasons[reject.position] = reject.reason.value
        return reasons

    return check

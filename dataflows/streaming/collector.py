"""Python's cycle collector, told about batches.

Each Kafka message is an object that the collector tracks, and a poll makes thousands of them, which
live until the batch is done. With the default threshold the collector walks over all of them dozens
of times a batch and finds nothing: a third of the CPU time of the whole job, as measured. Nothing
on the way of an event makes cycles, so it may come by much more rarely.
"""

from __future__ import annotations

import gc

ALLOCATIONS_A_COLLECTION = 200_000
"""Ten times the records of a poll; Python's default is 700."""


def collect_rarely() -> None:
    """Set the collector's threshold for this process. May be called again."""
    _, second, third = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS_A_COLLECTION, second, third)

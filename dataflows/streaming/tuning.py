"""Python's cycle collector and the C library's allocator, told about batches.

Each Kafka message is an object that the collector tracks, and a poll makes thousands of them, which
live until the batch is done. With the default threshold the collector walks over all of them dozens
of times a batch and finds nothing: a third of the CPU time of the whole job, as measured. Nothing
on the way of an event makes cycles, so it may come by much more rarely.

The arrays of a batch are of some megabytes. By default glibc gives memory of that size back to the
system at once, and the next batch pays for every page of it again: a tenth of the CPU time. So it
may keep some. Other C libraries have no such setting, and are left alone.
"""

from __future__ import annotations

import ctypes
import gc
import time

ALLOCATIONS_A_COLLECTION = 200_000
"""Ten times the records of a poll; Python's default is 700."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_ARRAY_BYTES = 64 << 20
"""What is larger is given back when it is freed."""
_TRIM_EVERY_S = 1.0
_KEPT_BYTES = 32 << 20
"""Free memory that is kept, at most."""


class _Trimmed:
    """When memory was last given back in this process, and by which function of the C library."""

    at_s = 0.0
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Give memory that is free back to the system, at most once a second.

    Windows that were merged and closed leave holes between what is still held, which the C library
    keeps for ever otherwise.
    """
    now_s = time.monotonic()
    if _Trimmed.trim is not None and now_s - _Trimmed.at_s >= _TRIM_EVERY_S:
        _Trimmed.at_s = now_s
        _Trimmed.trim(0)


def tune_for_batches() -> None:
    """Set both for this process. May be called again."""
    _, second, third = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS_A_COLLECTION, second, third)
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGEST_ARRAY_BYTES)
        set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES)

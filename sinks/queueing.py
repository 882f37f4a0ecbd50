"""What waits to be written: fresh results first, bulk soon after.

The document of a window is what people wait for; the aggregates of a hundred thousand users are
not. Commands that can wait are held back for a moment, so that the others, which follow from the
same records, come before them; for no longer than `OVERTAKEN_S`, so that aggregates are never far
behind the windows that they follow from, however busy the store is. Order is kept among those that
can wait and among the others; none of the one kind writes what one of the other does.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sinks.commands import AccumulateWindow, Command, KeepRecords, count_rows

ROWS_PER_WRITE = 100_000
BULK_ROWS_PER_WRITE = 10_000
"""Fewer, so that something fresh has not to wait for long."""
HELD_BACK_S = 0.1
OVERTAKEN_S = 0.3
"""What has waited for so long is written before what is fresh."""


def can_wait(command: Command) -> bool:
    """Tell whether nobody waits for this command's result."""
    return isinstance(command, AccumulateWindow | KeepRecords)


class WriteQueue:
    """Commands in two lines. Not thread-safe: its owner has a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        # With the time at which each was put.
        self._fresh: deque[tuple[float, Command]] = deque()
        self._bulk: deque[tuple[float, Command]] = deque()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._fresh) + len(self._bulk)

    def put(self, command: Command) -> None:
        """Queue a command."""
        line = self._bulk if can_wait(command) else self._fresh
        line.append((self._clock(), command))

    def held_back_s(self) -> float | None:
        """Return how long to wait until something is due; None if there is nothing at all."""
        if self._fresh:
            return 0.0
        return max(0.0, HELD_BACK_S - self._waited_s()) if self._bulk else None

    def take(self, *, all_wait: bool = False) -> list[Command]:
        """Return the next commands of one line, as many as make a good write.

        `all_wait` tells that nothing fresh can come before all of it is written.
        """
        line, most = self._fresh, ROWS_PER_WRITE
        if not line or (self._bulk and self._waited_s() >= OVERTAKEN_S):
            line, most = self._bulk, ROWS_PER_WRITE if all_wait else BULK_ROWS_PER_WRITE
        taken: list[Command] = []
        rows = 0
        while line:
            rows += count_rows(line[0][1])
            if taken and rows > most:
                break
            taken.append(line.popleft()[1])
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._fresh.clear()
        self._bulk.clear()

    def _waited_s(self) -> float:
        """Return how long the first that can wait has waited."""
        return self._clock() - self._bulk[0][0]

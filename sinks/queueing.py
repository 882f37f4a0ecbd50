"""What waits to be written: fresh results first, bulk soon after.

The document of a window is what people wait for; the aggregates of a hundred thousand users are
not. Commands that can wait are held back for a moment, so that the others, which follow from the
same records, come before them; for no longer than `OVERTAKEN_S` after, so that aggregates are never
far behind the windows that they follow from, however busy the store is. Order is kept among those
that can wait and among the others; none of the one kind writes what one of the other does.

The windows of a backlog are numbers in passing, and a store adds several to a key for little more
than one: more of them are written at once, and where that takes the job's own time, they are held
back for longer.
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
OVERTAKEN_S = 0.2
"""What is due for so long is written before what is fresh."""
BEHIND_S = 120.0
"""A window that began so long ago is of a backlog, or so long itself that seconds do not count."""
BACKLOG_HELD_BACK_S = 2.0


def can_wait(command: Command) -> bool:
    """Tell whether nobody waits for this command's result."""
    return isinstance(command, AccumulateWindow | KeepRecords)


class WriteQueue:
    """Commands in two lines. Not thread-safe: its owner has a lock."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        holds_backlog: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        # Each with when it is due, by the clock, and the largest write that it may be a part of.
        self._fresh: deque[tuple[float, int, Command]] = deque()
        self._bulk: deque[tuple[float, int, Command]] = deque()
        self._holds_backlog = holds_backlog
        self._clock = clock
        self._now = now

    def __len__(self) -> int:
        return len(self._fresh) + len(self._bulk)

    def put(self, command: Command) -> None:
        """Queue a command."""
        now_s = self._clock()
        if not can_wait(command):
            self._fresh.append((now_s, ROWS_PER_WRITE, command))
            return
        of_backlog = self._is_of_backlog(command)
        held_back_s = BACKLOG_HELD_BACK_S if of_backlog and self._holds_backlog else HELD_BACK_S
        most = ROWS_PER_WRITE if of_backlog else BULK_ROWS_PER_WRITE
        self._bulk.append((now_s + held_back_s, most, command))

    def held_back_s(self) -> float | None:
        """Return how long to wait until something is due; None if there is nothing at all."""
        if self._fresh:
            return 0.0
        return max(0.0, -self._overdue_s()) if self._bulk else None

    def take(self, *, all_wait: bool = False) -> list[Command]:
        """Return the next commands of one line, as many as make a good write.

        `all_wait` tells that nothing fresh can come before all of it is written.
        """
        line = self._fresh
        if not line or (self._bulk and self._overdue_s() >= OVERTAKEN_S):
            line = self._bulk
        taken: list[Command] = []
        rows = 0
        while line:
            _, most, command = line[0]
            more = count_rows(command)
            if taken and rows + more > (ROWS_PER_WRITE if all_wait else most):
                break
            rows += more
            taken.append(command)
            line.popleft()
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._fresh.clear()
        self._bulk.clear()

    def _is_of_backlog(self, command: Command) -> bool:
        if not isinstance(command, AccumulateWindow):
            return False
        return self._now() - command.window_start.timestamp() > BEHIND_S

    def _overdue_s(self) -> float:
        """Return for how long bulk has been due; what makes a full write is due at once."""
        overdue_s = self._clock() - min(due_s for due_s, _, _ in self._bulk)
        full = sum(count_rows(command) for _, _, command in self._bulk) >= ROWS_PER_WRITE
        return max(0.0, overdue_s) if full else overdue_s

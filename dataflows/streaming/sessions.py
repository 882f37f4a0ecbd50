"""Session windows over tumbling ones: spans of a key that no further event can extend.

An event that is on time belongs to a tumbling window that is still open, so once those up to some
moment are closed, no event before it can come. A span whose last event is further back than the
gap is ended for good: the same sessions come out for every batch size, interleaving and restart.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from dataflows.streaming.packing import pack_frame, unpack_frame
from dataflows.streaming.parcels import NOTHING_ASIDE, ClosedWindow, Closing
from dataflows.streaming.watermark import END_US
from dataflows.streaming.windows import StateMismatchError
from stats.spans import LAST_US, SpanTable

STATE_VERSION = 1


class Sessions:
    """The open sessions of one key group: one row a key, or a few where they are still apart.

    Fed closings with `table` in their windows, it returns closings with the sessions that have
    ended, in the window of their last event. Rows are bounded by the keys that were active within
    the gap and the open windows.
    """

    def __init__(
        self, table: SpanTable, window_us: int, state: dict[str, Any] | None = None
    ) -> None:
        self._table = table
        self._window_us = window_us
        self._open = table.merge([])
        if state is not None:
            if (state["version"], state["table"]) != (STATE_VERSION, repr(table)):
                raise StateMismatchError(state, {"version": STATE_VERSION, "table": repr(table)})
            self._open = unpack_frame(state["open"])

    def absorb(self, closing: Closing) -> list[Closing]:
        """Take closed windows in; return the sessions that have ended."""
        frames = [window.tables[self._table.name] for window in closing.windows]
        self._open = self._table.merge([self._open, *frames])
        if closing.watermark_us >= END_US:
            closed_us = ended_us = END_US
        else:
            closed_us = closing.watermark_us // self._window_us * self._window_us
            ended_us = closed_us - self._table.gap_us
        # The next event is at closed_us or later; further away than the gap means a new session.
        over = pl.col(LAST_US) < ended_us
        ended, self._open = self._open.filter(over), self._open.filter(~over)
        starts = pl.col(LAST_US) // self._window_us * self._window_us
        by_window = {
            int(start_us): rows.drop("start_us")
            for (start_us,), rows in ended.with_columns(start_us=starts).group_by("start_us")
        }
        # What was put aside is booked on the windows that it came with.
        asides = {window.start_us: window.aside for window in closing.windows}
        none = self._table.merge([])
        windows = [
            ClosedWindow(
                start_us,
                {self._table.name: by_window.get(start_us, none)},
                asides.get(start_us, NOTHING_ASIDE),
            )
            for start_us in sorted(by_window.keys() | asides.keys())
        ]
        return [Closing(closing.group, ended_us, windows, closing.late, closing.unbooked)]

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values and bytes."""
        return {
            "version": STATE_VERSION,
            "table": repr(self._table),
            "open": pack_frame(self._open),
        }

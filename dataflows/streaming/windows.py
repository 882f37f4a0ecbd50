"""Tumbling windows of one key group: the state, its rules and its snapshots. Knows no Bytewax.

Guarantee: fed the parcels of each origin in sequence, in any interleaving of the origins, the
closed windows are the same (but for records that were late on arrival, see `watermark`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import polars as pl
import pyarrow.compute as pc

from dataflows.streaming.parcels import (
    Aside,
    ClosedWindow,
    Closing,
    Discarded,
    LateOnArrival,
    Parcel,
)
from dataflows.streaming.tiers import Tiers
from dataflows.streaming.watermark import BEGINNING_US, END_US, Watermarks
from stats.tables import COUNT, CountTable, Table
from tidemark.errors import TidemarkError

STATE_VERSION = 4
_SETTLE_EVERY = 16
"""Each so many times that a group takes parcels in, one of its windows may settle: often enough for
each of them before it is closed.
"""


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What is computed per window, and when a window is over."""

    tables: tuple[Table, ...]
    """The first one is a count table, and decides what is late on arrival."""
    window_us: int
    out_of_orderness_us: int
    idle_after_us: int
    key_groups: int

    def __post_init__(self) -> None:
        """Refuse tables that would not tell how many events there are."""
        if not isinstance(self.tables[0], CountTable):
            raise TypeError(f"the first table, {self.tables[0].name}, must count the events")

    def layout(self) -> dict[str, Any]:
        """Return what must stay as it is for as long as a recovery store lives."""
        return {
            "version": STATE_VERSION,
            "key_groups": self.key_groups,
            "window_us": self.window_us,
            "tables": [repr(table) for table in self.tables],
        }


class StateMismatchError(TidemarkError):
    """The recovery store was written with settings, or by a version, that do not fit."""

    permanent = True

    def __init__(self, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        differing = [name for name in wanted if stored.get(name) != wanted[name]]
        told = ", ".join(f"{name} {stored.get(name)!r}, now {wanted[name]!r}" for name in differing)
        super().__init__(
            f"the recovery store does not fit this flow: it was written with {told}",
            remedy="go back to those settings (and that version), or start with an empty store "
            "(tidemark run --fresh), which reads the topic from the start",
        )


class EndedStoreError(TidemarkError):
    """The recovery store belongs to a finished bounded run, and the topic has grown since."""

    permanent = True

    def __init__(self) -> None:
        super().__init__(
            "the recovery store is from a bounded run (--until-end) that closed all windows at the "
            "end of its input, and the topic has new records since: some may belong to windows "
            "that are closed already",
            remedy="for a growing topic run without --until-end; to begin anew use an empty "
            "recovery store (tidemark run --fresh) and remove user_stats and item_stats, to which "
            "the cut-off windows have been added already; all else is overwritten",
        )


class SequenceError(TidemarkError):
    """A parcel is missing or came twice: state and input do not belong together."""

    permanent = True


class _Window:
    """One open window."""

    __slots__ = ("aside", "tiers")

    def __init__(
        self, tables: Sequence[Table], packed: Sequence[Sequence[bytes]] | None = None
    ) -> None:
        self.tiers = [
            Tiers(table, packed[number] if packed else ()) for number, table in enumerate(tables)
        ]
        self.aside = Aside()


class GroupWindows:
    """The open windows of one key group."""

    def __init__(self, spec: WindowSpec, state: dict[str, Any] | None = None) -> None:
        self._spec = spec
        self._windows: dict[int, _Window] = {}
        self._late: list[LateOnArrival] = []
        # Put aside when the window to book it on had closed.
        self._unbooked = Aside()
        self._sequences: dict[int, int] = {}
        self._group = -1
        self._turn = 0
        self._ended = False
        new_watermarks = partial(
            Watermarks,
            window_us=spec.window_us,
            out_of_orderness_us=spec.out_of_orderness_us,
            idle_after_us=spec.idle_after_us,
        )
        if state is None:
            self._watermarks = new_watermarks()
            self._closed_us = BEGINNING_US
            return
        if state["layout"] != spec.layout():
            raise StateMismatchError(state["layout"], spec.layout())
        self._watermarks = new_watermarks(
            watermark_us=state["watermark_us"], max_event_us=state["max_event_us"]
        )
        self._closed_us = state["watermark_us"]
        self._sequences = dict(state["sequences"])
        self._group = state["group"]
        self._unbooked = Aside(*state["unbooked"])
        self._ended = state["ended"]
        for start_us, packed, aside in state["windows"]:
            window = self._windows[start_us] = _Window(spec.tables, packed)
            window.aside = Aside(*aside)

    def absorb(self, parcels: Sequence[Parcel]) -> list[Closing]:
        """Take parcels in and close the windows that are over.

        Returns at most one closing; none when the watermark has passed no window's end.
        """
        for parcel in parcels:
            self._absorb(parcel)
            self._watermarks.advance()
        closings = self._close()
        self._settle_one()
        return closings

    def end(self) -> list[Closing]:
        """Close everything: the input has ended for good."""
        self._ended = True
        self._watermarks.watermark_us = END_US
        return self._close()

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values and bytes, independent of later changes."""
        return {
            "layout": self._spec.layout(),
            "group": self._group,
            "watermark_us": self._watermarks.watermark_us,
            "max_event_us": self._watermarks.state(),
            "sequences": dict(self._sequences),
            "unbooked": astuple(self._unbooked),
            "ended": self._ended,
            "windows": [
                (start_us, [tiers.packed() for tiers in window.tiers], astuple(window.aside))
                for start_us, window in self._windows.items()
            ],
        }

    def _settle_one(self) -> None:
        """Let one window settle, the next one in turn; groups do it at different times."""
        self._turn += 1
        turn, rest = divmod(self._turn + self._group, _SETTLE_EVERY)
        if rest == 0 and self._windows:
            window = self._windows[list(self._windows)[turn % len(self._windows)]]
            for tiers in window.tiers:
                tiers.settle()

    def _absorb(self, parcel: Parcel) -> None:
        last = self._sequences.get(parcel.origin, 0)
        if parcel.sequence != last + 1:
            raise SequenceError(
                f"key group {parcel.group} got parcel {parcel.sequence} of partition "
                f"{parcel.origin} after parcel {last}",
                remedy="this is a bug, or two flows share one recovery store: please report it",
            )
        self._sequences[parcel.origin] = parcel.sequence
        self._group = parcel.group
        if self._ended:
            if parcel.next_offset > parcel.first_offset:
                raise EndedStoreError
            return
        self._watermarks.expect(parcel.origins)
        late_starts_us: dict[int, int] = {}
        for piece in parcel.pieces:
            if piece.window_start_us + self._spec.window_us <= self._watermarks.watermark_us:
                if piece.table == 0:
                    records = pc.sum(piece.rows[COUNT]).as_py()
                    late_starts_us[piece.window_start_us] = records
                continue
            self._window(piece.window_start_us).tiers[piece.table].add(piece.rows)
        for discarded in parcel.discarded:
            self._book(discarded)
        if late_starts_us:
            self._late_on_arrival(parcel, late_starts_us)
        self._watermarks.report(parcel.origin, parcel.max_event_us, parcel.silent_us)

    def _window(self, start_us: int) -> _Window:
        window = self._windows.get(start_us)
        if window is None:
            window = self._windows[start_us] = _Window(self._spec.tables)
        return window

    def _book(self, discarded: Discarded) -> None:
        end_us = discarded.window_start_us + self._spec.window_us
        if end_us <= self._watermarks.watermark_us:
            self._unbooked += discarded.aside
        else:
            window = self._window(discarded.window_start_us)
            window.aside += discarded.aside

    def _late_on_arrival(self, parcel: Parcel, records_by_start_us: dict[int, int]) -> None:
        records = sum(records_by_start_us.values())
        self._unbooked += Aside(late=records)
        self._late.append(
            LateOnArrival(
                origin=parcel.origin,
                group=parcel.group,
                first_offset=parcel.first_offset,
                next_offset=parcel.next_offset,
                max_event_before_us=parcel.max_event_before_us,
                watermark_us=self._watermarks.watermark_us,
                starts_us=tuple(records_by_start_us),
                records=records,
            )
        )

    def _close(self) -> list[Closing]:
        watermark_us = self._watermarks.watermark_us
        window_us = self._spec.window_us
        passed_an_end = watermark_us // window_us != self._closed_us // window_us
        if not passed_an_end and not self._late:
            return []
        over = sorted(start for start in self._windows if start + window_us <= watermark_us)
        closed = [self._finish(start_us) for start_us in over]
        closing = Closing(
            self._group,
            watermark_us,
            closed,
            self._late,
            self._unbooked,
        )
        self._late = []
        self._unbooked = Aside()
        self._closed_us = watermark_us
        return [closing]

    def _finish(self, start_us: int) -> ClosedWindow:
        window = self._windows.pop(start_us)
        tables: dict[str, pl.DataFrame] = {}
        duplicates: list[int] = []
        for table, tiers in zip(self._spec.tables, window.tiers, strict=True):
            tables[table.name], repeated = table.close(tiers.merged())
            duplicates.append(repeated)
        # The first table has every event, so it alone tells how many of them were duplicates.
        return ClosedWindow(start_us, tables, window.aside + Aside(duplicates=duplicates[0]))

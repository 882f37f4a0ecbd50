"""Window summaries: the partial summaries of the key groups, merged when every group has closed.

The origins of this merge are the key groups, each with the watermark up to which it has closed its
windows; a summary is final when the smallest of them has passed the window's end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from dataflows.streaming.parcels import NOTHING_ASIDE, Aside, ClosedWindow
from dataflows.streaming.watermark import BEGINNING_US, Watermarks
from tidemark.errors import TidemarkError

STATE_VERSION = 1


class Partial(Protocol):
    """A mergeable summary: a msgspec struct, so that it can be stored."""

    def merge(self: P, other: P) -> P:
        """Add another one up; associative and commutative."""


P = TypeVar("P", bound=Partial)


@dataclass(frozen=True, slots=True)
class Part(Generic[P]):
    """A part of a window: its summary, and the records that came meanwhile and are in no window."""

    summary: P
    aside: Aside

    def merge(self, other: Part[P]) -> Part[P]:
        """Add another part up."""
        return Part(self.summary.merge(other.summary), self.aside + other.aside)


@dataclass(frozen=True, slots=True)
class GroupPartials(Generic[P]):
    """A key group's partial summaries, and the watermark up to which its windows are closed."""

    group: int
    watermark_us: int
    partials: list[tuple[int, Part[P]]]
    """Window start in microseconds, and the group's part."""
    unbooked: Aside = NOTHING_ASIDE


@dataclass(frozen=True, slots=True)
class WindowSummary(Generic[P]):
    """The final summary of a window; `watermark_us` is the watermark that closed it.

    `aside` counts the records that came while it was the newest window of their partition, and are
    in no window.
    """

    start_us: int
    watermark_us: int
    summary: P
    aside: Aside


@dataclass(frozen=True, slots=True)
class Finals(Generic[P]):
    """Word that all windows up to `watermark_us` are final, and those newly so, oldest first."""

    watermark_us: int
    windows: list[WindowSummary[P]]


@dataclass(frozen=True, slots=True)
class SummarySpec(Generic[P]):
    """How a window is summed up: `partial` over one key group's rows, its type, how many groups."""

    partial: Callable[[ClosedWindow], P]
    type: type[P]
    key_groups: int
    window_us: int


class SummaryWindows(Generic[P]):
    """The windows for which some groups' partial summaries are still missing."""

    def __init__(self, spec: SummarySpec[P], state: dict[str, Any] | None = None) -> None:
        self._spec = spec
        self._pending: dict[int, Part[P]] = {}
        # Of windows that were closed when they came: booked on the next final one.
        self._unbooked = Aside()
        closed_us: dict[int, int] = {}
        watermark_us = BEGINNING_US
        if state is not None:
            if state["version"] != STATE_VERSION:
                raise TidemarkError(
                    f"the recovery store has summary state of version {state['version']}, this "
                    f"program reads version {STATE_VERSION}",
                    remedy="resume it with the version that wrote it, or start with an empty store",
                )
            closed_us = dict(state["closed_us"])
            watermark_us = state["watermark_us"]
            self._unbooked = Aside(*state["unbooked"])
            for start_us, packed, aside in state["pending"]:
                summary = msgspec.msgpack.decode(packed, type=spec.type)
                self._pending[start_us] = Part(summary, Aside(*aside))
        self._groups = Watermarks(
            window_us=spec.window_us,
            out_of_orderness_us=0,
            idle_after_us=1,
            watermark_us=watermark_us,
            max_event_us=closed_us,
        )
        self._groups.expect(spec.key_groups)

    @property
    def watermark_us(self) -> int:
        """The watermark up to which windows are final."""
        return self._groups.watermark_us

    def absorb(self, news: Sequence[GroupPartials[P]]) -> list[WindowSummary[P]]:
        """Take partial summaries in; return the windows that are final, oldest first."""
        for item in news:
            for start_us, part in item.partials:
                there = self._pending.get(start_us)
                self._pending[start_us] = part if there is None else there.merge(part)
            self._unbooked += item.unbooked
            self._groups.report(item.group, item.watermark_us, 0)
        watermark_us = self._groups.advance()
        final = sorted(s for s in self._pending if s + self._spec.window_us <= watermark_us)
        return [self._finish(start_us, watermark_us) for start_us in final]

    def _finish(self, start_us: int, watermark_us: int) -> WindowSummary[P]:
        part = self._pending.pop(start_us)
        aside, self._unbooked = part.aside + self._unbooked, Aside()
        return WindowSummary(start_us, watermark_us, part.summary, aside)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values and bytes."""
        return {
            "version": STATE_VERSION,
            "closed_us": self._groups.state(),
            "watermark_us": self._groups.watermark_us,
            "unbooked": astuple(self._unbooked),
            "pending": [
                (start_us, msgspec.msgpack.encode(part.summary), astuple(part.aside))
                for start_us, part in self._pending.items()
            ],
        }

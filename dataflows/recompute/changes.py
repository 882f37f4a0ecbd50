"""What a rebuilt window changes: its document and its points, compared with what is stored.

All that is written is absolute and follows from the topic and the stored books, so that writing it
twice changes nothing. What the live flow has booked on a window (`rejected`, `late`: records that
came while it was the newest one) stays as it is. `late_included` says how many late records are now
in the window, so that the books balance: read = events + duplicates + rejected + late -
late_included, over all windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dataflows.recompute.recipe import Recipe
from dataflows.recompute.windows import Rebuilt
from dataflows.streaming.environment import MICROSECONDS
from dataflows.streaming.parcels import Aside
from dataflows.streaming.results import aggregate
from dataflows.streaming.summary import WindowSummary
from sinks.commands import Document, Point
from tidemark.config import Settings

LATE_INCLUDED = "late_included"
_OF_THE_MOMENT = ("watermark_lag_s", "started_s")
"""What the flow measured when it closed the window, and what can not be measured again."""


@dataclass(frozen=True, slots=True)
class Change:
    """A window before and after. `fewer`: it would lose events that are stored."""

    identity: str
    start_us: int
    before: Document | None
    after: Document
    points: list[Point]
    stale: list[Point]
    """Points of the stored window that the rebuilt one does not have, such as of an item that is
    no longer among the first K."""
    fewer: bool

    @property
    def differs(self) -> bool:
        """Tell whether anything but the absence of late records is news."""
        if self.before is None:
            return True
        stored = {LATE_INCLUDED: 0, **self.before}
        return any(stored.get(name) != value for name, value in self.after.items())


def change_of(
    settings: Settings,
    recipe: Recipe,
    window: Rebuilt,
    before: Document | None,
    *,
    include_late: bool,
) -> Change:
    """Return what rebuilding a window changes."""
    zone, window_s = ZoneInfo(settings.time.time_zone), recipe.section(settings).window_s
    late_included = window.late_included
    aside = window.aside
    fewer = False
    if before is not None:
        # Among them may be records that were late on arrival, which the topic alone does not tell.
        aside = Aside(before.get("rejected", 0), before.get("late", 0), window.aside.duplicates)
        stored_late = before.get(LATE_INCLUDED, 0)
        on_time = before["total"] + before.get("duplicates", 0) - stored_late
        # Late records must not make up for others that are gone.
        fewer = window.records - window.late_included < on_time
        fewer = fewer or (include_late and window.records < on_time + stored_late)
        late_included = max(0, window.records - on_time)
    final = window.final(aside)
    fields = {**recipe.fields(final, zone), LATE_INCLUDED: late_included}
    (after,) = aggregate(recipe.pipeline, window.start_us, window_s, fields).documents
    points = [_with_books(point, late_included) for point in recipe.points(final, window_s, zone)]
    stale: list[Point] = []
    if before is not None:
        old = WindowSummary(
            window.start_us, window.start_us, recipe.restore(settings, before), aside
        )
        kept = set(map(_identity, points))
        stale = [each for each in recipe.points(old, window_s, zone) if _identity(each) not in kept]
    return Change(after["_id"], window.start_us, before, after, points, stale, fewer)


@dataclass(frozen=True, slots=True)
class Removal:
    """A stored window of late records alone, where those are not to be counted."""

    identity: str
    points: list[Point]


def removal_of(settings: Settings, recipe: Recipe, before: Document) -> Removal | None:
    """Return how to remove a stored window that has no record on time; None if it has some."""
    if before["total"] + before.get("duplicates", 0) > before.get(LATE_INCLUDED, 0):
        return None
    zone, window_s = ZoneInfo(settings.time.time_zone), recipe.section(settings).window_s
    start_us = round(before["timestamp"].timestamp()) * MICROSECONDS
    old = WindowSummary(start_us, start_us, recipe.restore(settings, before), Aside())
    return Removal(before["_id"], recipe.points(old, window_s, zone))


def _identity(point: Point) -> tuple[str, frozenset[tuple[str, str]]]:
    return point.measurement, frozenset(point.tags.items())


def _with_books(point: Point, late_included: int) -> Point:
    if point.measurement != "pipeline":
        return point
    fields: Mapping[str, Any] = {
        name: value for name, value in point.fields.items() if name not in _OF_THE_MOMENT
    }
    return Point(
        point.measurement, point.timestamp, point.tags, {**fields, LATE_INCLUDED: late_included}
    )

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

from dataflows.assembly import AnyPipeline
from dataflows.recompute.windows import Rebuilt
from dataflows.streaming.parcels import Aside
from dataflows.streaming.results import pipeline_point
from sinks.commands import Document, Point

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
    pipeline: AnyPipeline,
    window: Rebuilt,
    before: Document | None,
    *,
    include_late: bool,
) -> Change:
    """Return what rebuilding a window changes."""
    late_included = window.late_included
    aside = window.aside
    fewer = False
    if before is not None:
        # Among them may be records that were late on arrival, which the topic alone does not tell.
        aside = Aside(before.get("rejected", 0), before.get("late", 0), window.aside.duplicates)
        stored_late = before.get(LATE_INCLUDED, 0)
        on_time = _events(pipeline, before) - stored_late
        # Late records must not make up for others that are gone.
        fewer = window.records - window.late_included < on_time
        fewer = fewer or (include_late and window.records < on_time + stored_late)
        late_included = max(0, window.records - on_time)
    final = window.final(aside)
    after = {**pipeline.document(final), LATE_INCLUDED: late_included}
    books = pipeline_point(pipeline.name, final, pipeline.window_s, final.summary.events)
    points = [_with_books(books, late_included), *pipeline.points(after)]
    kept = set(map(_identity, points))
    stored_points = [] if before is None else pipeline.points(before)
    stale = [each for each in stored_points if _identity(each) not in kept]
    return Change(after["_id"], window.start_us, before, after, points, stale, fewer)


@dataclass(frozen=True, slots=True)
class Removal:
    """A stored window of late records alone, where those are not to be counted."""

    identity: str
    points: list[Point]


def removal_of(pipeline: AnyPipeline, before: Document) -> Removal | None:
    """Return how to remove a stored window that has no record on time; None if it has some."""
    if _events(pipeline, before) > before.get(LATE_INCLUDED, 0):
        return None
    books = Point("pipeline", before["timestamp"], {"pipeline": pipeline.name}, {})
    return Removal(before["_id"], [books, *pipeline.points(before)])


def _events(pipeline: AnyPipeline, document: Document) -> int:
    """Return how many records are in a stored window, duplicates among them."""
    return int(document[pipeline.events_field]) + int(document.get("duplicates", 0))


def _identity(point: Point) -> tuple[str, frozenset[tuple[str, str]]]:
    return point.measurement, frozenset(point.tags.items())


def _with_books(point: Point, late_included: int) -> Point:
    fields: Mapping[str, Any] = {
        name: value for name, value in point.fields.items() if name not in _OF_THE_MOMENT
    }
    return Point(
        point.measurement, point.timestamp, point.tags, {**fields, LATE_INCLUDED: late_included}
    )

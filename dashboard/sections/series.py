"""Windows as columns on an even grid: what a chart draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboard.reading.protocol import Document

MOST_NAMES = 8
OTHER = "other names"


class Grid:
    """The slots of windows of one length, from the oldest that fits to the newest."""

    def __init__(self, windows: Sequence[Document], most: int) -> None:
        self.newest: Document | None = windows[-1] if windows else None
        self.step_ms = 0
        self.start_ms = 0
        self.length = 0
        self._slots: dict[int, Document] = {}
        if self.newest is None:
            return
        self.step_ms = max(1000, self.newest["window_end"] - self.newest["timestamp"])
        last = self.newest["timestamp"]
        first = max(windows[0]["timestamp"], last - (most - 1) * self.step_ms)
        self.length = (last - first) // self.step_ms + 1
        self.start_ms = last - (self.length - 1) * self.step_ms
        for each in windows:
            slot, rest = divmod(each["timestamp"] - self.start_ms, self.step_ms)
            # Windows of another length, from before the setting changed, have no slot.
            if slot >= 0 and not rest:
                self._slots[slot] = each

    def counts(self, name: str) -> list[float]:
        """Return a column of numbers; a window that is not there is one without events: 0."""
        return [_number(self._slots.get(slot, {}).get(name)) for slot in range(self.length)]

    def ratios(self, name: str) -> list[float | None]:
        """Return a column of numbers that mean nothing without events: there they are null."""
        found = []
        for slot in range(self.length):
            value = self._slots.get(slot, {}).get(name)
            found.append(round(value, 4) if isinstance(value, int | float) else None)
        return found

    def column(self, value: Callable[[Document], Any]) -> list[Any]:
        """Return a column of whatever a window gives, null where there is none."""
        slots = self._slots
        return [value(slots[slot]) if slot in slots else None for slot in range(self.length)]

    def by_name(self, field: str, member: str | None = None) -> dict[str, list[float]]:
        """Return a column for each of the most frequent names of a map, and one for the others."""
        maps = {slot: _flat(each.get(field), member) for slot, each in self._slots.items()}
        totals: dict[str, float] = {}
        for numbers in maps.values():
            for name, value in numbers.items():
                totals[name] = totals.get(name, 0) + value
        names = sorted(totals, key=lambda name: (-totals[name], name))
        columns = {name: [0.0] * self.length for name in names[:MOST_NAMES]}
        if len(names) > MOST_NAMES:
            columns[OTHER] = [0.0] * self.length
        for slot, numbers in maps.items():
            for name, value in numbers.items():
                columns[name if name in columns else OTHER][slot] += value
        return columns

    def axis(self) -> dict[str, int]:
        """Return what a chart needs to know about the slots."""
        return {"start": self.start_ms, "step": self.step_ms, "length": self.length}


def names_and_sums(document: Document | None, field: str) -> dict[str, Any]:
    """Return a map of a document, or an empty one."""
    found = (document or {}).get(field)
    return dict(found) if isinstance(found, Mapping) else {}


def without(document: Document | None, *names: str) -> Document | None:
    """Return a document without some fields."""
    if document is None:
        return None
    return {name: value for name, value in document.items() if name not in names}


def _flat(found: object, member: str | None) -> dict[str, float]:
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): _number(value if member is None else value.get(member))
        for name, value in found.items()
    }


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0

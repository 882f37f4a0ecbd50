"""The newest windows of every type, kept up to date by small questions."""

from __future__ import annotations

from dashboard.reading import Reader
from dashboard.reading.protocol import Document

KINDS = (
    "interactions",
    "logins",
    "processed_logins",
    "activity",
    "sales",
    "inventory",
    "funnel",
    "sessions",
)
KEPT = 360
_WHOLE_EVERY = 30
"""Rounds after which a type is read whole again: a repair may have rewritten a past window."""


class Windows:
    """At most `KEPT` windows of each type, oldest first."""

    def __init__(self) -> None:
        self._held: dict[str, list[Document]] = {}
        self._round = 0

    def __getitem__(self, kind: str) -> list[Document]:
        return self._held.get(kind, [])

    def newest(self, kind: str) -> Document | None:
        """Return the newest window of a type."""
        held = self[kind]
        return held[-1] if held else None

    def update(self, reader: Reader) -> None:
        """Read what has come since the last time."""
        self._round += 1
        for number, kind in enumerate(KINDS):
            held = self[kind]
            if not held or (self._round + number) % _WHOLE_EVERY == 0:
                self._held[kind] = reader.newest_windows(kind, KEPT)
                continue
            since = held[-1]["timestamp"]
            # The newest one again: it may have been written twice.
            found = reader.windows_since(kind, since)
            if found != held[-1:]:
                self._held[kind] = [*held[:-1], *found][-KEPT:]

    def forget(self) -> None:
        """Start anew: another store may be there now."""
        self._held.clear()

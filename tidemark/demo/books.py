"""The books of one pipeline: every record read is in exactly one of five sums."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Books:
    """Records read, and where they are. `windows` counts the final ones."""

    pipeline: str
    topic: str
    read: int = 0
    aggregated: int = 0
    rejected: int = 0
    late: int = 0
    filtered: int = 0
    windows: int = 0
    stays_open: bool = False
    """Whether something is open even when input has ended: a session is, for its gap."""

    @property
    def open(self) -> int:
        """Records that are in windows, or sessions, not final yet."""
        return self.read - self.aggregated - self.rejected - self.late - self.filtered

    @property
    def settled(self) -> bool:
        """Whether nothing is open but what stays so, and nothing is there twice."""
        return self.open >= 0 if self.stays_open else self.open == 0

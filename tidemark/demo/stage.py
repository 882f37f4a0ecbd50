"""What the demo shows at one moment: how far the start is, the books, the rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidemark.demo.snapshot import Snapshot

_RATE_OVER_S = 5.0


class RateMeter:
    """Events a second, of all topics together, over the last five seconds of the books."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, snapshot: Snapshot) -> float | None:
        """Take a snapshot; return the rate, None before there are two."""
        if snapshot.updated_at is not None:
            at_s = snapshot.updated_at.timestamp()
            if not self._seen or at_s > self._seen[-1][0]:
                self._seen.append((at_s, snapshot.read))
        while len(self._seen) > 2 and self._seen[-1][0] - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()
        if len(self._seen) < 2:
            return None
        (before_s, before), (now_s, now) = self._seen[0], self._seen[-1]
        return (now - before) / (now_s - before_s)


@dataclass(frozen=True, slots=True)
class Stage:
    """One picture of the demo; all times in seconds."""

    steps: Sequence[str]
    """What has been done to get here, and what is being waited for (the last one)."""
    ready: bool
    """Whether the steps are done: a window has become final."""
    snapshot: Snapshot
    rate: float | None
    wanted_rate: float
    elapsed_s: float
    now: datetime
    place: str
    note: str = field(default="Ctrl-C stops everything.")

"""How many events a second are read, from the pipelines' own books."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

_OVER_S = 10.0


def books(status: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Add up what was read, rejected and late, and the lag.

    A partition that several pipelines read is read once: it counts once, except for late records,
    which each pipeline decides by its own windows.
    """
    parts: dict[tuple[str, int], dict[str, int]] = {}
    late = 0
    for each in status:
        place = (each["topic"], each["partition"])
        part = parts.setdefault(place, {"read": 0, "rejected": 0, "lag": 0})
        part["read"] = max(part["read"], each.get("read", 0))
        part["rejected"] = max(part["rejected"], each.get("rejected", 0))
        part["lag"] = max(part["lag"], each.get("lag", 0))
        late += each.get("late", 0)
    sums = {
        name: sum(part[name] for part in parts.values()) for name in ("read", "rejected", "lag")
    }
    return {**sums, "late": late}


class RateMeter:
    """Events a second over the last ten seconds of one count."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, at_s: float, count: int) -> float | None:
        """Take a count; return the rate, None before there are two.

        `at_s` is when the count was written, not when it was read. A count that went back starts
        anew.
        """
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        if not self._seen or at_s > self._seen[-1][0]:
            self._seen.append((at_s, count))
        while len(self._seen) > 2 and self._seen[-1][0] - self._seen[0][0] > _OVER_S:
            self._seen.popleft()
        if len(self._seen) < 2:
            return None
        (before_s, before), (now_s, now) = self._seen[0], self._seen[-1]
        return (now - before) / (now_s - before_s)

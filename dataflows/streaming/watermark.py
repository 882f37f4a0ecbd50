"""Watermarks: how far event time has come, by origin.

An origin is a Kafka partition (for the windows of a key group) or a key group (for the summary).
Its watermark is the largest event time seen in it minus the allowed out-of-orderness. The watermark
of the whole is the smallest over the active origins: it can not overtake a record that is not late.

An origin that is caught up and silent for `idle_after_s` is idle and holds nobody back. Where all
are idle, nobody is left to wait for: the watermark goes to the furthest origin's, and once
`out_of_orderness_s` more have passed, past the end of the last window. When the first record comes
after such a silence, every other origin counts as active again until it has been silent for another
`idle_after_s`: partitions filled at once are not read at once, and the first one read must not make
the others late.

Model: the per-split watermarks with idleness of Apache Flink, with silence measured at the source.
"""

from __future__ import annotations

from dataclasses import dataclass

BEGINNING_US = -(1 << 62)
"""Before all time: the watermark of an origin that has said nothing yet."""

END_US = 1 << 62
"""After all time: the watermark at the end of input."""


def window_start_us(time_us: int, length_us: int) -> int:
    """Return the start of the window that holds `time_us`; windows are aligned to the epoch."""
    return time_us - time_us % length_us


def window_end_us(time_us: int, length_us: int) -> int:
    """Return the end (exclusive) of the window that holds `time_us`."""
    return window_start_us(time_us, length_us) + length_us


@dataclass(slots=True)
class Origin:
    """What is known of one origin."""

    max_event_us: int = BEGINNING_US
    silent_us: int = 0
    """Silence that the source reported, 0 when active."""
    discount_us: int = 0
    """Silence from before the last awakening, which no longer counts."""


class Watermarks:
    """The watermark over a fixed set of partitions. Never goes back."""

    def __init__(
        self,
        *,
        window_us: int,
        out_of_orderness_us: int,
        idle_after_us: int,
        watermark_us: int = BEGINNING_US,
        max_event_us: dict[int, int] | None = None,
    ) -> None:
        self._window_us = window_us
        self._out_of_orderness_us = out_of_orderness_us
        self._idle_after_us = idle_after_us
        # Silence is not resumed: after a restart an origin has to prove its idleness anew, for its
        # backlog of the meantime is not read yet.
        self._origins = {o: Origin(max_us) for o, max_us in (max_event_us or {}).items()}
        self.watermark_us = watermark_us

    def state(self) -> dict[int, int]:
        """Return the largest event time per origin: the state to resume with."""
        return {number: origin.max_event_us for number, origin in self._origins.items()}

    def expect(self, origins: int) -> None:
        """Make the origins 0 to `origins` - 1 known; an unheard one holds the watermark back."""
        if len(self._origins) < origins:
            for number in range(origins):
                self._origins.setdefault(number, Origin())

    def report(self, origin: int, max_event_us: int, silent_us: int) -> None:
        """Take an origin's news: its largest event time, and its silence so far (0: none)."""
        state = self._origins.setdefault(origin, Origin())
        state.max_event_us = max(state.max_event_us, max_event_us)
        if silent_us == 0 and self._is_idle(state) and self._all_idle():
            for other in self._origins.values():
                other.discount_us = other.silent_us
        if silent_us == 0:
            state.discount_us = 0
        state.silent_us = silent_us

    def advance(self) -> int:
        """Move the watermark as far as the origins allow and return it."""
        if not self._origins:
            return self.watermark_us
        if not self._all_idle():
            reached_us = min(
                origin.max_event_us
                for origin in self._origins.values()
                if not self._is_idle(origin)
            )
            self._move(reached_us - self._out_of_orderness_us)
            return self.watermark_us
        furthest_us = max(origin.max_event_us for origin in self._origins.values())
        if furthest_us > BEGINNING_US:
            drained_after_us = self._idle_after_us + self._out_of_orderness_us
            if all(o.silent_us - o.discount_us >= drained_after_us for o in self._origins.values()):
                self._move(window_end_us(furthest_us, self._window_us))
            else:
                self._move(furthest_us - self._out_of_orderness_us)
        return self.watermark_us

    def _move(self, to_us: int) -> None:
        self.watermark_us = max(self.watermark_us, to_us)

    def _is_idle(self, origin: Origin) -> bool:
        return origin.silent_us > 0 and (
            origin.silent_us - origin.discount_us >= self._idle_after_us
        )

    def _all_idle(self) -> bool:
        return all(self._is_idle(origin) for origin in self._origins.values())

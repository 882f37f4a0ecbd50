"""Batches as the engine makes them, as far as meters look at them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counts:
    read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    event_time_us: list[int]


@dataclass(frozen=True)
class FakeBatch:
    counters: Counts
    on_time: dict[str, Taken] = field(default_factory=dict)
    next_offset: int = 0
    high_offset: int = 0
    max_event_us: int = 0
    silent_us: int = 0

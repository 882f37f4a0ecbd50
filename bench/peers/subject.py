"""A subject: how to start it, what it writes, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from bench.topics import Place


@dataclass(frozen=True, slots=True)
class Command:
    """What to start, and settings in its environment."""

    words: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to do the job."""

    name: str
    command: Callable[[Place, Path], Command]
    """Given a topic and a fresh folder (with an empty folder `output` in it); may install first."""
    read: Callable[[Path], pl.DataFrame]
    """Reads the folder `output` as counts."""
    sources: tuple[Path, ...]
    keeps: str
    """What it keeps against a crash."""
    closes_all: bool = True
    """It closes the windows at the end of its input."""
    most_events: int | None = None
    """More would take it longer than about five minutes here."""
    idle_end_s: float = 0.0
    """It ends when nothing has come for so long: taken off its time, no CPU is used in it."""

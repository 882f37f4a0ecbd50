"""Rounds: every subject once, then every subject again, so that a busy moment hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from rich.progress import Progress

from bench.console import console
from bench.measure import Measured

T = TypeVar("T")
Subject = Callable[[], Measured]


def run_rounds(subjects: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run the subjects; each raises if its sums are wrong."""
    figures: dict[str, list[T]] = {name: [] for name in subjects}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("benchmark", total=rounds * len(subjects))
        for number in range(1, rounds + 1):
            for name, subject in subjects.items():
                progress.update(task, description=f"round {number}: {name}")
                figures[name].append(subject())
                progress.advance(task)
    return figures

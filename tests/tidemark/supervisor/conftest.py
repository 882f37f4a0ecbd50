"""Runs that are cleaned up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.tidemark.supervisor.running import Run


class StartRun(Protocol):
    """Starts `tidemark run` of the test flow; keyword arguments go to its environment."""

    def __call__(self, *arguments: str, **environ: str) -> Run: ...


@pytest.fixture
def start_run(tmp_path: Path) -> Iterator[StartRun]:
    """Start runs in the test's directory, and leave none behind."""
    started: list[Run] = []

    def start(*arguments: str, **environ: str) -> Run:
        run = Run(tmp_path, *arguments, **environ)
        started.append(run)
        return run

    yield start
    for run in started:
        run.abandon()

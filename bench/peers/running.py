"""Run a subject over a topic, measure its process tree and check what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from bench.errors import BenchmarkError
from bench.origin import ROOT
from bench.peers.check import Outcome, compare
from bench.peers.subject import Subject
from bench.peers.tree import Usage
from bench.results import Figures
from bench.topics import Place
from tests.support.running import environment

TIMEOUT_S = 900.0


def run(subject: Subject, place: Place, truth: pl.DataFrame) -> Figures:
    """Return the figures of one run. Raises BenchmarkError if it fails or counts too much."""
    with tempfile.TemporaryDirectory(prefix="tidemark-peer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "output").mkdir()
        command = subject.command(place, folder)
        log = folder / "log.txt"
        environ = environment(command.environ)
        del environ["PYTHONPATH"]  # our packages are no business of another environment
        done = subprocess.run(
            [sys.executable, "-m", "bench.peers.tree", str(log), str(TIMEOUT_S), *command.words],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        usage = Usage(**json.loads(done.stdout))
        if usage.status != 0:
            raise BenchmarkError(
                f"{subject.name} ended with {usage.status} after {usage.seconds:.0f} s:\n"
                f"{log.read_text(errors='replace')[-4000:]}"
            )
        found = subject.read(folder / "output")
    return figures(
        subject, place.events, usage, compare(truth, found, closes_all=subject.closes_all)
    )


def figures(subject: Subject, events: int, usage: Usage, outcome: Outcome) -> Figures:
    """Return what is kept of a run."""
    seconds = usage.seconds - subject.idle_end_s
    return {
        "events": float(events),
        "seconds": seconds,
        "cpu_s": usage.cpu_s,
        "peak_mib": usage.peak_mib,
        "lost_share": outcome.lost_share,
        "open_windows": float(outcome.open_windows),
        "twice": float(outcome.twice),
    }

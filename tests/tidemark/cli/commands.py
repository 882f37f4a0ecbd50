"""Run `tidemark` as a process in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def environment(**environ: str) -> dict[str, str]:
    """Return an environment without the settings of whoever runs the tests."""
    prefixes = ("TIDEMARK_", "KAFKA_", "MONGO_", "INFLUX_", "BYTEWAX_", "NOTIFY_")
    own = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    return {**own, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **environ}


def tidemark(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tidemark", *arguments],
        cwd=directory,
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180.0,
        check=False,
    )

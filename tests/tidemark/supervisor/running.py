"""Run `tidemark run` as its users do: a process of its own, watched by what it logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FLOW = "tests.tidemark.supervisor.flows:flow"
ROOT = Path(__file__).parents[3]


class Run:
    """A `tidemark run` of the tiny test flow in a directory of its own."""

    def __init__(self, directory: Path, *arguments: str, **environ: str) -> None:
        self.directory = directory
        self.log = directory / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tidemark", "run", f"--flow={FLOW}", *arguments],
                cwd=ROOT,
                env=environment(directory, environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return what was logged so far, or only the events of this name."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        found = [json.loads(line) for line in lines]
        return [each for each in found if not name or each["event"] == name]

    def text(self) -> str:
        return self.log.read_text()

    def totals(self) -> dict[str, list[int]]:
        """Return the last [number, sum] that each partition's file holds."""
        found = {}
        for path in self.directory.glob("?.jsonl"):
            values = [json.loads(line) for line in path.read_text().splitlines()]
            pairs = [value for value in values if isinstance(value, list)]
            if pairs:
                found[path.stem] = pairs[-1]
        return found

    def wait_until(self, condition: Callable[[], bool], limit_s: float = 120.0) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            assert self.process.poll() is None, f"ended {self.process.returncode}: {self.text()}"
            assert time.monotonic() < deadline, f"waited {limit_s} s in vain: {self.text()}"
            time.sleep(0.02)

    def wait_for_event(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        self.wait_until(lambda: len(self.events(name)) >= count)
        return self.events(name)

    def wait_for_progress(self, above: int = 0) -> None:
        self.wait_until(lambda: sum(pair[0] for pair in self.totals().values()) > above)

    def worker_pids(self) -> list[int]:
        """Return the pids of the newest generation."""
        started = self.events("worker.started")
        newest = max(each["generation"] for each in started)
        return [each["pid"] for each in started if each["generation"] == newest]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, limit_s: float = 120.0) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(limit_s)

    def abandon(self) -> None:
        """Leave nothing running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def environment(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run in `directory`, free of the settings of whoever tests."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TIDEMARK_")}
    config = directory / "config.yaml"
    config.touch()
    return {
        **own,
        "TIDEMARK_CONFIG": str(config),
        "TIDEMARK_RECOVERY__DIRECTORY": str(directory / "recovery"),
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_LOGGING__FORMAT": "json",
        "TEST_FLOW_OUT": str(directory),
        **environ,
    }


def gone(pid: int) -> bool:
    """Tell whether the process has ended (a zombie has)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state.rpartition(")")[2].split()[0] == "Z"

"""Run the main job as users do, in processes of its own, with settings from the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIDEMARK = (sys.executable, "-m", "tidemark")
BYTEWAX = (sys.executable, "-m", "bytewax.run", "dataflows.main")

_SENT_AGAIN = ('"store_unavailable"', '"group.restarting"')


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str

    def excuses(self) -> list[str]:
        """Return the log's lines on what makes a flow send Kafka records again."""
        lines = self.stderr.splitlines()
        return [line for line in lines if any(name in line for name in _SENT_AGAIN)]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without its own settings, with `settings`."""
    ours = ("TIDEMARK_", "KAFKA_", "MONGO_", "INFLUX_", "DASHBOARD_", "BYTEWAX_", "NOTIFY_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **settings}


def run(
    command: Sequence[str], directory: Path, settings: Mapping[str, str], timeout_s: float = 400.0
) -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


class Running:
    """A command that runs while the test goes on; leaves nothing behind it."""

    def __init__(
        self, command: Sequence[str], directory: Path, settings: Mapping[str, str]
    ) -> None:
        self.log = directory / "process.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment(settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def interrupt(self, timeout_s: float = 90.0) -> int:
        """Stop it as Ctrl-C does and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout_s)

    def wait_until(
        self, holds: Callable[[], bool], timeout_s: float = 180.0, what: str = "the condition"
    ) -> None:
        """Return when `holds` does; fails when the process ends or time is up before."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            ended = self.process.poll()
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            assert ended is None, f"ended with {ended} before {what}:\n{tail}"
            assert time.monotonic() < deadline, f"{what} did not come in {timeout_s:g} s:\n{tail}"
            time.sleep(0.1)

"""The job as a user runs it, supervised, and the ways to break it."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.sinks.readers import sqlite_documents_so_far
from tests.support.running import TIDEMARK, Running
from tests.support.servers import KafkaEndpoint

STORE = "out.db"


def settings(
    kafka: KafkaEndpoint, topic: str, *, batch_size: int = 2_000, batches_an_epoch: int = 2
) -> dict[str, str]:
    """Return settings for one SQLite store and snapshots each second.

    A partition is read for about so many batches between two snapshots: that makes the flow slow
    enough to be hit while it works.
    """
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_GROUP_ID": topic,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_SOURCE__BATCH_SIZE": str(batch_size),
        "TIDEMARK_SOURCE__EPOCH_BYTES": str(batch_size * batches_an_epoch * 200),
        "TIDEMARK_SOURCE__MAX_MESSAGE_BYTES": "10000",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{STORE}",
        "TIDEMARK_SERIES__URLS": f"sqlite:{STORE}",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


class Job:
    """A `tidemark run` in a directory of its own, started as often as needed."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *arguments: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.store = directory / STORE
        self.environ = dict(environ)
        self.arguments = arguments
        self.log = directory / "process.log"
        self._log_from = 0
        self._running: Running | None = None

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.__exit__()
            self._wait_for_orphans()

    def start(self, *more: str) -> None:
        """Start it; `more` arguments count for this time only."""
        assert self._running is None or self._running.process.poll() is not None
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        command = (*TIDEMARK, "run", *self.arguments, *more)
        self._running = Running(command, self.directory, self.environ)

    @property
    def running(self) -> Running:
        """The supervisor's process."""
        assert self._running is not None, "the job was not started"
        return self._running

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs."""
        return self.running.process.poll() is None

    def text(self) -> str:
        """Return the log since the last start."""
        return self.log.read_bytes()[self._log_from :].decode(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name that were logged since the last start."""
        lines = [line for line in self.text().splitlines() if line.startswith("{")]
        # The last line may be half written.
        complete = [line for line in lines if line.endswith("}")]
        return [each for each in map(json.loads, complete) if each["event"] == name]

    def members(self) -> list[int]:
        """Return the member processes that run now; each is a child of the supervisor."""
        started = [each["pid"] for each in self.events("worker.started")]
        return [pid for pid in started if _parent(pid) == self.running.process.pid]

    @property
    def processes(self) -> int:
        """How many members the newest group has, or had."""
        started = self.events("worker.started")
        newest = started[-1]["generation"]
        return sum(each["generation"] == newest for each in started)

    def kill_member(self, dice: random.Random) -> int:
        """Kill one member at random; return its pid."""
        victim = dice.choice(self.members())
        os.kill(victim, signal.SIGKILL)
        return victim

    def kill_supervisor(self) -> None:
        """Kill the supervisor; its members must go with it."""
        process = self.running.process
        process.kill()
        process.wait(30)
        self._wait_for_orphans()

    def stop(self) -> int:
        """Stop it as a service manager does; return the exit code."""
        self.running.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self, timeout_s: float = 300.0) -> int:
        """Wait for its end and return the exit code."""
        return self.running.process.wait(timeout_s)

    def wait_until(self, holds: Callable[[], bool], what: str, timeout_s: float = 300.0) -> None:
        """Return when `holds` does; fails when the job ends before."""
        self.running.wait_until(holds, timeout_s, what)

    def status(self) -> list[dict[str, Any]]:
        """Return the documents of `pipeline_status`."""
        return list(self.documents("pipeline_status").values())

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return a collection; empty before the store is there."""
        return sqlite_documents_so_far(self.store)(collection)

    def read(self) -> int:
        """Return how many records have been read."""
        return sum(part["read"] for part in self.status())

    def wait_for_work(self, since: datetime | None, what: str) -> None:
        """Wait until the flow has read records and stored that later than `since`."""

        def works() -> bool:
            news = [part for part in self.status() if since is None or part["updated_at"] > since]
            return any(part["read"] > 0 for part in news)

        self.wait_until(works, what)

    def snapshot_epoch(self) -> int:
        """Return the epoch up to which the newest run of the group has stored its state."""
        frontiers: dict[int, list[int]] = {}
        for execution, epoch in self._recovery("SELECT ex_num, worker_frontier FROM fronts"):
            frontiers.setdefault(execution, []).append(epoch)
        return min(frontiers[max(frontiers)]) if frontiers else 0

    def resumed_from(self) -> int:
        """Return the epoch that the newest run of the group began with; 1 is the beginning."""
        rows = self._recovery("SELECT ex_num, resume_epoch FROM exs")
        return max(rows)[1] if rows else 1

    def wait_for_snapshot(self) -> None:
        """Wait until what has been read by now is part of a snapshot."""
        began = self.snapshot_epoch()
        self.wait_until(lambda: self.snapshot_epoch() >= began + 2, "a snapshot")

    def _recovery(self, query: str) -> list[tuple[int, int]]:
        rows: list[tuple[int, int]] = []
        for part in self.directory.glob("var/recovery/part-*.sqlite3"):
            with closing(sqlite3.connect(part, timeout=30)) as connection:
                rows += connection.execute(query).fetchall()
        return rows

    def wait(self, seconds: float) -> None:
        """Let the job run on for so long."""
        until = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() > until, f"{seconds} s more")

    def _wait_for_orphans(self) -> None:
        pids = [each["pid"] for each in self.events("worker.started")]
        deadline = time.monotonic() + 30
        while left := [pid for pid in pids if _is_member(pid)]:
            assert time.monotonic() < deadline, f"{left} outlived their supervisor"
            time.sleep(0.02)


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields and fields[0] != "Z" else None


def _is_member(pid: int) -> bool:
    """Tell whether this is still a worker, and not another process with its number."""
    fields = _stat(pid)
    if not fields or fields[0] == "Z":
        return False
    try:
        return b"tidemark.supervisor.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False

"""A live job: `tidemark run` on SQLite, a generator beside it, and a reader that sees windows come.

Everything runs in processes of its own, as it would for users; the reader asks the store every
5 ms, by a connection of its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchmarkError
from bench.origin import ROOT
from bench.subjects import interactions_settings
from bench.topics import Place
from tests.support.running import TIDEMARK, Running, environment

OUT_OF_ORDERNESS_S = 5.0
"""The default of `time.out_of_orderness_s`."""
POLL_S = 0.005
_STORE = "live.db"
_QUERY = "SELECT _id FROM aggregated_data WHERE _id > ? AND _id < 'interactions0' ORDER BY _id"
_BEFORE_ALL = "interactions/"


class LiveJob:
    """The job over a topic, in a directory of its own."""

    def __init__(self, directory: Path, place: Place, window_s: int, processes: int = 1) -> None:
        self.directory = directory
        self.store = directory / _STORE
        self._settings = {
            **interactions_settings(place),
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_PIPELINES__INTERACTIONS__WINDOW_S": str(window_s),
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{_STORE}",
            "TIDEMARK_SERIES__URLS": f"sqlite:{_STORE}",
            "TIDEMARK_OBSERVABILITY__PORT": "0",
            "TIDEMARK_LOGGING__FORMAT": "json",
            "TIDEMARK_LOGGING__LEVEL": "info",
        }
        self._command = (*TIDEMARK, "run", "--processes", str(processes))
        self._running: Running | None = None

    def __enter__(self) -> LiveJob:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.__exit__()

    def start(self) -> None:
        """Start it and return when its processes have found each other."""
        ready = len(self.events("group.ready"))
        self._running = Running(self._command, self.directory, self._settings)
        self.wait_until(lambda: len(self.events("group.ready")) > ready, "a ready group")

    def stop(self) -> None:
        """Stop it as a service manager does."""
        process = self._process()
        process.send_signal(signal.SIGTERM)
        if process.wait(60.0) != 0:
            raise BenchmarkError(f"the job ended with {process.returncode}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name in the log."""
        log = self.directory / "process.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        # The last line may be half written.
        found = [json.loads(x) for x in lines if x.startswith("{") and x.endswith("}")]
        return [each for each in found if each["event"] == name]

    def members(self) -> list[int]:
        """Return the processes of the newest group."""
        started = self.events("worker.started")
        newest = started[-1]["generation"]
        return [each["pid"] for each in started if each["generation"] == newest]

    def kill_member(self) -> float:
        """Kill the last member with SIGKILL; return when that was (Unix seconds)."""
        pid = self.members()[-1]
        at_s = time.time()
        os.kill(pid, signal.SIGKILL)
        return at_s

    def cpu_s(self) -> float:
        """Return the CPU seconds of the members so far."""
        ticks = 0
        for pid in self.members():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def read(self) -> int:
        """Return how many records have been read, as far as the store tells."""
        with closing(sqlite3.connect(self.store, timeout=30)) as connection:
            query = "SELECT SUM(json_extract(doc, '$.read')) FROM pipeline_status"
            return connection.execute(query).fetchone()[0] or 0

    def next_offsets(self) -> int:
        """Return the sum of the partitions' next offsets, as far as the store tells."""
        with closing(sqlite3.connect(self.store, timeout=30)) as connection:
            query = "SELECT SUM(json_extract(doc, '$.next_offset')) FROM pipeline_status"
            return connection.execute(query).fetchone()[0] or 0

    def last_event_s(self) -> float:
        """Return the newest event time that every partition has reached (Unix seconds)."""
        with closing(sqlite3.connect(self.store, timeout=30)) as connection:
            query = "SELECT MIN(json_extract(doc, '$.max_event_time')) FROM pipeline_status"
            return datetime.fromisoformat(connection.execute(query).fetchone()[0]).timestamp()

    def books(self) -> tuple[int, int, int]:
        """Return events in stored windows, rejected and late records, from the store."""
        with closing(sqlite3.connect(self.store, timeout=30)) as connection:
            query = "SELECT SUM(json_extract(doc, '$.total')) FROM aggregated_data"
            events = connection.execute(query).fetchone()[0]
            query = (
                "SELECT SUM(json_extract(doc, '$.rejected')), SUM(json_extract(doc, '$.late'))"
                " FROM pipeline_status"
            )
            rejected, late = connection.execute(query).fetchone()
        return events or 0, rejected or 0, late or 0

    def wait_for_all(self, events: int, timeout_s: float = 120.0) -> None:
        """Wait until every event is in a stored window; the silence must close the last ones.

        Raises BenchmarkError where records are rejected, late, or counted twice.
        """

        def all_there() -> bool:
            found, rejected, late = self.books()
            if found > events or rejected or late:
                raise BenchmarkError(
                    f"{found} of {events} events in windows, {rejected} rejected, {late} late"
                )
            return found == events

        self.wait_until(all_there, f"{events} events in windows", timeout_s)

    def wait_until(self, holds: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
        """Return when `holds` does. Raises BenchmarkError with the log's end otherwise."""
        assert self._running is not None
        try:
            self._running.wait_until(holds, timeout_s, what)
        except AssertionError as error:
            raise BenchmarkError(str(error)) from error

    def _process(self) -> subprocess.Popen[bytes]:
        assert self._running is not None, "the job was not started"
        return self._running.process


class Watch:
    """Sees windows come into the store: when each could be read for the first time."""

    def __init__(self, store: Path, window_s: int) -> None:
        self.readable_s: dict[float, float] = {}
        """When (Unix seconds), by the window's end (Unix seconds)."""
        self.freshness: list[tuple[float, float]] = []
        """At each look: when, and how long ago the newest readable window ended."""
        self._store = store
        self._window_s = window_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        last, newest_end_s = _BEFORE_ALL, None
        connection: sqlite3.Connection | None = None
        while not self._stop.wait(POLL_S):
            if connection is None and self._store.exists():
                connection = sqlite3.connect(f"file:{self._store}?mode=ro", uri=True, timeout=30)
            if connection is None:
                continue
            try:
                found = [row[0] for row in connection.execute(_QUERY, (last,))]
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                continue
            now_s = time.time()
            for document in found:
                start = datetime.fromisoformat(document.removeprefix(_BEFORE_ALL))
                newest_end_s = start.timestamp() + self._window_s
                self.readable_s[newest_end_s] = now_s
                last = document
            if newest_end_s is not None:
                self.freshness.append((now_s, now_s - newest_end_s))
        if connection is not None:
            connection.close()


class LiveFeed:
    """`tidemark generate` at a rate, event times being the clock's."""

    def __init__(self, place: Place, rate: float, *more: str) -> None:
        command = [*TIDEMARK, "generate", "--stream", "interactions", "--topic", place.topic]
        command += [*more] if "--rate" in more else ["--rate", f"{rate:g}", *more]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(interactions_settings(place)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> LiveFeed:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """End it, or wait for its end, and return how many events are acknowledged."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, timeout_s: float = 900.0) -> int:
        """Wait for its end and return how many events are acknowledged, which must be all."""
        out, _ = self._process.communicate(timeout=timeout_s)
        found = re.search(r"sent (\d+), acknowledged (\d+), failed (\d+)", out)
        if found is None or found[1] != found[2]:
            raise BenchmarkError(f"the generator failed: {out}")
        return int(found[1])

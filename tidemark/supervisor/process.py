"""A worker process as its supervisor sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from tidemark.errors import EXIT_INTERRUPTED
from tidemark.observability.channel import Channel
from tidemark.supervisor.report import Failure, parse
from tidemark.supervisor.spec import GroupSpec

_OUTPUT_LINES = 100


class WorkerProcess:
    """Start a worker and keep what it reports.

    It gets a process group of its own, so that a Ctrl-C at the terminal reaches the supervisor
    alone, which then passes it on once.
    """

    def __init__(
        self,
        spec: GroupSpec,
        index: int,
        addresses: list[str],
        on_output: Callable[[int, str], None] = lambda _index, _line: None,
    ) -> None:
        self.index = index
        self.loaded = False
        self.ready = False
        self.failure: Failure | None = None
        self.killed = False
        self.output: deque[str] = deque(maxlen=_OUTPUT_LINES)
        self._on_output = on_output
        self.metrics = Channel()
        report, report_writer = os.pipe()
        log = _log_fd()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tidemark.supervisor.worker",
                    *spec.arguments(index, addresses),
                    f"--supervisor-pid={os.getpid()}",
                    f"--report-fd={report_writer}",
                    f"--log-fd={log}",
                    f"--metrics-fd={self.metrics.fd}",
                ],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(report_writer, log, self.metrics.fd),
                process_group=0,
                env=spec.environment(index, os.environ),
            )
        except BaseException:
            os.close(report)
            self.metrics.close()
            raise
        finally:
            os.close(report_writer)
            os.close(log)
        self.metrics.started()
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_reports, args=(os.fdopen(report, "rb"),)),
            threading.Thread(target=self._read_output, args=(self._process.stderr,)),
        ]
        for reader in self._readers:
            reader.daemon = True
            reader.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process has ended, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.exit_code is None

    @property
    def failed(self) -> bool:
        """Whether the process has ended in another way than at the end of its input."""
        return self.failure is not None or self.exit_code not in (None, 0)

    def interrupt(self) -> None:
        """Ask the process to stop cleanly."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process; recovery does not depend on a clean stop."""
        if self.alive:
            self.killed = True
            self._process.kill()

    def finish(self) -> None:
        """Wait for the ended process's last words and release what it held."""
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=5.0)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self.metrics.close()

    def describe_end(self) -> str:
        """Say how the process has ended."""
        code = self.exit_code
        if self.failure is not None:
            return self.failure.message
        if code is None:
            return "still running"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if code == EXIT_INTERRUPTED:
            return "interrupted"
        return f"ended with exit code {code}"

    def _read_reports(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                report = parse(line)
                if report == "loaded":
                    self.loaded = True
                elif report == "ready":
                    self.ready = True
                else:
                    self.failure = report

    def _read_output(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self.output.append(text)
                    self._on_output(self.index, text)


def _log_fd() -> int:
    try:
        return os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # a stand-in without a file, as in tests
        return os.dup(2)

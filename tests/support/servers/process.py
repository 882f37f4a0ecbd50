"""One server process: start, wait until it answers, stop, kill, restart."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers.errors import ServerError

LAUNCHER = Path(__file__).with_name("launch.py")

# The parent-death signal follows the thread that started a process, not its process. One thread
# that lives as long as the interpreter starts them all, so that a test may use threads of its own.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-starter")


class Server(ABC):
    """A server on loopback with its data in one folder.

    `start` returns when it answers; `stop` ends it cleanly; `kill` is SIGKILL; `restart` keeps
    ports and data. It ends with the interpreter, and on Linux also when that is killed.
    What it prints is appended to `log`.
    """

    name = "server"
    start_timeout_s = 90.0
    stop_timeout_s = 30.0

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it and return when it answers; raise ServerError with the log's end otherwise."""
        if self.running:
            raise ServerError(f"{self.name} is running already")
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._launch()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it with SIGTERM and wait; SIGKILL after `stop_timeout_s`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """Stop it if it runs and start it again on the same ports and data."""
        self.stop()
        return self.start()

    @property
    def running(self) -> bool:
        """Tell whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the id of the running process."""
        if self._process is None or self._process.poll() is not None:
            raise ServerError(f"{self.name} is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def _launch(self) -> None:
        """Start the process by `_spawn` and wait by `_wait_until_ready`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether it serves requests; called repeatedly while it starts."""

    def _spawn(self, *command: str | Path) -> None:
        self._process = _starter.submit(self._popen, command).result()
        atexit.register(self._end_at_exit, os.getpid())

    def _popen(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                launcher + [str(word) for word in command],
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests, not for it
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while True:
            if not self.running:
                raise ServerError(f"{self.name} ended while it started:\n{self.log_end()}")
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} did not answer within {self.start_timeout_s:.0f} s:\n"
                    f"{self.log_end()}"
                )
            time.sleep(0.1)

    def log_end(self, size_bytes: int = 4000) -> str:
        """Return the last part of what the server printed."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[-size_bytes:].decode(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self._end_at_exit)
        if process.poll() is None:
            _signal_group(process, how)
            try:
                process.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
        # Children of the server outlive it otherwise.
        _signal_group(process, signal.SIGKILL)

    def _end_at_exit(self, owner: int) -> None:
        if os.getpid() == owner:  # a forked child runs this too
            self.kill()


def _signal_group(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)

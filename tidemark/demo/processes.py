"""The generator, the dataflow and the live page: processes whose output goes to files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType

from tidemark.demo.room import Room
from tidemark.errors import TidemarkError


class DemoProcessFailed(TidemarkError):
    """A part of the demo has ended before its time."""


class DemoProcess:
    """Run a module in the room; its output is in the room's `<name>.log`."""

    def __init__(self, room: Room, name: str, module: str, arguments: Sequence[str] = ()) -> None:
        self.name = name
        self._log = room.log(name)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tidemark.demo.child",
                    str(os.getpid()),
                    module,
                    *arguments,
                ],
                cwd=room.directory,
                env=room.environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    @property
    def exit_code(self) -> int | None:
        """How it has ended; None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text("utf-8", "replace")

    def check(self, *, may_end: bool = False) -> None:
        """Raise DemoProcessFailed if it has ended badly, or at all unless it `may_end`."""
        code = self.exit_code
        if code is None or (may_end and code == 0):
            return
        tail = "\n".join(f"    {line}" for line in self.output.splitlines()[-8:])
        raise DemoProcessFailed(
            f"the {self.name} has ended with exit code {code}; the end of {self._log}:\n{tail}"
        )

    def stop(self, limit_s: float = 25.0) -> int:
        """Stop it cleanly, or kill it after `limit_s`; return its exit code."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> DemoProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._process.stdin is not None:
            self._process.stdin.close()

"""A shell in a copy of the project, as its reader has it, that runs the commands of a page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never

from tests.docs.steps import Elsewhere, Ends, Given, Lives, Step, Stops
from tests.sinks.readers import sqlite_documents_so_far
from tests.support.running import ROOT, environment
from tests.support.servers.ports import free_port

LIMIT_S = 240.0
_LEFT_OUT = shutil.ignore_patterns(".*", "var", "__pycache__", "*.egg-info", "results")
_KEPT = (".ci", ".env.example", ".dockerignore", ".gitignore")
Books = Callable[[], Mapping[str, Mapping[str, Any]]]


class Shell:
    """Runs steps one after the other, each command by `bash` with the page's own words.

    Ports of the page are moved to free ones. `books` returns the documents of `pipeline_status`.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.directory = directory
        shutil.copytree(ROOT, directory, ignore=_LEFT_OUT)
        for name in _KEPT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, directory / name)
            else:
                shutil.copy2(source, directory / name)
        _lend_environment(directory)
        self.ports = {"9464": free_port(), "8050": free_port()}
        self.settings = {
            "PYTHONPATH": str(directory),
            "TIDEMARK_OBSERVABILITY__PORT": str(self.ports["9464"]),
            "DASHBOARD_PORT": str(self.ports["8050"]),
            **settings,
        }
        self.books: Books = self._sqlite_books
        self._number = 0
        self._staying: list[_Job] = []
        self._beside: list[tuple[_Job, Ends]] = []

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        for job in [*self._staying, *(job for job, _ in self._beside)]:
            job.kill()

    def does(self, steps: Iterable[Step]) -> None:
        """Do the steps; fails with what a command has printed."""
        for step in steps:
            self._do(step)
        self._do(Stops())
        for job, step in self._beside:
            self._end(job, step)

    @contextmanager
    def beside(self, step: Lives) -> Iterator[None]:
        """Keep a command running, whatever the steps stop meanwhile."""
        job = self._start(step.text, step.more)
        try:
            job.wait_until(lambda: bool(re.search(step.until, job.output())), step.until)
            yield
            job.interrupt(step.codes)
        finally:
            job.kill()

    def _do(self, step: Step) -> None:
        match step:
            case Ends():
                job = self._start(step.text, step.more)
                if step.beside:
                    self._beside.append((job, step))
                else:
                    self._end(job, step)
            case Lives():
                self._live(step)
            case Stops():
                for job in self._staying:
                    job.interrupt(Lives("").codes)
                self._staying.clear()
            case Given():
                name = step.text.removeprefix("export ").partition("=")[0]
                assert name in self.settings, f"the test gives no {name}"
            case Elsewhere():
                pass
            case _:
                assert_never(step)  # type: ignore[arg-type]

    def _start(self, text: str, more: str) -> _Job:
        self._number += 1
        command = f"{text} {more}".strip()
        for page, here in self.ports.items():
            command = command.replace(f":{page}", f":{here}")
        log = self.directory / f"output-{self._number}.log"
        return _Job(command, self.directory, self.settings, log)

    def _end(self, job: _Job, step: Ends) -> None:
        job.wait()
        job.ended_with((step.code,))
        assert re.search(step.says, job.output()), f"{job}:\n{job.output()}"

    def _live(self, step: Lives) -> None:
        began = datetime.now(UTC)
        job = self._start(f"{step.before} {step.text}", step.more)
        self._staying.append(job)
        if step.until == "reads":
            job.wait_until(lambda: self._has_read(since=began), "records in the books")
        else:
            job.wait_until(lambda: bool(re.search(step.until, job.output())), step.until)
        if not step.stays:
            self._staying.remove(job)
            job.interrupt(step.codes)

    def _has_read(self, since: datetime) -> bool:
        return any(
            each["read"] > 0 and each["updated_at"] > since for each in self.books().values()
        )

    def _sqlite_books(self) -> Mapping[str, Mapping[str, Any]]:
        return sqlite_documents_so_far(self.directory / "var" / "tidemark.db")("pipeline_status")


class _Job:
    """A command in a group of processes of its own, as a terminal's foreground job is."""

    def __init__(
        self, command: str, directory: Path, settings: Mapping[str, str], log: Path
    ) -> None:
        self.command = command
        self._log = log
        tools = Path(sys.executable).parent
        environ = environment(settings)
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "SECONDS", "JOBS"):
            environ.pop(name, None)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                cwd=directory,
                env={**environ, "PATH": f"{tools}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def __str__(self) -> str:
        return f"$ {self.command}"

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(errors="replace")

    def wait(self) -> None:
        """Wait for its end."""
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self} does not end:\n{self.output()}") from None

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Return when `holds` does; fails when it ends before."""
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            assert self.process.poll() is None, f"{self} ended before {what}:\n{self.output()}"
            assert time.monotonic() < deadline, f"{self}: no {what}:\n{self.output()}"
            time.sleep(0.1)

    def interrupt(self, codes: tuple[int, ...]) -> None:
        """Send all its processes what Ctrl-C sends."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.wait()
        self.ended_with(codes)

    def ended_with(self, codes: tuple[int, ...]) -> None:
        """Fail unless it has ended with one of the codes."""
        code = self.process.returncode
        assert code in codes, f"{self} ended with {code}, not {codes}:\n{self.output()[-4000:]}"

    def kill(self) -> None:
        """End it and what it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait(10)


def _lend_environment(directory: Path) -> None:
    """Give a copy of the project the environment of this one; `make` finds it complete."""
    own = directory / ".venv"
    own.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (own / name).symlink_to(Path(sys.prefix) / name)
    (own / ".made").write_text(f"{directory}\n")
    for stamp in (".runtime", ".dev"):
        (own / stamp).touch()

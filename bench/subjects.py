"""What is compared: each subject runs in processes of its own and says what it measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.measure import Measured, joined
from tests.support.servers.ports import free_port

Subject = Callable[[], Measured]

_TIMEOUT_S = 600.0


class BenchmarkError(RuntimeError):
    """A subject failed, or its sums are wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """The topic that is read, and how many events are in it."""

    servers: str
    topic: str
    events: int


def raw(place: Place) -> Measured:
    """Read with a bare consumer."""
    return _finish([_start(["-m", "bench.raw", place.servers, place.topic], {})])


def job(
    place: Place,
    *,
    documents: str,
    processes: int = 1,
    recovery: bool = True,
    batch: int = 20_000,
    pipelines: str = "interactions",
    more: Mapping[str, str] = MappingProxyType({}),
) -> Measured:
    """Run the job; `documents` is the store's URL, `{directory}` in it a fresh directory.

    `more` are further settings; without any the topic is that of the interactions.
    """
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        directory = Path(folder)
        store = documents.format(directory=directory)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": place.servers,
            "TIDEMARK_PIPELINES__ONLY": pipelines,
            "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": place.topic,
            "TIDEMARK_SOURCE__UNTIL_END": "true",
            "TIDEMARK_SOURCE__BATCH_SIZE": str(batch),
            "TIDEMARK_DOCUMENTS__URLS": store,
            "TIDEMARK_SERIES__URLS": store,
            "TIDEMARK_LOGGING__LEVEL": "warning",
            **more,
        }
        arguments = ["-m", "bench.job"]
        if recovery:
            from bytewax.recovery import init_db_dir

            (directory / "recovery").mkdir()
            init_db_dir(directory / "recovery", 4)  # type: ignore[no-untyped-call] # native
            arguments += ["--recovery", str(directory / "recovery")]
        if processes == 1:
            return _finish([_start(arguments, settings)])
        addresses = ";".join(f"127.0.0.1:{free_port()}" for _ in range(processes))
        return _finish(
            [
                _start([*arguments, "--addresses", addresses, "--process", str(number)], settings)
                for number in range(processes)
            ]
        )


def _start(arguments: list[str], settings: dict[str, str]) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[1]
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, **settings, "TIDEMARK_CONFIG": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(processes: list[subprocess.Popen[str]]) -> Measured:
    try:
        ends = [process.communicate(timeout=_TIMEOUT_S) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    for process, (_, errors) in zip(processes, ends, strict=True):
        if process.returncode != 0:
            raise BenchmarkError(f"a subject ended with {process.returncode}:\n{errors[-4000:]}")
    return joined([Measured(**json.loads(out.strip().splitlines()[-1])) for out, _ in ends])

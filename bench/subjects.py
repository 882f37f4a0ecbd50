"""What is compared: each subject runs in processes of its own and says what it measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.errors import BenchmarkError
from bench.measure import Measured, joined
from bench.origin import ROOT
from bench.topics import Place
from tests.support.running import environment
from tests.support.servers.ports import free_port

EPOCH_S = 2
"""The default of `engine.epoch_interval_s`."""
NEVER_S = 3600
"""An epoch that outlasts every run: no snapshot is made but the last one."""
NO_STORE = "null:"
SQLITE = "sqlite:{directory}/bench.db"
_TIMEOUT_S = 900.0
_NOTHING: Mapping[str, str] = MappingProxyType({})


def raw(place: Place) -> Measured:
    """Read with a bare consumer."""
    measured = joined(_reports([_start(["-m", "bench.raw", place.servers, place.topic], {})]))
    if measured.events != place.events:
        raise BenchmarkError(f"{measured.events} of {place.events} records were read")
    return measured


def job(
    place: Place,
    *,
    documents: str = NO_STORE,
    series: str | None = None,
    processes: int = 1,
    workers: int = 1,
    recovery: bool = True,
    epoch_s: int = EPOCH_S,
    pipelines: str = "interactions",
    whole: bool = True,
    more: Mapping[str, str] = _NOTHING,
    check: Callable[[Path], None] | None = None,
) -> Measured:
    """Run the job to the end of the topic and check its sums.

    `documents` and `series` are URLs of stores, `{directory}` in them a fresh directory; without
    `series` they are one. `more` are further settings; without any the topic is that of the
    interactions. Not `whole`: the pipeline leaves events out, their number is not known here.
    `check` looks into the directory after the run. Raises BenchmarkError.
    """
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        directory = Path(folder)
        store = documents.format(directory=directory)
        settings = {
            **interactions_settings(place),
            "TIDEMARK_PIPELINES__ONLY": pipelines,
            "TIDEMARK_SOURCE__UNTIL_END": "true",
            "TIDEMARK_DOCUMENTS__URLS": store,
            "TIDEMARK_SERIES__URLS": (series or documents).format(directory=directory),
            **more,
        }
        arguments = ["-m", "bench.job", "--epoch-s", str(epoch_s), "--workers", str(workers)]
        if epoch_s == NEVER_S:
            settings["TIDEMARK_SOURCE__EPOCH_BYTES"] = str(2**40)
        if recovery:
            arguments += ["--recovery", str(recovery_store(directory / "recovery"))]
        members: list[list[str]] = [[]]
        if processes > 1:
            addresses = ";".join(f"127.0.0.1:{free_port()}" for _ in range(processes))
            members = [
                ["--addresses", addresses, "--process", str(number)] for number in range(processes)
            ]
        reports = _reports([_start([*arguments, *member], settings) for member in members])
        if check is not None:
            check(directory)
    measured = joined(reports)
    if whole:
        _check(place, measured)
    return measured


def held(place: Place, users: int) -> dict[str, float]:
    """Run the job over a topic with one window that stays open; return what it holds then."""
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        settings = {
            **interactions_settings(place),
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_DOCUMENTS__URLS": NO_STORE,
            "TIDEMARK_SERIES__URLS": NO_STORE,
            "TIDEMARK_TIME__IDLE_AFTER_S": "86400",
        }
        arguments = ["-m", "bench.job", "--epoch-s", str(EPOCH_S), "--hold", str(place.events)]
        arguments += ["--recovery", str(recovery_store(Path(folder) / "recovery"))]
        (figures,) = _outputs([_start(arguments, settings)])
    return {"users": float(users), **figures}


def interactions_settings(place: Place) -> dict[str, str]:
    """Return the settings that read a place's topic as interactions."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": place.servers,
        "KAFKA_GROUP_ID": place.topic,
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": place.topic,
        "TIDEMARK_LOGGING__LEVEL": "warning",
        "TIDEMARK_CONFIG": os.devnull,
    }


def recovery_store(directory: Path) -> Path:
    """Make an empty recovery store."""
    from bytewax.recovery import init_db_dir

    directory.mkdir()
    init_db_dir(directory, 4)  # type: ignore[no-untyped-call] # native
    return directory


def run_module(arguments: Sequence[str], settings: Mapping[str, str] = _NOTHING) -> dict[str, Any]:
    """Run a module of ours and return the object that its last line is."""
    (found,) = _outputs([_start(["-m", *arguments], settings)])
    return found


def _check(place: Place, measured: Measured) -> None:
    right = measured.accounted == place.events and measured.rejected == place.rejected
    if not right or measured.late:
        raise BenchmarkError(
            f"{place.events} records with {place.rejected} malformed went in; in the windows are "
            f"{measured.events}, rejected {measured.rejected}, late {measured.late}"
        )


def _start(arguments: list[str], settings: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _reports(processes: list[subprocess.Popen[str]]) -> list[Measured]:
    return [Measured(**found) for found in _outputs(processes)]


def _outputs(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    try:
        ends = [process.communicate(timeout=_TIMEOUT_S) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    for process, (_, errors) in zip(processes, ends, strict=True):
        if process.returncode != 0:
            raise BenchmarkError(f"a subject ended with {process.returncode}:\n{errors[-4000:]}")
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in ends]

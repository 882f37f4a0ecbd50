"""The demo from its start to its end, as a user runs it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.tidemark.cli.commands import environment, tidemark

PIPELINES = [
    *("interactions", "logins", "processed_logins", "activity"),
    *("sales", "inventory", "funnel", "sessions"),
]
OK = "OK: events read = aggregated + rejected + late + filtered, in all 8 pipelines"


def test_twenty_seconds_end_with_balanced_books(tmp_path: Path) -> None:
    done = tidemark(
        tmp_path,
        *("demo", "--seconds=20", "--directory=there"),
        # None of these may reach the demo.
        MONGO_URI="mongodb://127.0.0.1:1",
        INFLUX_URL="http://127.0.0.1:1",
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        TIDEMARK_PIPELINES__INTERACTIONS__WINDOW_S="3600",
        TIDEMARK_PIPELINES__ONLY="[sales]",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] in (
        OK,
        OK.replace("filtered,", "filtered (sessions: + open),"),
    )
    sums = {}
    for line in done.stdout.splitlines():
        name, *numbers = line.split()
        if name in PIPELINES and len(numbers) == 7:
            sums[name] = [int(number.replace(",", "")) for number in numbers]
    assert list(sums) == PIPELINES
    for name, (read, aggregated, rejected, late, filtered, still_open, windows) in sums.items():
        assert read == aggregated + rejected + late + filtered + still_open
        assert min(aggregated, rejected, windows) > 0, name
        assert still_open == 0 or name == "sessions"
        assert (filtered > 0) == (name == "processed_logins")
    assert sums["interactions"][3] > 0, "some are late"
    with sqlite3.connect(tmp_path / "there" / "demo.db") as store:
        kinds = (
            "SELECT json_extract(doc, '$.type') AS type, count(*) FROM aggregated_data GROUP BY 1"
        )
        windows_of = dict(store.execute(kinds).fetchall())
        (alerts,) = store.execute("SELECT count(*) FROM alerts").fetchone()
    store.close()
    assert set(windows_of) == set(PIPELINES)
    assert windows_of["interactions"] >= 2
    assert alerts > 0
    assert processes_in(tmp_path) == []


def test_the_books_balance_although_the_dataflow_is_killed_on_its_way(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemark", "demo", "--seconds=20", "--directory=there"],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(tmp_path / "out", "so far", process)
        for pid in processes_in(tmp_path):
            if b"tidemark.supervisor.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        assert process.wait(60) == 0, (tmp_path / "out").read_text()
    finally:
        process.kill()
        process.wait()
    assert "group.restarting" in (tmp_path / "there" / "dataflow.log").read_text()
    assert "OK: events read = aggregated + rejected + late + filtered" in (
        (tmp_path / "out").read_text()
    )


def test_an_interrupt_stops_all_of_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemark", "demo", "--directory=there"],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(tmp_path / "out", "so far", process)
        assert len(processes_in(tmp_path)) >= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    text = (tmp_path / "out").read_text()
    assert "Traceback" not in text
    assert "FAILED" not in text
    assert processes_in(tmp_path) == []


def test_a_dataflow_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemark", "demo", "--directory=there"],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(tmp_path / "out", "first window", process)
        for pid in processes_in(tmp_path):
            if b"tidemark\0run" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
    assert "error: the dataflow has ended with exit code 0" in (tmp_path / "out").read_text()
    assert processes_in(tmp_path) == []


def wait_for(path: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while text not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        assert process.poll() is None, path.read_text()
        time.sleep(0.1)


def processes_in(directory: Path) -> list[int]:
    """List the processes whose working directory is in `directory`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            where = (entry / "cwd").readlink()
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if where.is_relative_to(directory):
            found.append(int(entry.name))
    return found

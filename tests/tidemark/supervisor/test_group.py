"""The group as a whole, with real processes: ends, deaths, restarts, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.tidemark.supervisor.conftest import StartRun
from tests.tidemark.supervisor.running import FLOW, ROOT, environment, gone

LIMIT = 300
SUM = LIMIT * (LIMIT + 1) // 2


@pytest.mark.parametrize("arguments", [(), ("--workers=2",), ("--processes=2",)])
def test_ends_with_0_at_the_end_of_its_input(
    start_run: StartRun, arguments: tuple[str, ...]
) -> None:
    run = start_run(*arguments, TEST_FLOW_LIMIT="50")
    assert run.end() == 0
    assert run.totals() == {"a": [50, 1275], "b": [50, 1275]}
    assert run.events("supervisor.finished")


@pytest.mark.parametrize("victim", [0, 1])
def test_restarts_all_from_the_last_snapshot_when_one_is_killed(
    start_run: StartRun, victim: int
) -> None:
    run = start_run("--processes=2", TEST_FLOW_LIMIT=str(LIMIT))
    run.wait_for_progress(above=240)
    before = run.worker_pids()
    os.kill(before[victim], signal.SIGKILL)
    run.wait_for_event("group.restarting")
    assert run.end() == 0
    assert run.totals() == {"a": [LIMIT, SUM], "b": [LIMIT, SUM]}
    after = run.worker_pids()
    assert len(after) == 2
    assert not set(before) & set(after)
    killed = [each for each in run.events("worker.exited") if each["code"] == -signal.SIGKILL]
    assert [each["worker"] for each in killed] == [victim]


def test_goes_on_where_it_was_stopped(start_run: StartRun) -> None:
    first = start_run(TEST_FLOW_LIMIT=str(LIMIT))
    first.wait_for_progress(above=240)
    first.send(signal.SIGTERM)
    assert first.end() == 0
    second = start_run(TEST_FLOW_LIMIT=str(LIMIT))
    assert second.end() == 0
    assert second.totals() == {"a": [LIMIT, SUM], "b": [LIMIT, SUM]}


def test_starts_from_nothing_when_told_so(start_run: StartRun) -> None:
    assert start_run(TEST_FLOW_LIMIT="30").end() == 0
    run = start_run("--fresh", TEST_FLOW_LIMIT="20")
    assert run.end() == 0
    assert run.totals() == {"a": [20, 210], "b": [20, 210]}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("processes", [1, 2])
def test_stops_cleanly_on_a_signal(
    start_run: StartRun, number: signal.Signals, code: int, processes: int
) -> None:
    run = start_run(f"--processes={processes}")
    # Progress of one process says nothing of the other.
    run.wait_until(lambda: run.totals().keys() == {"a", "b"})
    started = time.monotonic()
    run.send(number)
    assert run.end() == code
    assert time.monotonic() - started < 5
    assert run.events("supervisor.stopped")[0]["clean"] is True
    closed = [(run.directory / f"{part}.jsonl").read_text() for part in "ab"]
    assert all(text.endswith('"closed"\n') for text in closed)
    assert all(gone(pid) for pid in run.worker_pids())
    assert "panicked" not in run.text()


def test_stops_although_a_shell_started_it_with_interrupts_ignored(start_run: StartRun) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = start_run()
    finally:
        signal.signal(signal.SIGINT, before)
    run.wait_for_progress()
    run.send(signal.SIGTERM)
    assert run.end() == 0
    assert run.events("supervisor.stopped")[0]["clean"] is True


def test_leaves_no_worker_behind_when_killed(start_run: StartRun) -> None:
    run = start_run("--processes=2")
    run.wait_for_progress()
    pids = run.worker_pids()
    run.send(signal.SIGKILL)
    run.end()
    deadline = time.monotonic() + 5
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline, f"{pids} outlived their supervisor"
        time.sleep(0.02)


def test_restarts_when_one_is_killed_while_the_others_connect(start_run: StartRun) -> None:
    run = start_run("--processes=2", TEST_FLOW_LIMIT="50")
    run.wait_for_event("worker.started", 2)
    os.kill(run.worker_pids()[1], signal.SIGKILL)
    assert run.end() == 0
    assert run.totals() == {"a": [50, 1275], "b": [50, 1275]}
    assert not run.events("worker.killed"), "the one that connects must stop by itself"


def test_kills_what_does_not_stop_at_the_second_signal(start_run: StartRun) -> None:
    run = start_run(TEST_FLOW_FAIL="list:deaf")
    run.wait_for_event("group.ready")
    run.send(signal.SIGTERM)
    run.wait_for_event("group.stopping")
    run.send(signal.SIGTERM)
    assert run.end(10) == 1
    assert run.events("worker.killed")


@pytest.mark.parametrize("place", ["load", "list"])
@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("known", 1, "error: the pond is dry\n  remedy: wait for rain"),
        ("config", 2, "error: 1 problem in the configuration\n  pond.depth = -1"),
    ],
)
def test_refuses_to_start_with_one_clear_message(
    start_run: StartRun, place: str, kind: str, code: int, message: str
) -> None:
    run = start_run("--processes=2", TEST_FLOW_FAIL=f"{place}:{kind}")
    assert run.end() == code
    assert message in run.text()
    assert run.text().count("error: ") == 1
    assert "Traceback" not in run.text()
    assert "panicked" not in run.text()
    assert len(run.events("worker.started")) == 2, "no restart mends this"


def test_does_not_restart_after_a_permanent_error(start_run: StartRun) -> None:
    run = start_run(TEST_FLOW_FAIL="running:permanent")
    assert run.end() == 1
    assert "error: the pond is gone\n  remedy: dig another" in run.text()
    assert not run.events("group.restarting")


def test_restarts_after_a_bug_that_may_pass_and_shows_where_it_was(start_run: StartRun) -> None:
    run = start_run(TEST_FLOW_FAIL="running:bug-once", TEST_FLOW_LIMIT="50")
    assert run.end() == 0
    assert run.totals() == {"a": [50, 1275], "b": [50, 1275]}
    assert "ZeroDivisionError" in run.events("worker.traceback")[0]["text"]


@pytest.mark.parametrize("place", ["load", "running"])
def test_a_traceback_shows_no_secret(start_run: StartRun, place: str) -> None:
    uri = "mongodb://me:hunter2-4711@nowhere.invalid/?serverSelectionTimeoutMS=1"
    run = start_run("--processes=2", TEST_FLOW_FAIL=f"{place}:secret", MONGO_URI=uri)
    assert run.end() == 1
    assert "no way in by" in run.text()
    assert "Traceback" in run.text()
    assert "hunter2-4711" not in run.text()


def test_a_terminals_interrupt_reaches_the_workers_once(start_run: StartRun) -> None:
    run = start_run("--processes=2")
    run.wait_for_event("worker.started", 2)
    groups = {os.getpgid(pid) for pid in run.worker_pids()}
    assert os.getpgid(run.process.pid) not in groups


def test_workers_run_without_a_supervisor_too(start_run: StartRun) -> None:
    run = start_run(TEST_FLOW_LIMIT="10")
    assert run.end() == 0
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tidemark.supervisor.worker",
            f"--flow={FLOW}",
            f"--recovery-directory={run.directory / 'recovery'}",
            "--epoch-interval-s=1",
        ],
        cwd=ROOT,
        env=environment(run.directory, {"TEST_FLOW_FAIL": "list:known"}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1
    assert "error: the pond is dry\n  remedy: wait for rain\n" in done.stderr

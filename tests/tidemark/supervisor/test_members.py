"""A cluster over several machines: each member under a supervisor of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers.ports import free_port
from tests.tidemark.supervisor.running import Run
from tidemark.supervisor.spec import GroupSpec

LIMIT = 300
SUM = LIMIT * (LIMIT + 1) // 2
Member = Callable[[int], Run]


@pytest.fixture
def start_member(tmp_path: Path) -> Iterator[Member]:
    addresses = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    started: list[Run] = []

    def start(number: int) -> Run:
        home = tmp_path / f"member-{number}"
        home.mkdir(exist_ok=True)
        run = Run(
            home,
            f"--member={number}",
            TIDEMARK_RUN__ADDRESSES=addresses,
            TIDEMARK_OBSERVABILITY__ENABLED="false",
            TEST_FLOW_OUT=str(tmp_path),
            TEST_FLOW_LIMIT=str(LIMIT),
        )
        run.directory = tmp_path
        started.append(run)
        return run

    yield start
    for run in started:
        run.abandon()


def parts(tmp_path: Path, number: int) -> int:
    return len(list((tmp_path / f"member-{number}" / "recovery").glob("part-*.sqlite3")))


def test_members_share_the_work_and_member_0_keeps_the_recovery_store(
    start_member: Member, tmp_path: Path
) -> None:
    runs = [start_member(0), start_member(1)]
    assert [run.end() for run in runs] == [0, 0]
    assert runs[0].totals() == {"a": [LIMIT, SUM], "b": [LIMIT, SUM]}
    assert [parts(tmp_path, number) for number in (0, 1)] == [4, 0]


@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_member_is_lost_and_comes_back_all_go_on(
    start_member: Member, tmp_path: Path, victim: int
) -> None:
    runs = [start_member(0), start_member(1)]
    runs[0].wait_for_progress(above=240)
    runs[victim].send(signal.SIGKILL)
    runs[victim].end()
    runs[1 - victim].wait_for_event("group.restarting")
    back = start_member(victim)
    assert back.end() == 0
    assert runs[1 - victim].end() == 0
    assert back.totals() == {"a": [LIMIT, SUM], "b": [LIMIT, SUM]}


def test_a_member_that_has_partitions_and_is_not_the_first_is_refused(
    start_member: Member, tmp_path: Path
) -> None:
    stray = tmp_path / "member-1" / "recovery"
    stray.mkdir(parents=True, mode=0o700)
    (stray / "part-0.sqlite3").touch(mode=0o600)
    run = start_member(1)
    assert run.end() == 2
    assert "only member 0 of a cluster has them" in run.text()


def test_a_cluster_of_one_needs_no_addresses(tmp_path: Path) -> None:
    spec = GroupSpec(tmp_path, 1, cluster=("here:1",), member=0)
    assert spec.addresses() == []
    assert list(spec.numbers()) == [0]


def test_a_member_is_one_process_whatever_number_is_set(tmp_path: Path) -> None:
    spec = GroupSpec(tmp_path, 1, processes=4, cluster=("here:1", "there:1"), member=1)
    assert list(spec.numbers()) == [1]
    assert spec.addresses() == ["here:1", "there:1"]


def test_a_worker_that_dies_is_restarted_with_its_number(start_member: Member) -> None:
    runs = [start_member(0), start_member(1)]
    runs[0].wait_for_progress(above=240)
    os.kill(runs[1].worker_pids()[0], signal.SIGKILL)
    assert [run.end() for run in runs] == [0, 0]
    assert {each["worker"] for each in runs[1].events("worker.started")} == {1}
    assert runs[0].totals() == {"a": [LIMIT, SUM], "b": [LIMIT, SUM]}

"""The supervisor's patience, made short for the test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.tidemark.supervisor.running import FLOW, ROOT, environment

SUPERVISE = """
import sys
from pathlib import Path
from bytewax.recovery import init_db_dir
from tidemark.cli import print_error
from tidemark.config import load_settings
from tidemark.errors import TidemarkError
from tidemark.log import configure_logging
from tidemark.supervisor.group import Supervisor
from tidemark.supervisor.restarts import Policy
from tidemark.supervisor.spec import GroupSpec

store = Path(sys.argv[1])
store.mkdir()
init_db_dir(store, 2)
configure_logging(load_settings().logging)
spec = GroupSpec(store, epoch_interval_s=1, processes=2, flow=sys.argv[2])
policy = Policy(first_delay_s=0.1, max_restarts=2, start_limit_s=12, stop_limit_s=0.5)
try:
    sys.exit(Supervisor(spec, policy).run())
except TidemarkError as error:
    print_error(error)
    sys.exit(error.exit_code)
"""


def supervise(directory: Path, **environ: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return exit code, events and the last message of a run with little patience."""
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISE, str(directory / "store"), FLOW],
        cwd=ROOT,
        env=environment(directory, environ),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    lines = done.stderr.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return done.returncode, events, "\n".join(line for line in lines if not line.startswith("{"))


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [each for each in events if each["event"] == name]


def test_a_process_that_hangs_before_it_connects_is_killed_and_all_restarted(
    tmp_path: Path,
) -> None:
    code, events, _ = supervise(tmp_path, TEST_FLOW_FAIL="load:deaf-once", TEST_FLOW_LIMIT="20")
    assert code == 0
    assert len(named(events, "group.hangs")) == 1
    assert named(events, "worker.killed")
    assert len(named(events, "group.restarting")) == 1
    assert len(named(events, "group.ready")) == 1


def test_a_group_that_always_crashes_is_given_up(tmp_path: Path) -> None:
    code, events, message = supervise(tmp_path, TEST_FLOW_FAIL="running:bug")
    assert code == 1
    # The reason is the error of the flow, not what its end does to the peers.
    reasons = [each["reason"] for each in named(events, "group.restarting")]
    assert reasons == ["ZeroDivisionError: a bug"] * 2
    assert len(named(events, "group.given_up")) == 1
    assert message == "error: ZeroDivisionError: a bug"

"""Measuring a process tree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.origin import ROOT
from bench.peers.tree import Usage

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
ORPHAN = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {code!r}], start_new_session=True)
"""


def _measure(tmp_path: Path, code: str, timeout_s: float = 60.0) -> Usage:
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        [sys.executable, "-m", "bench.peers.tree", tmp_path / "log", str(timeout_s), *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Usage(**json.loads(done.stdout))


def test_cpu_of_a_child_that_outlives_its_parent_counts(tmp_path: Path) -> None:
    usage = _measure(tmp_path, ORPHAN.format(code=BURN.format(seconds=0.8)))
    assert usage.status == 0
    assert usage.cpu_s >= 0.8
    assert usage.seconds >= 0.8


def test_memory_is_summed_over_the_tree(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(b'x' * 60_000_000); time.sleep(1)"
    usage = _measure(tmp_path, ORPHAN.format(code=hold) + f"\n{hold}")
    assert usage.peak_mib > 2 * 60_000_000 / 2**20


def test_the_commands_own_exit_code_is_told(tmp_path: Path) -> None:
    usage = _measure(tmp_path, "import sys; print('said'); sys.exit(3)")
    assert usage.status == 3
    assert (tmp_path / "log").read_text() == "said\n"


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    usage = _measure(tmp_path, ORPHAN.format(code="import time; time.sleep(600)"), timeout_s=1.0)
    assert usage.status == -1
    assert usage.seconds < 300

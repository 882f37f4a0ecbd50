"""Tests that failed are run once more alone, a few of them, and what fails again has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.parametrize("number", range({number}))
def test_fails(number):
    assert "{always}" != "yes" and open("again", "a+").tell()

def test_rolls_the_same():
    from tests.faults.seeds import seed
    open("seeds", "a").write(f"{{seed()}}\\n")
    assert open("again", "a+").write("x") and len(open("seeds").readlines()) > 1
"""


@pytest.mark.parametrize(
    ("number", "always", "code", "says"),
    [
        (4, "no", 0, "Failed among the others, passed alone"),
        (4, "yes", 1, "4 failed"),
        (12, "no", 1, "13 tests have failed: not run again"),
    ],
)
def test_a_few_failures_are_tried_alone(
    number: int, always: str, code: int, says: str, tmp_path: Path
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS.format(number=number, always=always))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for module, *more in (["pytest", "-q", "-p", "tests.conftest"], ["tests.alone"]):
        done = subprocess.run(
            [sys.executable, "-m", module, *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout
    assert len(set((tmp_path / "seeds").read_text().split())) == 1

"""Counting lines of code."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers.catalog import SUBJECTS
from bench.peers.lines import count_lines

PYTHON = '''\
"""A module.

It says more.
"""

# a comment
LINES = (
    1,
    2,
)


def f() -> str:
    """Say it."""
    return """two
lines"""  # said
'''
SQL = """\
-- a comment
CREATE TABLE t (

  a STRING -- what it is
);
"""
JAVA = """\
/** What it
 *  is. */
class A {
    // a comment
    int a = 1;
}
"""


@pytest.mark.parametrize(
    ("name", "text", "lines"), [("a.py", PYTHON, 7), ("a.sql", SQL, 3), ("A.java", JAVA, 3)]
)
def test_only_what_says_something_counts(tmp_path: Path, name: str, text: str, lines: int) -> None:
    (tmp_path / name).write_text(text)
    assert count_lines([tmp_path / name]) == lines


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_job_can_be_counted(name: str) -> None:
    assert count_lines(SUBJECTS[name].sources) > 10

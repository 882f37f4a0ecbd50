"""The audit must not pass for the wrong reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tidemark.demo.room import Room
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.summary import Audit, summary

GOOD = Snapshot(read=100, rejected=5, late=3, aggregated=92, window_count=2)


def test_balanced_books_pass() -> None:
    assert Audit(100, GOOD).problems == []
    assert summary(Room(Path("x")), Audit(100, GOOD), complete=True)[-1].startswith("OK")


@pytest.mark.parametrize(
    ("sent", "books", "problem"),
    [
        (100, replace(GOOD, aggregated=91), "1 of 100 events are neither"),
        (100, replace(GOOD, aggregated=93), "-1 of 100 events are neither"),
        (101, GOOD, "holds 101 records, but 100 were read"),
        (99, GOOD, "holds 99 records, but 100 were read"),
        (0, Snapshot(), "nothing was sent"),
        (100, replace(GOOD, window_count=0), "no final window"),
    ],
)
def test_anything_else_fails(sent: int, books: Snapshot, problem: str) -> None:
    audit = Audit(sent, books)
    assert any(problem in each for each in audit.problems)
    assert "FAILED" in "\n".join(summary(Room(Path("x")), audit, complete=True))


def test_an_interrupted_demo_claims_nothing() -> None:
    text = "\n".join(summary(Room(Path("x")), Audit(100, GOOD), complete=False))
    assert "OK" not in text
    assert "FAILED" not in text

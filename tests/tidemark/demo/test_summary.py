"""The audit must not pass for the wrong reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tidemark.demo.books import Books
from tidemark.demo.room import Room
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.summary import Audit, summary

SENT = {"clicks": 100, "logins": 50}
CLICKS = Books("clicks", "clicks", read=100, aggregated=92, rejected=5, late=3, windows=2)
LOGINS = Books("logins", "logins", read=50, aggregated=9, rejected=1, filtered=40, windows=1)
VISITS = Books("visits", "clicks", read=100, aggregated=40, rejected=5, late=3, stays_open=True)


def books_of(*pipelines: Books, window_count: int = 2) -> Snapshot:
    return Snapshot(pipelines=pipelines, window_count=window_count)


def told(audit: Audit, *, complete: bool = True) -> list[str]:
    return summary(Room(Path("x")), audit, complete=complete)


def test_balanced_books_pass() -> None:
    audit = Audit(SENT, books_of(CLICKS, LOGINS))
    assert audit.problems == []
    assert told(audit)[-1] == (
        "OK: events read = aggregated + rejected + late + filtered, in all 2 pipelines"
    )


def test_sessions_may_be_open_and_it_is_said() -> None:
    audit = Audit(SENT, books_of(CLICKS, VISITS))
    assert audit.problems == []
    text = "\n".join(told(audit))
    assert "visits: 52 events are in sessions that are still open" in text
    assert "OK: events read = aggregated + rejected + late + filtered (sessions: + open)" in text


@pytest.mark.parametrize(
    ("sent", "books", "problem"),
    [
        (SENT, replace(CLICKS, aggregated=91), "clicks: 1 of 100 events are neither"),
        (SENT, replace(CLICKS, aggregated=93), "clicks: -1 of 100 events are neither"),
        (SENT, replace(LOGINS, filtered=0), "logins: 40 of 50 events are neither"),
        (SENT, replace(VISITS, aggregated=93), "visits: -1 of 100 events are neither"),
        ({"clicks": 101}, CLICKS, "clicks holds 101 records, but 100 were read"),
        ({"clicks": 99}, CLICKS, "clicks holds 99 records, but 100 were read"),
        ({"clicks": 99}, VISITS, "clicks holds 99 records, but 100 were read"),
        ({"clicks": 100}, LOGINS, "logins holds 0 records, but 50 were read"),
        (SENT, Books("logins", "logins"), "logins holds 50 records, but 0 were read"),
        ({"clicks": 0}, Books("clicks", "clicks"), "nothing was sent"),
    ],
)
def test_anything_else_fails(sent: dict[str, int], books: Books, problem: str) -> None:
    audit = Audit(sent, books_of(books))
    assert any(problem in each for each in audit.problems)
    assert "FAILED" in "\n".join(told(audit))
    assert "OK" not in "\n".join(told(audit))


def test_a_topic_that_got_nothing_is_named() -> None:
    audit = Audit({"clicks": 100, "logins": 0}, books_of(CLICKS, Books("logins", "logins")))
    assert audit.problems == []
    assert "too few events at this rate: none was sent to logins" in told(audit)


def test_without_a_window_of_interactions_it_fails() -> None:
    audit = Audit(SENT, books_of(CLICKS, window_count=0))
    assert audit.problems == ["no final window of interactions arrived"]


def test_an_interrupted_demo_claims_nothing() -> None:
    text = "\n".join(told(Audit(SENT, books_of(CLICKS, VISITS)), complete=False))
    assert "OK" not in text
    assert "FAILED" not in text

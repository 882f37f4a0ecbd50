"""Which windows are closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataflows.recompute.closed import END, NoBooks, closed_until, is_running
from sinks.commands import Document

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def books(*partitions: tuple[str, int | None]) -> list[Document]:
    return [
        {
            "state": state,
            "watermark": None if second is None else NOON + timedelta(seconds=second),
            "updated_at": NOON,
        }
        for state, second in partitions
    ]


def test_active_partitions_hold_windows_open() -> None:
    until = closed_until(books(("active", 30), ("active", 10), ("idle", 1)), 3, None)
    assert until == NOON + timedelta(seconds=10)


def test_an_active_partition_without_an_event_holds_everything_open() -> None:
    assert closed_until(books(("active", None), ("active", 10)), 2, NOON).year == 1


def test_when_all_are_idle_the_furthest_or_what_is_stored_tells() -> None:
    idle = books(("idle", 30), ("idle", 10))
    assert closed_until(idle, 2, None) == NOON + timedelta(seconds=30)
    stored = NOON + timedelta(seconds=40)
    assert closed_until(idle, 2, stored) == stored


def test_ended_input_has_closed_everything() -> None:
    assert closed_until(books(("ended", 30), ("ended", None)), 2, None) == END


def test_a_partition_without_books_is_refused() -> None:
    with pytest.raises(NoBooks, match="1 of 2 partitions"):
        closed_until(books(("ended", 30)), 2, None)


@pytest.mark.parametrize(
    ("state", "after_s", "running"),
    [("active", 2, True), ("idle", 2, True), ("ended", 2, False), ("active", 6, False)],
)
def test_a_flow_runs_while_it_writes_its_books(state: str, after_s: int, running: bool) -> None:
    assert is_running(books((state, 1)), NOON + timedelta(seconds=after_s)) == running

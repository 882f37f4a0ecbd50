"""The table of the pipelines: all of it fits, and it is an equation."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tidemark.demo.books import Books
from tidemark.demo.ledger import findings, ledger_lines, money, pipelines
from tidemark.demo.snapshot import Findings, Snapshot

BOOKS = (
    Books("interactions", "c", read=3_600_000, aggregated=3_500_000, rejected=54_000, late=18_000),
    Books("processed_logins", "l", read=1_080_000, aggregated=400_000, filtered=665_000),
)
FOUND = Findings(
    logins=9_000,
    devices=1_234,
    addresses=567,
    processed=5_000,
    anomalies=100,
    purchases_cents=99,
    revenue_cents=123_456_789_05,
    low_stock_alerts=12,
    out_of_stock_alerts=3,
    steps=(("view", 1_234), ("click", 345), ("purchase", 56)),
    sessions=4_321,
    mean_length_s=5.25,
)


def drawn(width: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(pipelines(Snapshot(pipelines=BOOKS, findings=FOUND), width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [76, 96, 116])
def test_shows_every_sum(width: int) -> None:
    heading, interactions, processed = drawn(width)
    terms = ["pipeline", "read", "=", "aggregated", "+", "rejected", "+", "late"]
    assert heading.split()[:12] == [*terms, "+", "filtered", "+", "open"]
    numbers = ["interactions", "3,600,000", "3,500,000", "54,000", "18,000", "0", "28,000"]
    assert interactions.split()[:7] == numbers
    numbers = ["processed_logins", "1,080,000", "400,000", "0", "0", "665,000", "15,000"]
    assert processed.split()[:7] == numbers


def test_takes_what_is_put_aside_together_where_there_is_no_room() -> None:
    _, interactions, processed = drawn(56)
    assert interactions.split() == ["interactions", "3,600,000", "3,500,000", "72,000", "28,000"]
    assert processed.split()[3] == "665,000"


def test_says_what_was_found_where_there_is_room() -> None:
    assert "100 of 5,000 are odd" in drawn(116)[2]
    assert "odd" not in drawn(76)[2]


def test_findings_in_words() -> None:
    assert findings(FOUND) == {
        "logins": "1,234 devices, 567 addresses",
        "processed_logins": "100 of 5,000 are odd",
        "activity": "purchases 0.99",
        "sales": "revenue 123,456,789.05",
        "inventory": "alerts: 12 low, 3 out",
        "funnel": "view 1,234 > click 345 > purchase 56",
        "sessions": "4,321 ended, 5.2 s",
    }


def test_lines_of_text_are_in_columns() -> None:
    lines = ledger_lines(BOOKS)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == [
        *("interactions", "3,600,000", "3,500,000", "54,000", "18,000", "0", "28,000", "0")
    ]


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (123456, "1,234.56"), (-105, "-1.05")]
)
def test_money(cents: int, text: str) -> None:
    assert money(cents) == text

"""The picture: what it shows, and that it fits."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from tidemark.demo.books import Books
from tidemark.demo.snapshot import Findings, Snapshot, Window
from tidemark.demo.stage import RateMeter, Stage
from tidemark.demo.view import bar, picture, seconds, sparkline

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def window(start_s: int, total: int) -> Window:
    start = datetime(2026, 11, 22, 12, 0, start_s, tzinfo=UTC)
    return Window(
        start, start + timedelta(seconds=5), total, 1_234, 432, (("item-1", 99), ("i" * 60, 3))
    )


NAMES = [
    *("interactions", "logins", "processed_logins", "activity"),
    *("sales", "inventory", "funnel", "sessions"),
]
BOOKS = Snapshot(
    pipelines=tuple(
        Books(name, name, read=234_567, aggregated=200_000, rejected=12_345, late=678, windows=25)
        for name in NAMES
    ),
    read=234_567,
    rejected=12_345,
    lag=4_321,
    rejected_by_reason={"invalid_json": 12_000, "future_timestamp": 345},
    totals_by_type={"view": 1_000_000, "click": 200_000, "like": 3, "share": 2, "purchase": 1},
    windows=(window(15, 500), window(20, 1_000)),
    window_count=25,
    watermark=NOW - timedelta(seconds=2.5),
    updated_at=NOW,
    findings=Findings(revenue_cents=12_345_678, anomalies=40, processed=1_234, sessions=987),
)


def stage(books: Snapshot, *, ready: bool) -> Stage:
    return Stage(["broker runs", "dataflow starts …"], ready, books, 2000.4, 2000, 65.3, NOW, "var")


def drawn(stage: Stage, width: int) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(picture(stage, width))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("ready", [False, True])
def test_fits_the_terminal(width: int, ready: bool) -> None:
    lines = drawn(stage(BOOKS, ready=ready), width).splitlines()
    assert {len(line) for line in lines} == {min(width, 120)}
    assert len(lines) <= 24


@pytest.mark.parametrize("width", [80, 120])
def test_shows_pipelines_findings_and_the_newest_window(width: int) -> None:
    text = drawn(stage(BOOKS, ready=True), width)
    for fact in (
        "2,000/s",
        "4,321 events",
        "freshness",
        "5.0 s",
        "2.5 s",
        *NAMES,
        "21,544",
        "123,456.78",
        "40 of 1,234",
        "987 ended",
        "1,000,000 █",
        "item-1",
        "invalid_json",
        "12,000",
        "final windows 25  newest 12:00:20 UTC: 1,000 events, 1,234 users, 432 items",
        "▄█",
    ):
        assert fact in text


def test_shows_what_is_being_waited_for_at_the_start() -> None:
    text = drawn(stage(Snapshot(), ready=False), 80)
    assert "✓ broker runs" in text
    assert "dataflow starts …" in text


def test_shows_no_more_than_there_is() -> None:
    bare = Snapshot(read=10, window_count=1, windows=(window(20, 10),))
    assert "none" in drawn(stage(bare, ready=True), 80)
    assert "none" in drawn(stage(bare, ready=True), 120)


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([0, 0], "  "), ([1, 8], "▁█"), ([4, 8], "▄█"), ([1, 1000], "▁█"), ([9] * 9, "███")],
)
def test_sparkline(values: list[int], line: str) -> None:
    assert sparkline(values, 3) == line


@pytest.mark.parametrize(
    ("value", "top", "drawing"),
    [(8, 8, "████"), (1, 8, "▌"), (0, 8, ""), (0, 0, ""), (7, 8, "███▌")],
)
def test_bar(value: int, top: int, drawing: str) -> None:
    assert bar(value, top, 4) == drawing


def test_seconds_that_are_not_known_yet() -> None:
    assert seconds(None) == "-"


def test_rate_is_over_the_books_last_seconds() -> None:
    meter = RateMeter()

    def seen(at_s: float, read: int) -> float | None:
        return meter.update(Snapshot(read=read, updated_at=NOW + timedelta(seconds=at_s)))

    assert seen(0, 0) is None
    assert seen(0, 0) is None, "the same books again tell no rate"
    assert seen(2, 1000) == pytest.approx(500)
    assert seen(6, 9000) == pytest.approx(2000), "only the last five seconds count"

from __future__ import annotations

import io

import pytest
from rich.console import Console

from generator import progress
from generator.delivery import Delivery
from generator.progress import LINE_EVERY_S, ProgressDisplay


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_off_a_terminal_a_line_now_and_then(clock: Clock) -> None:
    output = io.StringIO()
    with ProgressDisplay(100, Console(file=output)) as display:
        for _ in range(100):
            clock.now_s += LINE_EVERY_S / 10
            display(Delivery(sent=7, acknowledged=5, seconds=1.0))
    lines = output.getvalue().splitlines()
    assert lines == ["sent 7, acknowledged 5, failed 0, 5 events/s in 1.0 s"] * 10


def test_on_a_terminal_a_bar(clock: Clock) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with ProgressDisplay(10, console) as display:
        clock.now_s += 1.0
        display(Delivery(sent=7, acknowledged=5, seconds=1.0))
    assert "━" in output.getvalue()
    assert "5 acknowledged, 5/s" in output.getvalue()

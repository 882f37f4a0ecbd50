"""What people read."""

from __future__ import annotations

import pytest

from tests.tidemark.notify.making import news
from tidemark.notify.messages import message_of


def test_a_single_alert_is_told_in_full() -> None:
    found = message_of([news(3, severity="critical")])
    assert (found.title, found.kind, found.alerts) == ("[CRITICAL] r: s3", "failure", 1)
    lines = found.body.split("\n")
    assert lines[0] == "s3: too many"
    assert "rule: r (critical), began" in lines
    assert "value: 7, threshold 5" in lines
    assert any(line.startswith("id: r/s3/") for line in lines)


def test_an_end_is_good_news() -> None:
    found = message_of([news(state="end", severity="critical")])
    assert (found.title, found.kind) == ("[ended] r: s0", "success")


def test_a_burst_is_one_message_with_all_counted() -> None:
    burst = [news(number, severity="info") for number in range(40)] + [news(0, "end", rule="q")]
    found = message_of(burst)
    assert found.title == "[WARNING] 41 alerts: 40 began, 1 ended"
    assert found.alerts == 41
    lines = found.body.split("\n")
    assert len(lines) == 15 + 1 + 2
    assert lines[15:] == ["and 26 more:", "q: 1 ended", "r: 25 began"]
    assert len(found.body) < 2_000


@pytest.mark.parametrize("name", ["@everyone", "<!channel>", "<@U123>", "@Here"])
def test_names_in_events_call_nobody(name: str) -> None:
    found = message_of([news(subject=name, message=f"{name}: too many")])
    for text in (found.title, found.body.split("\n")[0]):
        assert name not in text
        assert name in text.replace("\u200b", "")


def test_names_in_events_obey_nobody() -> None:
    found = message_of([news(subject="a\x1b[2J\r\nBcc: x", rule="r")])
    assert found.title == "[WARNING] r: a\\x1b[2J\\r\\nBcc: x"


def test_a_long_name_is_cut_in_the_title() -> None:
    assert len(message_of([news(subject="x" * 1_000)]).title) == 150

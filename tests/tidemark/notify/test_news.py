"""Alerts as records, and who wants them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dataflows.alerting.machine import Change
from dataflows.alerting.rule import OfDocument, WatchedRule
from tests.tidemark.notify.making import news, record
from tidemark.config.alerts import RuleSettings
from tidemark.config.channels import ChannelSettings
from tidemark.notify.news import pack, parse


def test_an_alert_of_the_dataflow_is_understood() -> None:
    settings = RuleSettings(name="r", pipeline="p", metric="m", op=">", threshold=1.5)
    alert = WatchedRule(settings, 10, OfDocument(("m",))).alert(Change("a/b", "end", 10**15, 2))
    found = parse(alert.record("alerts").value)
    assert found is not None
    assert (found.id, found.state, found.value) == (alert.document()["_id"], "end", 2)
    assert found.window_end == alert.document()["window_end"]
    assert parse(pack(found)) == found


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"\xff",
        record(state="middle"),
        record(severity="awful"),
        record(window_end="2026-01-01T00:00:00"),
        msgspec.json.encode([1]),
    ],
)
def test_what_is_no_alert_is_none(value: bytes | None) -> None:
    assert parse(value) is None


def test_begin_and_end_of_one_window_are_two() -> None:
    assert news(state="begin").identity != news(state="end").identity


@pytest.mark.parametrize(
    ("channel", "fields", "wanted"),
    [
        ({}, {"severity": "info"}, True),
        ({"min_severity": "warning"}, {"severity": "info"}, False),
        ({"min_severity": "warning"}, {"severity": "warning"}, True),
        ({"min_severity": "warning"}, {"severity": "critical"}, True),
        ({"rules": ("r", "q")}, {}, True),
        ({"rules": ("q",)}, {}, False),
        ({"ends": False}, {"state": "end"}, False),
        ({"ends": False}, {"state": "begin"}, True),
    ],
)
def test_a_channel_gets_what_it_wants(
    channel: dict[str, Any], fields: dict[str, Any], wanted: bool
) -> None:
    assert news(**fields).is_for(ChannelSettings(**channel)) is wanted

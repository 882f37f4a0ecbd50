"""What an alert says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dataflows.alerting.machine import Change
from dataflows.alerting.rule import OfDocument, WatchedRule
from tidemark.config.alerts import RuleSettings

START_US = 1_772_366_400_000_000


def rule(**settings: object) -> WatchedRule:
    given = {"name": "r", "pipeline": "p", "metric": "m", "op": ">=", "threshold": 3.0, **settings}
    return WatchedRule(RuleSettings.model_validate(given), 10, OfDocument(("m",)))


def test_an_alert_has_what_the_change_has_and_its_texts() -> None:
    alert = rule(severity="critical", end_message="over: {value}").alert(
        Change("u1", "end", START_US, 2)
    )
    document = alert.document()
    assert document["_id"] == "r/u1/2026-03-01T12:00:00Z"
    assert document["timestamp"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (document["rule"], document["severity"], document["state"]) == ("r", "critical", "end")
    assert (document["value"], document["threshold"], document["message"]) == (2, 3, "over: 2")


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{rule} {subject} {op} {metric} {pipeline}", 1, "r a {b} >= m p"),
        ("{value} of {threshold}", 12.5, "12.5 of 3"),
        ("{value}", 1 / 3, "0.333333"),
        ("{value}", 1e17, "100000000000000000"),
        ("{value:,.2f}", 1234567.891, "1,234,567.89"),
        ("{value:.2f} {{x}}", 2, "2.00 {x}"),
        ("{window_start} {window_s}", 2, "2026-03-01T12:00:00Z 10"),
    ],
)
def test_messages_name_what_they_are_about(template: str, value: float, text: str) -> None:
    alert = rule(message=template).alert(Change("a {b}", "begin", START_US, value))
    assert alert.message == text


def test_a_subject_is_escaped_in_messages_and_whole_in_its_field() -> None:
    alert = rule(message="{subject}").alert(Change("a\nb", "begin", START_US, 1))
    assert (alert.message, alert.subject) == ("a\\nb", "a\nb")


@pytest.mark.parametrize(
    ("op", "holding"), [(">", [4]), (">=", [3, 4]), ("<", [2]), ("<=", [2, 3])]
)
def test_values_are_compared_with_the_threshold(op: str, holding: list[int]) -> None:
    assert [value for value in (2, 3, 4) if rule(op=op).holds(value)] == holding

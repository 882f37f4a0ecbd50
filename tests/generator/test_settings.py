from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from generator.settings import DEFAULT_EVENT_RATE, GeneratorSettings


@pytest.mark.parametrize(
    ("given", "wall_rate", "event_rate"),
    [
        ({"rate": 1_000.0}, 1_000.0, 1_000.0),
        ({"rate": 1_000.0, "speed": 10.0}, 1_000.0, 100.0),
        ({"rate": 1_000.0, "event_rate": 50.0}, 1_000.0, 50.0),
        ({"rate": None, "event_rate": 50_000.0}, None, 50_000.0),
        ({"rate": None}, None, DEFAULT_EVENT_RATE),
        ({"rate": None, "batch_size": 500, "interval_s": 2.0, "speed": 5.0}, 250.0, 50.0),
    ],
)
def test_rates_follow_from_two_of_three(
    given: dict[str, Any], wall_rate: float | None, event_rate: float
) -> None:
    settings = GeneratorSettings(**given)
    assert settings.wall_rate == wall_rate
    assert settings.events_per_event_second == event_rate


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": 5.0, "interval_s": 1.0}, "rate and interval_s"),
        ({"rate": 5.0, "speed": 2.0, "event_rate": 9.0}, "leave out one"),
        ({"rate": None, "speed": 2.0}, "speed needs a rate"),
        ({"faults": {"late_share": 0.6, "malformed_share": 0.5}}, "add up to 1.1"),
        ({"population": {"types": {"view": 0.0}}}, "weight above 0"),
        ({"population": {"types": {"": 1.0}}}, "empty name"),
        ({"logins": {"locales": {"US": 0.0}}}, "weight above 0"),
        ({"sales": {"payment_methods": {"": 1.0}}}, "empty name"),
        ({"faults": {"missing_optional_share": 1.1}}, "less than or equal to 1"),
        ({"stream": "weather"}, "'activity', 'sales', 'inventory' or 'all'"),
        ({"sed": 1}, "Extra inputs"),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GeneratorSettings(**given)


def test_naive_start_time_is_utc() -> None:
    settings = GeneratorSettings.model_validate({"start_time": "2026-11-20T00:00:00"})
    assert settings.start_time == datetime(2026, 11, 20, tzinfo=UTC)


def test_start_time_with_an_offset_is_the_same_moment_in_utc() -> None:
    settings = GeneratorSettings.model_validate({"start_time": "2026-11-20T02:00:00+02:00"})
    assert settings.start_time is not None
    assert settings.start_time.isoformat() == "2026-11-20T00:00:00+00:00"

from __future__ import annotations

from typing import Any

import pytest

from generator.overrides import override, parse_assignments
from generator.settings import GeneratorSettings
from tidemark.errors import ConfigError


def test_flags_go_over_the_configuration() -> None:
    configured = GeneratorSettings.model_validate({"count": 5, "faults": {"late_share": 0.1}})
    changed = override(configured, {"count": 9, "faults.late_s": 30, "scenarios.burst.factor": 2})
    assert (changed.count, changed.faults.late_share, changed.faults.late_s) == (9, 0.1, 30.0)
    assert changed.scenarios.burst.factor == 2.0


@pytest.mark.parametrize(
    ("configured", "flags", "rate", "interval_s", "speed", "event_rate"),
    [
        ({"rate": 100}, {"interval_s": 2}, None, 2.0, 1.0, None),
        ({"rate": None, "interval_s": 2}, {"rate": 7}, 7.0, None, 1.0, None),
        ({"event_rate": 9}, {"rate": 70, "speed": 10}, 70.0, None, 10.0, None),
        ({"rate": 70, "speed": 10}, {"rate": 5, "event_rate": 9}, 5.0, None, 1.0, 9.0),
        ({"rate": 70}, {"speed": 10, "event_rate": 9}, 90.0, None, 1.0, 9.0),
        ({"rate": 70, "speed": 10}, {"event_rate": 9}, 70.0, None, 1.0, 9.0),
        ({"rate": 70, "event_rate": 9}, {"speed": 10}, 70.0, None, 10.0, None),
        ({"rate": 70, "speed": 10}, {"rate": None}, None, None, 1.0, None),
    ],
)
def test_a_flag_takes_the_place_of_what_contradicts_it(
    configured: dict[str, Any],
    flags: dict[str, Any],
    rate: float | None,
    interval_s: float | None,
    speed: float,
    event_rate: float | None,
) -> None:
    changed = override(GeneratorSettings.model_validate(configured), flags)
    assert (changed.rate, changed.interval_s) == (rate, interval_s)
    assert (changed.speed, changed.event_rate) == (speed, event_rate)


def test_every_bad_flag_is_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        override(GeneratorSettings(), {"count": 0, "faults.late_share": 2, "no.such": 1})
    assert {problem.path for problem in caught.value.problems} == {
        "generator.count",
        "generator.faults.late_share",
        "generator.no",
    }


def test_a_speed_that_is_no_number_is_reported_like_any_other() -> None:
    with pytest.raises(ConfigError, match=r"generator\.speed = 'x'"):
        override(GeneratorSettings(), {"speed": "x", "event_rate": 3})


def test_assignments_are_yaml() -> None:
    assert parse_assignments(["generator.rate=null", "population.types={a: 1}", "seed=3"]) == {
        "rate": None,
        "population.types": {"a": 1},
        "seed": 3,
    }


def test_assignments_that_are_none_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_assignments(["rate", "=1", "x={", "seed=3"])
    assert [problem.value for problem in caught.value.problems] == ["rate", "=1", "x={"]

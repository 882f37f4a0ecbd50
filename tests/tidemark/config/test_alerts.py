"""Settings of rules and channels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidemark.config import Settings, load_settings
from tidemark.errors import ConfigError, Problem

RULE = {"name": "r", "pipeline": "interactions", "metric": "total", "op": ">", "threshold": 3}


def load(*rules: dict[str, Any], **environ: str) -> Settings:
    given = json.dumps([{**RULE, **rule} for rule in rules])
    return load_settings(None, {"TIDEMARK_ALERTS__RULES": given, **environ}, dotenv=None)


def problems_of(*rules: dict[str, Any], **environ: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as error:
        load(*rules, **environ)
    return error.value.problems


def test_a_rule_needs_little() -> None:
    (rule,) = load({}).alerts.rules
    assert (rule.per, rule.for_windows, rule.cooldown_s, rule.severity) == (None, 1, 0.0, "warning")
    assert rule.enabled


@pytest.mark.parametrize("field", ["name", "pipeline", "metric", "op", "threshold"])
def test_and_not_less(field: str) -> None:
    rules = json.dumps([{name: value for name, value in RULE.items() if name != field}])
    with pytest.raises(ConfigError) as error:
        load_settings(None, {"TIDEMARK_ALERTS__RULES": rules}, dotenv=None)
    assert [problem.path for problem in error.value.problems] == [f"alerts.rules[0].{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a/b"),
        ("name", ""),
        ("op", "="),
        ("op", "=="),
        ("threshold", "5"),
        ("threshold", True),
        ("threshold", float("inf")),
        ("for_windows", 0),
        ("for_windows", 1.5),
        ("cooldown_s", -1),
        ("severity", "fatal"),
        ("message", ""),
        ("treshold", 5),
    ],
)
def test_what_is_wrong_is_told_by_its_place(field: str, value: object) -> None:
    (problem,) = problems_of({}, {"name": "second", field: value})
    assert problem.path == f"alerts.rules[1].{field}"
    assert problem.expected


@pytest.mark.parametrize(
    "template",
    [
        "{subject.__class__}",
        "{subject[0]}",
        "{value!r}",
        "{0}",
        "{}",
        "{unknown}",
        "{value:>1000000}",
        "{subject:>10}",
        "{value:{threshold}}",
        "{value",
        "value}",
    ],
)
@pytest.mark.parametrize("field", ["message", "end_message"])
def test_a_template_has_known_names_and_nothing_else(template: str, field: str) -> None:
    (problem,) = problems_of({field: template})
    assert problem.path == f"alerts.rules[0].{field}"
    assert problem.remedy


@pytest.mark.parametrize("template", ["{{x}}", "no name", "{value:.2f} {threshold:,}", "{value:,}"])
def test_templates_that_work(template: str) -> None:
    assert load({"message": template}).alerts.rules[0].message == template


def test_each_name_is_there_once_and_is_not_built_in() -> None:
    (problem,) = problems_of({}, {})
    assert "several rules r" in problem.remedy
    (problem,) = problems_of({"name": "low_stock"})
    assert "built in" in problem.remedy


def test_urls_are_a_secret_that_no_file_of_settings_holds(tmp_path: Any) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("alerts: {notify_urls: 'ops=json://me:open-sesame@host'}")
    with pytest.raises(ConfigError) as error:
        load_settings(path, {}, dotenv=None)
    assert "open-sesame" not in str(error.value)
    assert "NOTIFY_URLS" in str(error.value)


def test_a_channel_without_settings_gets_everything() -> None:
    alerts = load(
        {},
        NOTIFY_URLS="a=json://h b=json://i",
        TIDEMARK_ALERTS__CHANNELS="{b: {min_severity: critical, rules: [r], ends: false}}",
    ).alerts
    assert alerts.channel_urls() == {"a": "json://h", "b": "json://i"}
    assert alerts.channel("a").rules is None
    assert alerts.channel("b").rules == ("r",)
    assert not alerts.channel("b").ends

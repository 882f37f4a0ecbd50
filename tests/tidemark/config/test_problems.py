from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tidemark.config import Settings
from tidemark.config.problems import from_validation, shown, suggestion
from tidemark.config.tree import Route, leaves
from tidemark.errors import Problem


def problems_of(values: dict[str, Any], refused: set[Route] | None = None) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    return list(from_validation(caught.value, lambda route: f"at {route[0]}", refused or set()))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (5, "5"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], "[1, a]"),
        ({"a": 1}, "{a: 1}"),
        ({"password": "x", "b": [{"token": "y"}]}, "{b: [{token: '******'}], password: '******'}"),
        ("http://u:p@h", "'http://******@h'"),
    ],
)
def test_values_are_shown_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) == 120
    assert shown("x" * 1000).endswith("…")


def test_secrets_are_not_shown() -> None:
    leaf = leaves()["series", "influx_token"]
    assert shown("x", leaf) == "******"
    assert shown(None, leaf) == "null"


def test_what_is_no_address_is_not_shown_where_one_belongs() -> None:
    leaf = leaves()["documents", "urls"]
    assert shown("x", leaf) == "******"
    assert shown(["x", "sqlite:"], leaf) == "['******', 'sqlite:']"


@pytest.mark.parametrize(
    ("route", "remedy"),
    [
        (("kafka", "bootstrap-servers"), "did you mean kafka.bootstrap_servers?"),
        (("dedupe_by",), "did you mean pipelines.interactions.dedupe_by?"),
        (
            ("urls",),
            "did you mean documents.urls or series.urls?",
        ),
        (("run", "zzz"), "remove it; known here: processes, workers, addresses, member"),
        (("nowhere", "zzz"), "remove it"),
    ],
)
def test_unknown_keys_get_a_suggestion(route: Route, remedy: str) -> None:
    assert suggestion(route) == remedy


def test_an_error_of_a_type_says_what_the_setting_takes() -> None:
    assert problems_of({"engine": {"key_groups": "x"}}) == [
        Problem("engine.key_groups", "'x'", "a whole number from 1 to 1024", "", "at engine")
    ]


def test_an_unknown_key_does_not_show_its_value() -> None:
    (found,) = problems_of({"engine": {"key_group": "x"}})
    assert (found.value, found.remedy) == ("", "did you mean engine.key_groups?")


def test_an_error_inside_a_mapping_tells_the_entry() -> None:
    (found,) = problems_of({"generator": {"population": {"types": {"view": -1}}}})
    assert found.path == "generator.population.types.view"
    assert found.value == "-1"
    assert "greater than or equal to 0" in found.expected


def test_refused_settings_are_not_reported_again() -> None:
    values = {"engine": {"key_groups": 0}, "run": {"workers": 0}}
    found = problems_of(values, {("engine", "key_groups")})
    assert [one.path for one in found] == ["run.workers"]

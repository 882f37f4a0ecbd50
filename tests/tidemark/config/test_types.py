from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tidemark.config.types import DatabaseName, PathSetting, TimeZoneName, TopicName


def check(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value, strict=True)


def remedy(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    return str(caught.value.errors()[0]["ctx"]["remedy"])


@pytest.mark.parametrize("name", ["a", "user-login", "a.b_c-D9", "x" * 244])
def test_topics(name: str) -> None:
    assert check(TopicName, name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ä", "a/b", "x" * 245, "a\n"])
def test_what_is_no_topic(name: str) -> None:
    remedy(TopicName, name)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", "a$b", "x" * 64, "ä" * 32])
def test_what_is_no_database(name: str) -> None:
    remedy(DatabaseName, name)


@pytest.mark.parametrize("name", ["tidemark", "x" * 63, "a-b_c"])
def test_databases(name: str) -> None:
    assert check(DatabaseName, name) == name


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
def test_time_zones(name: str) -> None:
    assert check(TimeZoneName, name) == name


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "America"])
def test_what_is_no_time_zone(name: str) -> None:
    remedy(TimeZoneName, name)


@pytest.mark.parametrize(
    ("name", "meant"), [("Europe/Berln", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin")]
)
def test_a_near_time_zone_is_suggested(name: str, meant: str) -> None:
    assert remedy(TimeZoneName, name) == f"did you mean {meant}?"


def test_missing_time_zone_data_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert "tzdata" in remedy(TimeZoneName, "Europe/Berlin")
    assert check(TimeZoneName, "UTC") == "UTC"


def test_paths() -> None:
    assert check(PathSetting, "var/x") == Path("var/x")
    assert check(PathSetting, Path("/x")) == Path("/x")


@pytest.mark.parametrize("text", ["", "  ", "a\0b"])
def test_what_is_no_path(text: str) -> None:
    remedy(PathSetting, text)

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tidemark.config.environment import Layer, read_dotenv, read_environment
from tidemark.errors import Problem


def read(environ: Mapping[str, str]) -> Layer:
    return read_environment(environ, {name: f"environment {name}" for name in environ})


def given(environ: Mapping[str, str]) -> dict[str, Any]:
    layer = read(environ)
    assert layer.problems == []
    return {".".join(route): one.value for route, one in layer.given.items()}


def problem(environ: Mapping[str, str]) -> Problem:
    (one,) = read(environ).problems
    return one


def test_every_setting_has_a_name() -> None:
    assert given({"TIDEMARK_PIPELINES__INTERACTIONS__TOP_K": "5"}) == {
        "pipelines.interactions.top_k": 5
    }


def test_names_that_other_tools_use() -> None:
    assert given(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2",
            "MONGO_URI": "mongodb://a:1,b:2/db",
            "INFLUX_URL": "http://h:8086",
            "DASHBOARD_REFRESH_INTERVAL": "5",
        }
    ) == {
        "kafka.bootstrap_servers": "a:1,b:2",
        "documents.urls": ["mongodb://a:1,b:2/db"],
        "series.urls": ["http://h:8086"],
        "dashboard.refresh_interval_s": 5.0,
    }


def test_empty_variables_count_as_not_set() -> None:
    environ = {"MONGO_URI": "", "TIDEMARK_ENGINE__KEY_GROUPS": "", "INFLUX_TOKEN_FILE": ""}
    assert given(environ) == {}


def test_variables_of_others_are_left_alone() -> None:
    environ = {
        "PATH": "/bin",
        "TIDEMARK_CONFIG": "x",
        "TIDEMARK_CACHE": "x",
        "TIDEMARK_TEST_KAFKA": "x",
        "TIDEMARKS": "x",
    }
    assert given(environ) == {}


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("TIDEMARK_ENGINE__KEY_GROUP", "did you mean TIDEMARK_ENGINE__KEY_GROUPS?"),
        ("TIDEMARK_ENGINE_KEY_GROUPS", "did you mean TIDEMARK_ENGINE__KEY_GROUPS?"),
        ("TIDEMARK_CONFIGURATION", "unset it"),
        ("TIDEMARK_", "unset it"),
        ("TIDEMARK_ENGINE__KEY_GROUPS_FILE", "did you mean TIDEMARK_ENGINE__KEY_GROUPS?"),
    ],
)
def test_unknown_names_are_reported(name: str, remedy: str) -> None:
    found = problem({name: "hunter2hunter2"})
    assert (found.path, found.value, found.remedy) == (name, "", remedy)
    assert found.origin == f"environment {name}"


def test_two_names_may_agree() -> None:
    environ = {"KAFKA_GROUP_ID": "a", "TIDEMARK_KAFKA__GROUP_ID": "a"}
    assert given(environ) == {"kafka.group_id": "a"}


def test_two_names_must_agree() -> None:
    found = problem({"KAFKA_GROUP_ID": "a", "TIDEMARK_KAFKA__GROUP_ID": "b"})
    assert found.path == "kafka.group_id"
    assert "KAFKA_GROUP_ID" in found.expected
    assert "TIDEMARK_KAFKA__GROUP_ID" in found.expected


@pytest.mark.parametrize("name", ["INFLUX_TOKEN", "TIDEMARK_SERIES__INFLUX_TOKEN"])
def test_a_secret_is_read_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" secret \r\n")
    layer = read({f"{name}_FILE": str(file)})
    one = layer.given["series", "influx_token"]
    assert one.value == " secret "
    assert one.origin == f"file {file} (environment {name}_FILE)"


def test_an_address_with_a_password_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "uri"
    file.write_text("mongodb://u:p@a,b\n")
    assert given({"MONGO_URI_FILE": str(file)}) == {"documents.urls": ["mongodb://u:p@a,b"]}


def test_a_value_and_a_file_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    found = problem({"INFLUX_TOKEN": "secret", "INFLUX_TOKEN_FILE": str(file)})
    assert found.path == "series.influx_token"
    assert found.expected == "one of INFLUX_TOKEN and INFLUX_TOKEN_FILE, not both"


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    found = problem({"INFLUX_TOKEN_FILE": str(tmp_path / "no")})
    assert found.path == "INFLUX_TOKEN_FILE"
    assert "No such file" in found.expected


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "it is empty"), (b"\n", "it is empty"), (b"\xff", "UTF-8")]
)
def test_a_useless_file_is_reported(content: bytes, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    assert expected in problem({"INFLUX_TOKEN_FILE": str(file)}).expected


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert "directory" in problem({"INFLUX_TOKEN_FILE": str(tmp_path)}).expected


def test_dotenv_gives_values_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# comment\n\nA=1\nexport B='two words' # more\nC=\"$A ${B}\"\nEMPTY\nD=\n")
    values, lines, problems = read_dotenv(file)
    assert values == {"A": "1", "B": "two words", "C": "$A ${B}", "D": ""}
    assert lines == {"A": 3, "B": 4, "C": 5, "D": 7}
    assert problems == []


def test_a_missing_dotenv_is_empty(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == ({}, {}, [])


def test_bad_lines_of_dotenv_are_reported_without_their_text(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nINFLUX_TOKEN='hunter2hunter2\nB=2\n")
    _, _, problems = read_dotenv(file)
    assert [one.path for one in problems] == [f"{file}:2"]
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize("content", [b"A=\xff\n"])
def test_an_unreadable_dotenv_is_reported(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    _, _, problems = read_dotenv(file)
    assert "UTF-8" in problems[0].expected
    _, _, problems = read_dotenv(tmp_path)
    assert "directory" in problems[0].expected

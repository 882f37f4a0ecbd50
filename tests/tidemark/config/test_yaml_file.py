from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.config.yaml_file import YamlFile, read_yaml
from tidemark.errors import Problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def read(file: Path, text: str) -> YamlFile:
    file.write_text(text)
    return read_yaml(file)


def problem(file: Path, text: str) -> Problem:
    (one,) = read(file, text).problems
    return one


def test_values_and_their_lines(file: Path) -> None:
    text = "# head\nengine:\n  key_groups: 8\ndocuments:\n  urls:\n    - sqlite:a\n    - 'null:'\n"
    found = read(file, text)
    assert found.problems == []
    assert found.values == {
        "engine": {"key_groups": 8},
        "documents": {"urls": ["sqlite:a", "null:"]},
    }
    assert found.origin(("engine", "key_groups")) == f"{file}:3"
    assert found.origin(("documents", "urls", 1)) == f"{file}:7"


def test_the_origin_of_what_is_not_there_is_the_nearest_line_above(file: Path) -> None:
    found = read(file, "\nengine:\n  key_groups: 8\n")
    assert found.origin(("engine", "epoch_interval_s")) == f"{file}:2"
    assert found.origin(("kafka", "group_id")) == str(file)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_is_fine(file: Path, text: str) -> None:
    found = read(file, text)
    assert (found.values, found.problems) == ({}, [])


def test_a_section_with_nothing_but_comments_is_fine(file: Path) -> None:
    found = read(file, "engine:\n  # key_groups: 8\n")
    assert (found.values, found.problems) == ({}, [])


def test_keys_are_what_is_written(file: Path) -> None:
    assert read(file, "kafka:\n  client: {on: 1, 5: 2, null: 3}\n").values == {
        "kafka": {"client": {"on": 1, "5": 2, "null": 3}}
    }


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        ("enigne: {}\n", "enigne", "did you mean engine?"),
        ("engine:\n  keygroups: 1\n", "engine.keygroups", "did you mean engine.key_groups?"),
        ("engine:\n  KEY-GROUPS: 1\n", "engine.KEY-GROUPS", "did you mean engine.key_groups?"),
        ("engine:\n  gap_s: 1\n", "engine.gap_s", "did you mean pipelines.sessions.gap_s?"),
        (
            "engine:\n  zzz: 1\n",
            "engine.zzz",
            "remove it; known here: key_groups, epoch_interval_s",
        ),
        ("<<: {}\n", "<<", "remove it; known here: kafka"),
    ],
)
def test_unknown_keys_are_reported(file: Path, text: str, path: str, remedy: str) -> None:
    found = problem(file, text)
    assert (found.path, found.expected) == (path, "a known setting")
    assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("engine:\n  key_groups: 1\n key: 2\n", "3:2"),
        ("engine: {key_groups: 1\n", "2:1"),
        ("a: b: c\n", "1:5"),
        ("engine:\n\tkey_groups: 1\n", "2:1"),
        ("a: 1\n---\nb: 2\n", "2:1"),
        ("a: %x\n", "1:4"),
    ],
)
def test_bad_yaml_is_reported_with_line_and_column(file: Path, text: str, place: str) -> None:
    found = problem(file, text)
    assert found.path == str(file)
    assert found.origin == f"{file}:{place}"
    assert found.expected.startswith("valid YAML (")


@pytest.mark.parametrize(
    "text", ["a: *hunter2\n", "a: 'hunter2\n", "a: !hunter2 x\n", "a: &hunter2 1 2: 3\n", "\x00\n"]
)
def test_messages_about_bad_yaml_quote_nothing(file: Path, text: str) -> None:
    found = read(file, text)
    assert found.problems
    assert "hunter2" not in str(found.problems)


def test_deep_nesting_is_reported(file: Path) -> None:
    assert "nested too deeply" in problem(file, "a: " + "[" * 100_000).expected


def test_a_key_may_come_once(file: Path) -> None:
    found = problem(file, "engine:\n  key_groups: 1\n  key_groups: 2\n")
    assert (found.path, found.expected) == ("engine.key_groups", "each key once")
    assert found.origin == f"{file}:3"
    assert "line 2" in found.remedy


def test_an_alias_that_contains_itself_is_reported(file: Path) -> None:
    found = problem(file, "documents:\n  urls: &a [*a]\n")
    assert (found.path, found.remedy) == ("documents.urls[0]", "an alias must not contain itself")


def test_anchors_work(file: Path) -> None:
    text = "documents: {urls: &u ['sqlite:a']}\nseries: {urls: *u}\n"
    assert read(file, text).values["series"] == {"urls": ["sqlite:a"]}


def test_a_date_that_is_none_is_reported(file: Path) -> None:
    found = problem(file, "generator: {start_time: 2026-13-45}\n")
    assert (found.path, found.remedy) == ("generator.start_time", "quote it if it is text")


def test_keys_are_plain_names(file: Path) -> None:
    assert problem(file, "engine: {[a]: 1}\n").expected == "plain names as keys"


@pytest.mark.parametrize("text", ["[1]\n", "engine\n", "5\n"])
def test_a_file_consists_of_sections(file: Path, text: str) -> None:
    assert problem(file, text).expected.startswith("sections")


@pytest.mark.parametrize("text", ["engine: 5\n", "engine: [1]\n", "pipelines: {interactions: x}\n"])
def test_a_section_is_a_mapping(file: Path, text: str) -> None:
    found = problem(file, text)
    assert found.expected.startswith("a section with ")
    assert found.value == ""


def test_a_missing_file_is_reported(file: Path) -> None:
    (found,) = read_yaml(file).problems
    assert found.path == str(file)
    assert "No such file" in found.expected
    assert "TIDEMARK_CONFIG" in found.remedy


def test_a_file_that_is_not_utf8_is_reported(file: Path) -> None:
    file.write_bytes(b"a: \xff")
    (found,) = read_yaml(file).problems
    assert "byte 3 is not UTF-8" in found.expected


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("kafka: {sasl_password: hunter2}\n", "kafka.sasl_password", "KAFKA_SASL_PASSWORD"),
        ("series: {influx_token: hunter2}\n", "series.influx_token", "INFLUX_TOKEN"),
        ("series: {influx_token: [hunter2]}\n", "series.influx_token", "INFLUX_TOKEN"),
        ("documents: {urls: 'mongodb://u:hunter2@h'}\n", "documents.urls", "MONGO_URI"),
        ("documents: {urls: ['mongodb://u:hunter2@h']}\n", "documents.urls", "MONGO_URI"),
        ("series: {urls: ['http://h?token=hunter2']}\n", "series.urls", "INFLUX_URL"),
    ],
)
def test_secrets_are_refused(file: Path, text: str, path: str, name: str) -> None:
    found = problem(file, text)
    assert (found.path, found.value) == (path, "******")
    assert f"environment variable {name} or {name}_FILE" in found.remedy
    assert "hunter2" not in str(found)


def test_no_secret_and_an_address_without_one_are_fine(file: Path) -> None:
    text = "kafka: {sasl_password: null}\ndocuments: {urls: ['mongodb://user@h']}\n"
    assert read(file, text).problems == []

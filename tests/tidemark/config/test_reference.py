from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tidemark.config import Settings, load_settings, load_with_origins
from tidemark.config.reference import main, render_page, render_yaml, stale
from tidemark.config.tree import leaves

ROOT = Path(__file__).parents[3]
REMEDY = "run: python -m tidemark.config.reference"


def test_config_yaml_and_its_page_are_up_to_date() -> None:
    assert stale(ROOT) == [], REMEDY


def test_config_yaml_equals_the_defaults() -> None:
    assert load_settings(ROOT / "config.yaml", {}, dotenv=None) == Settings()


def test_every_setting_is_in_config_yaml() -> None:
    origins = load_with_origins(ROOT / "config.yaml", {}, dotenv=None).origins
    missing = [route for route in leaves() if not re.search(r"config\.yaml:\d+$", origins[route])]
    assert missing == []


def test_every_setting_of_ours_is_explained_in_config_yaml() -> None:
    lines = (ROOT / "config.yaml").read_text().splitlines()
    origins = load_with_origins(ROOT / "config.yaml", {}, dotenv=None).origins
    for route, leaf in leaves().items():
        if route[0] == "generator":
            continue
        line = int(origins[route].rpartition(":")[2])
        assert lines[line - 2].strip().startswith("#"), leaf.path


def test_no_line_of_config_yaml_is_too_long() -> None:
    assert max(map(len, render_yaml().splitlines())) <= 100


def test_the_page_has_every_environment_name() -> None:
    page = render_page()
    for leaf in leaves().values():
        for name in leaf.env_names:
            assert f"`{name}`" in page
            assert (f"`{name}_FILE`" in page) == leaf.from_file


def test_tables_of_the_page_have_equal_columns() -> None:
    rows = [line for line in render_page().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_the_example_of_dotenv_is_valid_when_uncommented(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text()
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"(?m)^#(?=[A-Z])", "", text))
    origins = load_with_origins(None, {}, dotenv=uncommented).origins
    names = re.findall(r"(?m)^#([A-Z][A-Z_0-9]+)=", text)
    assert names
    assert sorted(o.split()[1] for o in origins.values() if " " in o) == sorted(names)


def test_the_example_of_dotenv_changes_nothing_by_itself() -> None:
    assert load_settings(ROOT / "config.yaml", {}, dotenv=ROOT / ".env.example") == Settings()


def test_writing_then_checking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["engine"]["key_groups"] == 16
    (tmp_path / "config.yaml").write_text("")
    assert main(["--check"]) == 1


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--what"]) == 2
    assert "usage" in capsys.readouterr().err

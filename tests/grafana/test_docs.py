"""docs/grafana.md says what is there, and its commands work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.grafana.tree import DASHBOARDS, PROVISIONING, dashboard, rules

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "grafana.md").read_text()


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["uid"]) for rule in rules()])
def test_the_page_has_every_rule_with_its_severity_and_runbook(rule: dict[str, object]) -> None:
    row = re.search(rf"^\| {rule['title']} \| .*$", PAGE, re.MULTILINE)
    assert row
    labels, notes = rule["labels"], rule["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(notes, dict)
    assert f"| {labels['severity']} | `{notes['runbook_url']}` |" in row[0]


def test_the_page_has_every_dashboard() -> None:
    for name in DASHBOARDS:
        board = dashboard(name)
        assert f"| {board['title']} | `{board['uid']}` |" in PAGE


VARIABLES = {
    name
    for path in PROVISIONING.rglob("*.yaml")
    for name in re.findall(r"\$\{(\w+)\}", path.read_text())
}


def test_the_page_has_every_variable_that_grafana_needs() -> None:
    assert len(VARIABLES) == 8
    assert {name for name in VARIABLES if f"`{name}`" not in PAGE} == set()


def test_compose_gives_grafana_these_files_and_variables() -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    given = service["environment"]
    assert f"./grafana/provisioning:{given['GF_PATHS_PROVISIONING']}:ro" in service["volumes"]
    assert {"INFLUX_TOKEN"} >= VARIABLES - set(given)
    assert "INFLUX_TOKEN" in str(service["entrypoint"])


def test_the_commands_of_the_page_leave_nothing_to_write(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "grafana", tmp_path / "grafana")
    (block,) = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        python, *arguments = line.split()
        assert python == "python"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

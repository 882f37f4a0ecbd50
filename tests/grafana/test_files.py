"""What is committed is what the code writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grafana import __main__ as command
from grafana import files as module


def test_the_committed_files_are_as_the_code_writes_them() -> None:
    assert command.outdated() == [], "run `python -m grafana` and commit what it writes"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "ROOT", tmp_path / "provisioning")
    monkeypatch.setattr(command, "ROOT", tmp_path / "provisioning")
    return tmp_path / "provisioning"


def test_the_command_writes_everything_and_then_finds_no_difference(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--check"]) == 1
    assert not elsewhere.exists()
    assert command.main([]) == 0
    assert "written: provisioning/alerting/rules.yaml" in capsys.readouterr().out
    assert json.loads((elsewhere / "dashboards/logins.json").read_text())["uid"]
    assert command.main(["--check"]) == 0


def test_a_changed_file_is_found_and_written_anew(elsewhere: Path) -> None:
    command.main([])
    changed = elsewhere / "dashboards" / "commerce.json"
    text = changed.read_text()
    changed.write_text(text.replace("Revenue", "Income"))
    assert command.main(["--check"]) == 1
    command.main([])
    assert changed.read_text() == text


def test_a_file_that_nothing_writes_any_more_is_removed(elsewhere: Path) -> None:
    command.main([])
    (elsewhere / "dashboards" / "old.json").write_text("{}")
    assert command.main(["--check"]) == 1
    command.main([])
    assert not (elsewhere / "dashboards" / "old.json").exists()

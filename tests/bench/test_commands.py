from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.results import write
from bench.suite import SUITE
from tests.bench.samples import results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for result in results().values():
        write(result, tmp_path / "results")
    return tmp_path / "results"


def test_plots_and_tables_are_made_from_results(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- bench throughput -->\n<!-- bench end -->\n")
    run = CliRunner().invoke
    drawn = run(app, ["plots", "--from", str(folder), "--to", str(tmp_path / "plots")])
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "plots" / "throughput.svg").read_text().startswith("<?xml")
    written = run(app, ["docs", "--from", str(folder), "--page", str(page)])
    assert written.exit_code == 0, written.output
    assert "| one process |" in page.read_text()


def test_bars_of_results_that_are_there_can_be_shown(folder: Path) -> None:
    shown = CliRunner().invoke(app, ["bars", "--from", str(folder)])
    assert shown.exit_code == 0, shown.output
    assert "wanted" in shown.output


def test_everything_in_the_suite_is_a_command_or_a_part_of_one() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr] # each has one
    assert {*SUITE} - {"sizes", "malformed", "disorder", "partitions"} <= names

"""Every command of the documentation is one that there is, and has a step that runs it."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.docs.pages import PAGES, Command, anchors, commands, links
from tests.docs.steps import Elsewhere
from tests.docs.told import STEPS
from tests.support.running import ROOT
from tidemark.cli import app
from tidemark.observability.reference import described

ALL = commands()
OURS = [each for each in ALL if each.words[0] == "tidemark"]


@pytest.mark.parametrize("command", OURS, ids=str)
def test_tidemark_takes_it(command: Command) -> None:
    node: Any = get_command(app)
    words = command.words[1:]
    context = node.make_context("tidemark", list(words), resilient_parsing=True)
    while hasattr(node, "get_command") and words and not words[0].startswith("-"):
        node, words = node.get_command(context, words[0]), words[1:]
        assert node is not None
    if words:  # a verb alone stands for itself, whatever else it needs
        node.make_context(node.name, words, parent=context)


@pytest.mark.parametrize("command", [c for c in ALL if c.words[0] == "make"], ids=str)
def test_make_has_the_target(command: Command) -> None:
    done = subprocess.run(
        ["make", "--question", "--dry-run", *command.words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No rule to make target" not in done.stderr
    assert done.returncode in (0, 1), done.stderr


@pytest.mark.parametrize("command", [c for c in ALL if c.words[0] == "python"], ids=str)
def test_python_has_the_module(command: Command) -> None:
    module = command.words[2]
    if "<" in module:
        pytest.skip("stands for a name of the reader's")
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("command", [c for c in ALL if c.words[0].startswith("deploy/")], ids=str)
def test_the_script_is_there(command: Command) -> None:
    assert shutil.which(str(ROOT / command.words[0])) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_alert_of_grafana_has_its_paragraph() -> None:
    page = (ROOT / "docs" / "grafana.md").read_text()
    wanted = {part.partition("`")[0] for part in page.split("`docs/operations.md#")[1:]}
    assert wanted
    assert wanted <= anchors(ROOT / "docs" / "operations.md")


@pytest.mark.parametrize("command", [c for c in ALL if c.typed], ids=str)
def test_what_is_to_be_typed_is_run(command: Command) -> None:
    """A new command of a page needs a step in tests/docs/told.py."""
    assert command.text in [step.text for step in STEPS.get(command.page, ())]


@pytest.mark.parametrize("command", [c for c in ALL if not c.typed], ids=str)
def test_what_a_sentence_names_is_run_or_begins_what_is_run(command: Command) -> None:
    run = [step.text for steps in STEPS.values() for step in steps]
    assert any(text == command.text or text.startswith(f"{command.text} ") for text in run)


@pytest.mark.parametrize(
    "step", [s for steps in STEPS.values() for s in steps if isinstance(s, Elsewhere)], ids=repr
)
def test_what_is_not_run_with_its_page_has_a_test(step: Elsewhere) -> None:
    path, _, name = step.test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
    assert step.why


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_metric_that_a_page_names_is_one(page: Path) -> None:
    # A histogram's parts, and a group of names that a page leaves the end of.
    whole = re.findall(r"`(tidemark_[a-z_]+[a-z])(?:_bucket|_sum|_count)?`", page.read_text())
    assert set(whole) <= {each.name for each in described()}


def test_every_page_with_steps_has_a_test_that_does_them() -> None:
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_pages_*.py")]
    for page, steps in STEPS.items():
        if not all(isinstance(step, Elsewhere) for step in steps):
            assert any(f'STEPS["{page}"]' in source for source in sources), page


def test_steps_are_of_pages_that_there_are() -> None:
    assert STEPS.keys() <= {str(page.relative_to(ROOT)) for page in PAGES}

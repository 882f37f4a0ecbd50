"""Every command of the documentation is one that there is; those that end by themselves are run."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.docs.pages import PAGES, Command, anchors, commands, links
from tests.support.running import ROOT, TIDEMARK, run
from tests.support.servers import KafkaEndpoint
from tidemark.cli import app

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


ENDS = (
    ("config", "check"),
    ("config", "show"),
    ("topics", "create"),
    ("topics", "list"),
    ("dlq", "list"),
    ("late", "list"),
)
"""Verbs that end by themselves and need nothing but a broker."""


def test_what_ends_by_itself_works(kafka: KafkaEndpoint, tmp_path: Path) -> None:
    """Run them in the order of a first day: topics, events, the flow, then a look at all of it."""
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    settings["TIDEMARK_OBSERVABILITY__ENABLED"] = "false"
    first_day = [
        ["topics", "create"],
        ["generate", "--stream", "all", "--rate", "5000", "--duration", "2"],
        ["run", "--until-end"],
    ]
    told = [
        list(words)
        for words in dict.fromkeys(tuple(each.words[1:]) for each in OURS)
        if words[:2] in ENDS and "returns" not in words  # the example's own topic: its own test
    ]
    assert len(told) >= len(ENDS)
    for words in (*first_day, *told):
        done = run((*TIDEMARK, *words), tmp_path, settings)
        assert done.code == 0, f"tidemark {' '.join(words)}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "var" / "recovery").is_dir()

"""The page of metrics and the rule of their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidemark.observability.reference import PAGE, Described, described, main, render

ROOT = Path(__file__).parents[3]
RULE = re.compile(
    r"tidemark_(source|pipeline|state|store|notify|recovery|supervisor)"
    r"(_[a-z]+)*(_seconds|_bytes|_[a-z]+s)(_total)?"
)
METRICS = described()


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render(), (
        "run: python -m tidemark.observability.reference"
    )


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / PAGE).write_text("something else")
    assert main(["--check"]) == 1


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_every_name_follows_the_rule(metric: Described) -> None:
    assert RULE.fullmatch(metric.name) or metric.name == "tidemark_source_idle"
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.text.endswith(".")


def test_every_metric_is_on_the_page_once() -> None:
    page = render()
    for metric in METRICS:
        assert page.count(f"| `{metric.name}` |") == 1

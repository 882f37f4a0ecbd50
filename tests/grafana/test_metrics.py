"""Prometheus queries: well formed, and of nothing but what docs/metrics.md lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest

from grafana import metrics
from tests.grafana.tree import Target, targets

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ADDED_LABELS = {"le", "process"}
"""By the buckets of a histogram, and by the view of a whole run."""
PROMETHEUS = targets("prometheus")


@pytest.mark.parametrize("target", PROMETHEUS, ids=str)
def test_a_query_is_promql_and_names_known_metrics_and_labels(target: Target) -> None:
    tree = promql_parser.parse(target.target["expr"].replace("$__rate_interval", "1m"))
    nodes = list(_nodes(tree))
    names = {node.name for node in nodes if isinstance(node, promql_parser.VectorSelector)}
    used = {re.sub(r"_bucket$", "", name) for name in names if name}
    assert used
    assert used <= set(metrics.LABELS)
    labels = {label for name in used for label in metrics.LABELS[name]} | ADDED_LABELS
    grouped = {
        label
        for node in nodes
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier
        for label in node.modifier.labels
    }
    assert grouped <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", target.target["legendFormat"])) <= labels


def test_what_is_listed_is_used() -> None:
    queries = " ".join(target.target["expr"] for target in PROMETHEUS)
    assert {name for name in metrics.LABELS if name not in queries} == set()


@pytest.mark.parametrize("name", metrics.LABELS)
def test_what_is_used_is_exported(name: str) -> None:
    page = PAGE.read_text()
    if name.startswith("process_"):
        assert f"`{name}`" in page
        return
    row = re.search(rf"^\| `{name}` \| \w+ \| (.*?) \|", page, re.MULTILINE)
    assert row, f"docs/metrics.md has no {name}"
    assert tuple(re.findall(r"`(\w+)`", row[1])) == metrics.LABELS[name]


def test_counters_are_never_shown_bare() -> None:
    for target in PROMETHEUS:
        for name in re.findall(r"\w+_total", target.target["expr"]):
            assert re.search(rf"(rate|increase)\({name}\[", target.target["expr"])


def _nodes(node: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    yield node
    match node:
        case promql_parser.Call():
            children = node.args
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr():
            children = [node.expr]
        case promql_parser.BinaryExpr():
            children = [node.lhs, node.rhs]
        case promql_parser.MatrixSelector():
            children = [node.vector_selector]
        case _:
            children = []
    for child in children:
        yield from _nodes(child)

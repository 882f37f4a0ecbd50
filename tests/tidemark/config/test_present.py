from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tidemark.config import load_with_origins
from tidemark.config.present import plain, rows, shown_value
from tidemark.config.surface import LoggingSettings
from tidemark.config.tree import leaves
from tidemark.config.urls import StoreUrl


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (SecretStr("x"), "******"),
        (StoreUrl("mongodb://u:p@h"), "mongodb://******@h"),
        ("text", "text"),
        (Path("a/b"), "a/b"),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "2026-11-22T12:00:00Z"),
        (("a", 1), ["a", 1]),
        ({"a": (1,)}, {"a": [1]}),
        (LoggingSettings(), {"level": "info", "format": "auto"}),
        (1j, "1j"),
    ],
)
def test_values_are_written_as_json_knows_them(value: Any, written: Any) -> None:
    assert plain(value) == written


def test_rows_follow_the_tree_with_value_and_origin() -> None:
    found = list(rows(load_with_origins(environ={"TIDEMARK_RUN__WORKERS": "3"}, dotenv=None)))
    assert [row.leaf.route for row in found] == list(leaves())
    (workers,) = (row for row in found if row.leaf.path == "run.workers")
    assert (workers.value, workers.is_default) == (3, False)
    assert workers.origin == "environment TIDEMARK_RUN__WORKERS"


def test_text_is_shown_as_it_is_and_the_rest_as_json() -> None:
    shown = {
        row.leaf.path: shown_value(row) for row in rows(load_with_origins(environ={}, dotenv=None))
    }
    assert shown["kafka.group_id"] == "tidemark"
    assert shown["kafka.sasl_username"] == "null"
    assert shown["documents.urls"] == '["sqlite:var/tidemark.db"]'

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidemark.config.parsing import parse
from tidemark.config.tree import leaves


def parsed(path: str, text: str) -> Any:
    return parse(leaves()[tuple(path.split("."))], text)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("engine.key_groups", "8", 8),
        ("engine.key_groups", " 8 ", 8),
        ("engine.key_groups", "010", 10),
        ("engine.key_groups", "-1", -1),
        ("documents.aggregated_data_ttl_s", "null", None),
        ("documents.aggregated_data_ttl_s", "60", 60),
        ("stores.timeout_s", "1e1", 10.0),
        ("stores.timeout_s", "3", 3.0),
        ("source.until_end", "true", True),
        ("source.until_end", "ON", True),
        ("source.until_end", "1", True),
        ("source.until_end", "no", False),
        ("kafka.group_id", "007", "007"),
        ("kafka.group_id", "null", "null"),
        ("kafka.sasl_password", " 12 ", " 12 "),
        ("kafka.sasl_username", "null", None),
        ("recovery.directory", "/data", "/data"),
        ("kafka.client", "{a.b: 1, c: true}", {"a.b": 1, "c": True}),
        ("documents.urls", "sqlite:a", ["sqlite:a"]),
        ("documents.urls", "sqlite:a, null:", ["sqlite:a", "null:"]),
        ("documents.urls", '["sqlite:a", "null:"]', ["sqlite:a", "null:"]),
        (
            "documents.urls",
            "mongodb://u:p@a:1,b:27017/db,mongodb+srv://c,sqlite:a",
            ["mongodb://u:p@a:1,b:27017/db", "mongodb+srv://c", "sqlite:a"],
        ),
        ("generator.start_time", "2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("generator.population.types", "{view: 1, buy: 2}", {"view": 1, "buy": 2}),
    ],
)
def test_text_becomes_a_value(path: str, text: str, value: Any) -> None:
    result = parsed(path, text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine.key_groups", "8.5"),
        ("engine.key_groups", "0x10"),
        ("engine.key_groups", "1_000"),
        ("stores.timeout_s", "soon"),
        ("source.until_end", "maybe"),
        ("kafka.client", "{a: "),
        ("documents.urls", "[sqlite:a"),
    ],
)
def test_text_that_does_not_fit_stays_text(path: str, text: str) -> None:
    assert parsed(path, text) == text

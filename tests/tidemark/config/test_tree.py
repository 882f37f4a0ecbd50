from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr

from tidemark.config.base import Expected
from tidemark.config.tree import describe, dotted, leaves, model_at


def test_environment_names_follow_the_path() -> None:
    leaf = leaves()["pipelines", "interactions", "window_s"]
    assert leaf.env_name == "TIDEMARK_PIPELINES__INTERACTIONS__WINDOW_S"
    assert leaf.env_names == (leaf.env_name,)


def test_names_that_other_tools_use() -> None:
    given = {leaf.env.name: leaf.path for leaf in leaves().values() if leaf.env}
    assert given == {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.bootstrap_servers",
        "KAFKA_GROUP_ID": "kafka.group_id",
        "KAFKA_SASL_PASSWORD": "kafka.sasl_password",
        "MONGO_URI": "documents.urls",
        "MONGO_DATABASE": "documents.database",
        "INFLUX_URL": "series.urls",
        "INFLUX_ORG": "series.influx_org",
        "INFLUX_BUCKET": "series.influx_bucket",
        "INFLUX_TOKEN": "series.influx_token",
        "NOTIFY_URLS": "alerts.notify_urls",
        "DASHBOARD_HOST": "dashboard.host",
        "DASHBOARD_PORT": "dashboard.port",
        "DASHBOARD_TOKEN": "dashboard.token",
        "DASHBOARD_REFRESH_INTERVAL": "dashboard.refresh_interval_s",
    }


def test_environment_names_are_unique() -> None:
    names = [name for leaf in leaves().values() for name in leaf.env_names]
    names += [f"{n}_FILE" for leaf in leaves().values() if leaf.from_file for n in leaf.env_names]
    assert len(names) == len(set(names))


def test_secrets_are_known_as_such() -> None:
    assert {leaf.path for leaf in leaves().values() if leaf.secret} == {
        "kafka.sasl_password",
        "series.influx_token",
        "alerts.notify_urls",
        "dashboard.token",
    }
    assert {leaf.path for leaf in leaves().values() if leaf.may_hold_secret} == {
        "documents.urls",
        "series.urls",
    }


def test_sections_are_found_by_route() -> None:
    section = model_at(("pipelines", "interactions"))
    assert section is not None
    assert "top_k" in section.model_fields
    assert model_at(("pipelines", "interactions", "top_k")) is None
    assert model_at(("nothing",)) is None


def test_routes_are_written_for_people() -> None:
    assert dotted(("documents", "urls", 1)) == "documents.urls[1]"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (Annotated[int, Field(ge=1, le=5)], "a whole number from 1 to 5"),
        (Annotated[int, Field(ge=1)], "a whole number, 1 or more"),
        (Annotated[float, Field(gt=0, le=2.5)], "a number, above 0, at most 2.5"),
        (Annotated[int, Field(ge=1)] | None, "null or a whole number, 1 or more"),
        (Annotated[str, Field(min_length=1)], "text, not empty"),
        (Annotated[str, Field(max_length=9)], "text, at most 9 characters"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["a"], "a"),
        (Path, "a path"),
        (datetime, "a time such as 2026-11-22T12:00:00Z"),
        (SecretStr, "text, from the environment or a file only"),
        (tuple[Annotated[str, Expected("an address")], ...], "a list; each entry an address"),
        (dict[str, float], "a mapping of names; each value a number"),
        (Annotated[str, Expected("an address")], "an address"),
    ],
)  # fmt: skip
def test_types_are_said_in_words(annotation: Any, words: str) -> None:
    assert describe(annotation) == words


def test_every_setting_says_what_it_takes() -> None:
    silent = [leaf.path for leaf in leaves().values() if leaf.expected == "a value"]
    assert silent == []

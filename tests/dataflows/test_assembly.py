"""Which pipelines go together: topics that are shared, and those that must not be."""

from __future__ import annotations

from typing import Any

import pytest
from bytewax.dataflow import Dataflow

from dataflows.activity import Activity
from dataflows.assembly import SchemaConflict, TopicLoop, assemble, by_topic, topic_spec
from dataflows.catalog import NoSuchPipeline, NothingToRun, chosen, pipeline, pipeline_class
from dataflows.funnel import Funnel
from dataflows.interactions import Interactions
from dataflows.inventory import Inventory
from dataflows.logins import Logins
from dataflows.processed_logins import ProcessedLogins
from dataflows.sessions import Sessions
from tidemark.config import Settings


def settings_of(**pipelines: Any) -> Settings:
    return Settings.model_validate({"pipelines": pipelines})


def test_a_topic_is_read_once_for_all_its_pipelines() -> None:
    settings = settings_of()
    pipelines = [each(settings) for each in (Activity, Funnel, Logins, Sessions, ProcessedLogins)]
    topics = {
        topic: [each.name for each in sharing] for topic, sharing in by_topic(pipelines).items()
    }
    assert topics == {
        "user_activity": ["activity", "funnel", "sessions"],
        "user-login": ["logins", "processed_logins"],
    }


def test_a_topic_is_decoded_as_far_as_somebody_wants_it() -> None:
    settings = settings_of()
    assert topic_spec(settings, [Interactions(settings)]).wanted == frozenset()
    deduplicated = settings_of(interactions={"dedupe_by": "event_id"})
    wanted = topic_spec(deduplicated, [Interactions(deduplicated)]).wanted
    assert wanted == frozenset({"event_id"})
    alone = topic_spec(settings, [Funnel(settings)])
    shared = topic_spec(settings, [Funnel(settings), Activity(settings)])
    assert alone.wanted == frozenset()
    assert shared.wanted == frozenset({"session_id", "amount"})
    assert (set(alone.taps), set(shared.taps)) == (set(), {"raw_data"})
    assert shared.windows_us == {"funnel": 60_000_000, "activity": 10_000_000}
    assert not shared.with_offsets
    assert topic_spec(settings, [Inventory(settings)]).with_offsets


def test_pipelines_that_expect_other_records_cannot_share_a_topic() -> None:
    settings = settings_of(activity={"topic": "user_interactions"})
    with pytest.raises(SchemaConflict, match="interactions and activity both read topic"):
        by_topic([Interactions(settings), Activity(settings)])


def test_what_is_written_is_not_read_again() -> None:
    settings = settings_of(processed_logins={"output_topic": "user-login"})
    no_environment: Any = None
    with pytest.raises(TopicLoop, match="topic user-login is read by processed_logins"):
        assemble(Dataflow("loop"), no_environment, settings, [ProcessedLogins(settings)])


def test_pipelines_run_where_their_topic_is_there() -> None:
    names = [each.name for each in chosen(settings_of(), {"user_activity", "sales", "other"})]
    assert names == ["activity", "sales", "funnel", "sessions"]


def test_a_pipeline_that_must_run_does_not_ask_for_its_topic() -> None:
    enabled = settings_of(sales={"enabled": True}, logins={"enabled": False})
    assert [each.name for each in chosen(enabled, {"user-login"})] == ["processed_logins", "sales"]
    only = settings_of(only=["inventory"], inventory={"enabled": False})
    assert [each.name for each in chosen(only, set())] == ["inventory"]


def test_nothing_to_run_is_an_error() -> None:
    with pytest.raises(NothingToRun, match="looked for user_interactions, user-login"):
        chosen(settings_of(), set())
    with pytest.raises(NothingToRun, match="no pipeline is enabled"):
        chosen(settings_of(only=[]), {"sales"})


def test_what_is_no_pipeline_is_told() -> None:
    for path in ("no.such:Thing", "dataflows.sales:Nothing", "dataflows.sales:Money"):
        with pytest.raises(NoSuchPipeline):
            pipeline_class(path)
    with pytest.raises(NoSuchPipeline) as caught:
        pipeline(settings_of(), "sale")
    assert "sales" in caught.value.remedy

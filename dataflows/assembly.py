"""From pipelines to a flow: a topic is read once, for all pipelines that take its records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias
from zlib import crc32

from bytewax.dataflow import Dataflow

from dataflows.pipeline import Pipeline
from dataflows.raw import raw_data
from dataflows.streaming.environment import MICROSECONDS, Environment
from dataflows.streaming.operators import dead_letters, of_records, read
from dataflows.streaming.outlets import Outlets
from dataflows.streaming.reader import TopicSpec
from dataflows.surroundings import limits
from stats.tables import KAFKA_OFFSET
from tidemark.config import Settings
from tidemark.errors import EXIT_USAGE, TidemarkError

AnyPipeline: TypeAlias = Pipeline[Any]

_RAW = "raw_data"


class SchemaConflict(TidemarkError):
    """Two pipelines read one topic as different things."""

    exit_code = EXIT_USAGE
    permanent = True


def by_topic(pipelines: Iterable[AnyPipeline]) -> dict[str, list[AnyPipeline]]:
    """Group pipelines by the topic they read. Raises SchemaConflict."""
    topics: dict[str, list[AnyPipeline]] = {}
    for pipeline in pipelines:
        sharing = topics.setdefault(pipeline.topic, [])
        if sharing and sharing[0].schema is not pipeline.schema:
            first = sharing[0]
            raise SchemaConflict(
                f"{first.name} and {pipeline.name} both read topic {pipeline.topic}, but expect"
                f" different records ({first.schema.__name__}, {pipeline.schema.__name__})",
                remedy="give each a topic of its own (pipelines.*.topic)",
            )
        sharing.append(pipeline)
    return topics


class TopicLoop(TidemarkError):
    """What a pipeline writes would be read again, for ever."""

    exit_code = EXIT_USAGE
    permanent = True


def topic_spec(settings: Settings, pipelines: Sequence[AnyPipeline]) -> TopicSpec:
    """Return how the topic that the pipelines have in common is read."""
    first = pipelines[0]
    transforms = {each.name: factory for each in pipelines if (factory := each.transform())}
    keep_raw = any(getattr(each.section, "raw_data", False) for each in pipelines)
    return TopicSpec(
        topic=first.topic,
        schema=first.schema,
        limits=limits(settings),
        out_of_orderness_us=round(settings.time.out_of_orderness_s * MICROSECONDS),
        windows_us={each.name: each.window_us for each in pipelines},
        wanted=frozenset().union(*(each.wanted() for each in pipelines)),
        transforms=transforms,
        taps={_RAW: raw_data} if keep_raw else {},
        outputs=_outputs(settings, pipelines),
        with_offsets=any(
            KAFKA_OFFSET in table.inputs for each in pipelines for table in each.tables()
        ),
    )


def _outputs(settings: Settings, pipelines: Sequence[AnyPipeline]) -> tuple[str, ...]:
    own = (getattr(each.section, "output_topic", None) for each in pipelines)
    return tuple(name for name in dict.fromkeys([*own, settings.alerts.topic]) if name)


def assemble(
    flow: Dataflow, env: Environment, settings: Settings, pipelines: Sequence[AnyPipeline]
) -> None:
    """Add pipelines to a flow. Raises SchemaConflict, TopicLoop."""
    outlets = Outlets()
    topics = by_topic(pipelines)
    for sharing in topics.values():
        for name in _outputs(settings, sharing):
            if name in topics:
                raise TopicLoop(
                    f"topic {name} is read by {topics[name][0].name} and written to as well",
                    remedy="write to another topic (pipelines.*.output_topic, alerts.topic)",
                )
    for topic, sharing in topics.items():
        step = _step_of(topic)
        spec = topic_spec(settings, sharing)
        events = read(f"read_{step}", flow, env, spec)
        outlets.topics.append(dead_letters(f"dead_letters_{step}", events))
        if spec.taps:
            outlets.documents.append(of_records(f"raw_{step}", events, _RAW))
        for pipeline in sharing:
            pipeline.build(events, env, outlets)
    outlets.connect(env)


def _step_of(topic: str) -> str:
    """Return a topic's name as part of a step id, which may not hold a dot."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", topic)
    return plain if plain == topic else f"{plain}_{crc32(topic.encode()):08x}"

"""The catalog: every pipeline by its name, and those that are to run."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dataflows.alerting.resolve import check_rules
from dataflows.assembly import AnyPipeline
from dataflows.pipeline import Pipeline
from dataflows.streaming.schema import Event
from tidemark.config import Settings
from tidemark.errors import EXIT_USAGE, TidemarkError
from tidemark.log import get_logger

PIPELINES = {
    "interactions": "dataflows.interactions:Interactions",
    "logins": "dataflows.logins:Logins",
    "processed_logins": "dataflows.processed_logins:ProcessedLogins",
    "activity": "dataflows.activity:Activity",
    "sales": "dataflows.sales:Sales",
    "inventory": "dataflows.inventory:Inventory",
    "funnel": "dataflows.funnel:Funnel",
    "sessions": "dataflows.sessions:Sessions",
}

_TYPE_OF = {"interactions": "interaction_type", "activity": "activity_type"}

log = get_logger(__name__)


class NoSuchPipeline(TidemarkError):
    """There is no such pipeline, or what is there is none."""

    exit_code = EXIT_USAGE
    permanent = True


class NothingToRun(TidemarkError):
    """No pipeline is enabled, or no topic of an enabled one is there."""

    permanent = True


def pipeline_class(path: str) -> type[Pipeline[Any]]:
    """Return the class at `package.module:Class`, found from the working directory as well.

    Raises NoSuchPipeline.
    """
    module_name, _, name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise NoSuchPipeline(
            f"pipeline {path} can not be imported: {error}",
            remedy="pipelines.own takes package.module:Class, found from the working directory",
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Pipeline)):
        raise NoSuchPipeline(f"{path} is no pipeline: derive it from dataflows.pipeline.Pipeline")
    return found


def pipeline(settings: Settings, name: str) -> AnyPipeline:
    """Return one pipeline, enabled or not. Raises NoSuchPipeline."""
    if name in PIPELINES:
        return pipeline_class(PIPELINES[name])(settings)
    for path in settings.pipelines.own:
        found = pipeline_class(path)
        if found.name == name:
            return found(settings)
    own = [pipeline_class(path).name for path in settings.pipelines.own]
    raise NoSuchPipeline(
        f"there is no pipeline {name!r}", remedy=f"there are: {', '.join([*PIPELINES, *own])}"
    )


def stream_of(name: str) -> tuple[type[Event], str]:
    """Return what the records look like that a pipeline counts by user and type, and their type."""
    return pipeline_class(PIPELINES[name]).schema, _TYPE_OF[name]


def every(settings: Settings) -> list[AnyPipeline]:
    """Return all pipelines, enabled or not. Raises NoSuchPipeline."""
    paths = (*PIPELINES.values(), *settings.pipelines.own)
    return [pipeline_class(path)(settings) for path in paths]


def check(settings: Settings, *more: AnyPipeline) -> None:
    """Raise ConfigError with all that is wrong with alert rules over pipelines, also `more`."""
    if settings.alerts.rules:
        check_rules(settings, [*every(settings), *more])


def chosen(settings: Settings, topics: Collection[str]) -> list[AnyPipeline]:
    """Return the pipelines to run; `topics` are those that are there.

    A pipeline that is `auto` rests where its topic is missing, with a warning. One of one's own, or
    that is enabled, is returned all the same. Raises NothingToRun, NoSuchPipeline.
    """
    found: list[AnyPipeline] = []
    missing: dict[str, str] = {}
    for name, _, required in settings.pipelines.wanted():
        topic = settings.pipelines.topic_of(name)
        if required or topic in topics:
            found.append(pipeline_class(PIPELINES[name])(settings))
        else:
            missing[name] = topic
    found += [pipeline_class(path)(settings) for path in settings.pipelines.own]
    if not found and not missing:
        raise NothingToRun(
            "no pipeline is enabled", remedy="set pipelines.<name>.enabled to auto or true"
        )
    if not found:
        wanted = ", ".join(dict.fromkeys(missing.values()))
        raise NothingToRun(
            f"no topic of an enabled pipeline is there; looked for {wanted}",
            remedy="make them (tidemark topics create), or set others at pipelines.*.topic",
        )
    for name, topic in missing.items():
        log.warning("pipeline_rests", pipeline=name, topic=topic, reason="its topic is not there")
    return found

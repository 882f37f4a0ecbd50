"""Recipes: what a pipeline computes of a window, apart from how its flow is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from dataflows import interactions
from dataflows.streaming.schema import Event
from dataflows.streaming.summary import WindowSummary
from sinks.commands import Document, Point
from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from stats.ranking import Ranked
from stats.tables import CountTable
from tidemark.config import Settings


class Section(Protocol):
    """What every pipeline's section of the settings has."""

    @property
    def topic(self) -> str:
        """The topic that is read."""

    @property
    def window_s(self) -> int:
        """Length of a window."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One pipeline. The first table counts every event once."""

    pipeline: str
    section: Callable[[Settings], Section]
    schema: Callable[[Settings], type[Event]]
    tables: Callable[[Settings], list[CountTable]]
    summarize: Callable[[Settings, Mapping[str, pl.DataFrame]], Any]
    fields: Callable[[WindowSummary[Any], ZoneInfo], dict[str, object]]
    points: Callable[[WindowSummary[Any], int, ZoneInfo], list[Point]]
    restore: Callable[[Settings, Document], Any]
    """Returns the summary that a stored document was made from."""
    aggregates: Mapping[str, str]
    """By table: the collection of current aggregates per first key."""


def _restored(document: Document, top_k: int) -> InteractionsSummary:
    def ranked(entries: list[dict[str, Any]], key: str) -> list[Ranked]:
        return [(entry[key], entry["count"]) for entry in entries]

    extremes = [
        ranked([document[name]], "item_id")[0] if document[name] else None
        for name in ("max_item", "min_item")
    ]
    return InteractionsSummary(
        top_k=top_k,
        by_type=document["by_type"],
        users=document["users"],
        items=document["items"],
        top_users=ranked(document["top_users"], "user_id"),
        top_items=ranked(document["top_items"], "item_id"),
        max_item=extremes[0],
        min_item=extremes[1],
    )


INTERACTIONS = Recipe(
    pipeline=interactions.PIPELINE,
    section=lambda settings: settings.pipelines.interactions,
    schema=lambda settings: interactions.schema_of(settings.pipelines.interactions),
    tables=lambda settings: interactions.tables_of(settings.pipelines.interactions),
    summarize=lambda settings, tables: summarize(tables, settings.pipelines.interactions.top_k),
    fields=interactions.summary_fields,
    points=interactions.summary_points,
    restore=lambda settings, document: _restored(document, settings.pipelines.interactions.top_k),
    aggregates={USER_TYPES.name: "user_stats", ITEM_TYPES.name: "item_stats"},
)

RECIPES: dict[str, Recipe] = {INTERACTIONS.pipeline: INTERACTIONS}
"""By pipeline."""

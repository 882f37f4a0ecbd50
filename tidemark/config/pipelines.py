"""Settings of the pipelines, one section each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidemark.config.base import Section
from tidemark.config.types import TopicName


class InteractionsSettings(Section):
    """Who does what, how often."""

    enabled: bool = True
    """Run this pipeline."""

    topic: TopicName = "user_interactions"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    window_s: Annotated[int, Field(ge=1, le=86_400)] = 10
    """Length of a window; windows are aligned to the Unix epoch."""

    top_k: Annotated[int, Field(ge=1, le=1000)] = 10
    """Entries of `top_items` and `top_users`."""

    dedupe_by: Literal["event_id"] | None = None
    """Count events that agree in this field, user, item and type once in a window; null: off."""


class PipelinesSettings(Section):
    """What is computed."""

    interactions: InteractionsSettings = InteractionsSettings()

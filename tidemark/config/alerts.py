"""Settings of alerts."""

from __future__ import annotations

from tidemark.config.base import Section
from tidemark.config.types import TopicName


class AlertsSettings(Section):
    """What is told when something begins and when it ends."""

    topic: TopicName | None = "alerts"
    """Topic that gets each alert as JSON; null: none."""

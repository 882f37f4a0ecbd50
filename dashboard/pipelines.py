"""Which pipelines there are, what they read, and when their numbers count as old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.windows import KINDS
from tidemark.config import Settings

_SLACK_S = 10.0


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """What the settings say about a pipeline; `enabled` is true, false or auto."""

    name: str
    enabled: bool | str
    topic: str
    window_s: int
    stale_after_s: float
    """Age of the newest final window from which it is stale."""


def pipelines_of(settings: Settings) -> list[PipelineInfo]:
    """Return every pipeline that the page knows, in the order of the page."""
    only = settings.pipelines.only
    found = []
    for name in KINDS:
        section: Any = getattr(settings.pipelines, name)
        enabled = section.enabled if only is None else name in only
        topic = settings.pipelines.topic_of(name)
        found.append(
            PipelineInfo(name, enabled, topic, section.window_s, _stale_after_s(settings, section))
        )
    return found


def _stale_after_s(settings: Settings, section: Any) -> float:
    """Return the age that the newest window never has while events come.

    Just before the next window is final, the newest one is a window's length and the disorder old;
    a partition that falls silent holds it for the idle time, too. A window of sessions waits until
    none of them can go on.
    """
    time = settings.time
    wait_s = time.out_of_orderness_s + time.idle_after_s + settings.engine.epoch_interval_s
    gap_s = getattr(section, "gap_s", 0.0)
    return float(
        section.window_s + gap_s + wait_s + 2 * settings.dashboard.refresh_interval_s + _SLACK_S
    )

"""What every pipeline shares: how Kafka is read, what time means, where results go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dataflows.streaming.partition_log import SourceOptions
from dataflows.streaming.rejects import Limits
from sinks.store import StoreFactory

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Environment:
    """The surroundings of a flow."""

    source: SourceOptions
    limits: Limits
    out_of_orderness_us: int
    idle_after_us: int
    key_groups: int
    documents: list[StoreFactory]
    series: list[StoreFactory]
    topics: list[StoreFactory]
    """Where records are sent: Kafka, or nothing."""
    partitions: Callable[[str, tuple[str, ...]], int]
    """Asks how many partitions a topic has, and sees that the topics it is written to are there."""
    lane: dict[str, Any] = field(default_factory=dict)
    """Arguments of every `StoreSink`."""

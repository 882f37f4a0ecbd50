"""Small topics with every kind of record, their truth, and its comparison with what is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from generator import GeneratorSettings, KafkaTarget, TruthWriter, plan, send
from tests.faults.seeds import dice, replay
from tests.sinks.readers import Document, Identity
from tests.support.comparing import assert_same
from tests.support.recompute import (
    Truth,
    current_aggregates,
    interactions_documents,
    interactions_points,
    load_truth,
)
from tests.support.servers import KafkaEndpoint

WINDOW_S = 10
PARTITIONS = 3
TAGS = {
    "interactions": ("interaction_type", "day_type", "hour_of_day"),
    "interactions_summary": (),
    "item_interactions": ("item_id",),
}

ReadDocuments = Callable[[str], dict[str, Document]]
ReadSeries = Callable[[str, tuple[str, ...]], dict[Identity, dict[str, float]]]


@dataclass(frozen=True)
class Dataset:
    """A filled topic, and what was sent."""

    topic: str
    truth: Truth


def fill(
    kafka: KafkaEndpoint,
    topic: str,
    truth: Path,
    *,
    count: int = 12_000,
    windows: int = 8,
    **changes: Any,
) -> Dataset:
    """Send so many interactions, spread over so many windows, and return what was sent."""
    print(replay())
    settings = GeneratorSettings(
        rate=None,
        event_rate=count / (windows * WINDOW_S),
        count=count,
        seed=dice("data of the store faults").randrange(1 << 32),
        start_time=datetime.now(UTC) - timedelta(hours=2),
        population={"users": 200, "items": 60},
        faults={
            "out_of_order_share": 0.3,
            "out_of_order_s": 4.9,
            "malformed_share": 0.01,
            "late_share": 0.005,
            "future_share": 0.001,
            "duplicate_share": 0.005,
        },
    ).model_copy(update=changes)
    target = KafkaTarget(kafka.client_properties(), topic)
    frames = plan(settings, target.partitions(timeout_s=30.0), datetime.now(UTC))
    with TruthWriter(truth, topic) as writer:
        delivery = send(frames, target, settings, truth=writer)
    assert delivery.acknowledged == count, delivery
    return Dataset(topic, load_truth(truth, window_s=WINDOW_S))


def assert_documents(read: ReadDocuments, truth: Truth, what: str = "documents") -> None:
    """Fail unless every document of a store is as recomputed, and the books balance."""
    documents = interactions_documents(truth.accepted, window_s=WINDOW_S)
    assert_same(read("aggregated_data"), documents, f"{what}: aggregated_data")
    for collection, key in (("user_stats", "user_id"), ("item_stats", "item_id")):
        expected = current_aggregates(truth.accepted, key)
        assert_same(read(collection), expected, f"{what}: {collection}")
    status = list(read("pipeline_status").values())
    assert sum(part["read"] for part in status) == truth.read
    assert sum(part["rejected"] for part in status) == len(truth.rejected)
    assert sum(part["late"] for part in status) == len(truth.late)


def assert_series(
    read: ReadSeries, truth: Truth, what: str = "series", without: tuple[str, ...] = ()
) -> None:
    """Fail unless every point of a store is as recomputed, and the books balance.

    The fields of measurements in `without` are not looked at.
    """
    documents = interactions_documents(truth.accepted, window_s=WINDOW_S)
    points = interactions_points(documents)
    for measurement, tags in TAGS.items():
        if measurement in without:
            continue
        expected = {(at, t): f for (m, at, t), f in points.items() if m == measurement}
        assert_same(read(measurement, tags), expected, f"{what}: {measurement}")
    books = read("pipeline", ("pipeline",)).values()
    assert sum(point["events"] for point in books) == len(truth.accepted)
    assert sum(point["rejected"] for point in books) == len(truth.rejected)
    assert sum(point["late"] for point in books) == len(truth.late)

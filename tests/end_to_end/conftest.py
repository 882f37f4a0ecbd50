"""The data set that the exactness tests share: generated once, with every fault, and its truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator import GeneratorSettings, KafkaTarget, TruthWriter, plan, send
from tests.support.recompute import Truth, load_truth
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
WINDOW_S = 10
EVENTS = 300_000


@dataclass(frozen=True)
class Dataset:
    """A filled topic, and what was sent."""

    topic: str
    truth: Truth


def fill(kafka: KafkaEndpoint, topic: str, settings: GeneratorSettings, truth: Path) -> None:
    """Send what the settings say; every record must be acknowledged."""
    target = KafkaTarget(kafka.client_properties(), topic)
    frames = plan(settings, target.partitions(timeout_s=30.0), datetime.now(UTC))
    with TruthWriter(truth, topic) as writer:
        delivery = send(frames, target, settings, truth=writer)
    assert delivery.acknowledged == settings.count, delivery


def interactions_with_faults(count: int = EVENTS) -> GeneratorSettings:
    """Return settings for interactions with disorder within the lateness and every fault.

    One partition is 30 s of event time behind the others from the start.
    """
    return GeneratorSettings(
        rate=None,
        event_rate=6_000.0,
        count=count,
        seed=20_261_122,
        start_time=datetime.now(UTC) - timedelta(hours=2),
        population={"users": 3_000, "items": 800, "item_skew": 1.0, "hot_user_share": 0.02},
        faults={
            "out_of_order_share": 0.3,
            "out_of_order_s": 4.9,
            "malformed_share": 0.01,
            "late_share": 0.005,
            "future_share": 0.001,
            "duplicate_share": 0.005,
        },
        scenarios={"partition_lag": {"partition": 1, "by_s": 30.0}},
    )


@pytest.fixture(scope="session")
def dataset(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """Yield a topic with 300,000 interactions in 3 partitions."""
    topic = kafka.create_topic(unique_name("interactions"), PARTITIONS)
    truth = tmp_path_factory.mktemp("truth") / "truth.parquet"
    fill(kafka, topic, interactions_with_faults(), truth)
    yield Dataset(topic, load_truth(truth, window_s=WINDOW_S))
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)

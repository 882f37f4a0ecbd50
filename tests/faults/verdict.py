"""Compare everything that is stored with a recomputation: what is lost, what counted double."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.faults.feed import WINDOW_S
from tests.sinks.readers import sqlite_documents, sqlite_series
from tests.support.comparing import assert_same
from tests.support.recompute import (
    Truth,
    current_aggregates,
    interactions_documents,
    interactions_points,
)
from tests.support.servers import KafkaEndpoint
from tests.support.topics import header

TAGS = {
    "interactions": ("interaction_type", "day_type", "hour_of_day"),
    "interactions_summary": (),
    "item_interactions": ("item_id",),
}


@dataclass(frozen=True)
class Verdict:
    """What a comparison has found.

    `lost` and `double` are events: by the totals of that collection where most are missing, or too
    many. `problems` names everything that differs, also what no total shows.
    """

    lost: int
    double: int
    problems: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every value is as it should be."""
        return not (self.lost or self.double or self.problems)


def judge(store: Path, truth: Truth) -> Verdict:
    """Compare every document, every point and the books with the truth."""
    read = sqlite_documents(store)
    windows = interactions_documents(truth.accepted, window_s=WINDOW_S)
    expected = {
        "aggregated_data": windows,
        "user_stats": current_aggregates(truth.accepted, "user_id"),
        "item_stats": current_aggregates(truth.accepted, "item_id"),
    }
    lost = double = 0
    problems: list[str] = []
    for collection, documents in expected.items():
        stored = read(collection)
        missing, too_many = _totals(stored, documents)
        lost, double = max(lost, missing), max(double, too_many)
        problems += _differences(stored, documents, collection)
    series = sqlite_series(store)
    points = interactions_points(windows)
    for measurement, tags in TAGS.items():
        those = {(at, t): fields for (m, at, t), fields in points.items() if m == measurement}
        problems += _differences(series(measurement, tags), those, measurement)
    problems += _books(
        "pipeline_status", read("pipeline_status").values(), truth, "read", "rejected", "late"
    )
    problems += _books(
        "series pipeline",
        series("pipeline", ("pipeline",)).values(),
        truth,
        "events",
        "rejected",
        "late",
    )
    return Verdict(lost, double, tuple(problems))


def missing_dead_letters(kafka: KafkaEndpoint, topic: str, truth: Truth) -> list[str]:
    """Return what is wrong with the topics of rejected and late records.

    A record may be there again after a crash, but is there, and no other is.
    """
    problems = []
    for suffix, records in ((".dlq", truth.rejected), (".late", truth.late)):
        expected = set(records.select("partition", "sequence").iter_rows())
        try:
            found = _origins(kafka, topic + suffix)
        except KafkaException as error:
            problems.append(f"{topic + suffix}: {error}")
            continue
        if found != expected:
            problems.append(
                f"{suffix}: {len(expected - found)} of {len(expected)} are missing,"
                f" {len(found - expected)} do not belong there"
            )
    return problems


def _origins(kafka: KafkaEndpoint, topic: str) -> set[tuple[int, int]]:
    """Return the partition and offset that each record of a side topic came from."""
    consumer = Consumer(
        {**kafka.client_properties(), "group.id": "faults", "enable.auto.commit": False}
    )
    found: set[tuple[int, int]] = set()
    try:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            place = TopicPartition(topic, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([TopicPartition(topic, partition, low)])
            while low < high:
                messages = consumer.consume(min(high - low, 10_000), timeout=10.0)
                assert messages, f"partition {partition} of {topic} falls silent at {low}"
                for message in messages:
                    assert message.error() is None, message.error()
                    origin = header(message, "source.partition"), header(message, "source.offset")
                    found.add((int(origin[0]), int(origin[1])))
                    low = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found


def _totals(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[int, int]:
    gaps = [
        expected.get(key, {"total": 0})["total"] - stored.get(key, {"total": 0})["total"]
        for key in stored.keys() | expected.keys()
    ]
    return sum(gap for gap in gaps if gap > 0), -sum(gap for gap in gaps if gap < 0)


def _differences(stored: Mapping[Any, Any], expected: Mapping[Any, Any], what: str) -> list[str]:
    return _said_by(lambda: assert_same(stored, expected, what))


def _said_by(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except AssertionError as error:
        return [str(error)]
    return []


def _books(
    what: str, entries: Iterable[Mapping[str, float]], truth: Truth, first: str, *others: str
) -> list[str]:
    """Read = aggregated + rejected + late: the sum of all, and each of the three."""
    sizes = {
        "read": truth.read,
        "events": len(truth.accepted),
        "rejected": len(truth.rejected),
        "late": len(truth.late),
    }
    rows = list(entries)
    found = {name: sum(row[name] for row in rows) for name in (first, *others)}
    return [
        f"{what}: {name} is {number}, not {sizes[name]}"
        for name, number in found.items()
        if number != sizes[name]
    ]

"""What should come out: counted from the topic in one batch, with no code of any subject."""

from __future__ import annotations

import io
from collections.abc import Iterator

import polars as pl
from confluent_kafka import Consumer, TopicPartition

from bench.errors import BenchmarkError
from bench.topics import WINDOW_S, Place

GROUP = ("start_s", "kind", "key", "type")
_CHUNK = 250_000
_SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "interaction_type": pl.String,
    "timestamp": pl.String,
}


def count_topic(place: Place) -> pl.DataFrame:
    """Return the true counts of a topic: start_s (Int64), kind, key, type, count (Int64).

    `kind` is user or item, `start_s` the window's start in Unix seconds. Nothing is late here.
    """
    partial = [count_records(values) for values in _values(place)]
    return add_up(pl.concat(partial))


def count_records(values: list[bytes]) -> pl.DataFrame:
    """Return the counts of some records."""
    events = pl.read_ndjson(io.BytesIO(b"\n".join(values)), schema=_SCHEMA)
    time = pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
    events = events.with_columns(start_s=time.dt.epoch("s") // WINDOW_S * WINDOW_S)
    sides = [
        events.group_by(
            "start_s", kind=pl.lit(kind), key=f"{kind}_id", type="interaction_type"
        ).agg(count=pl.len().cast(pl.Int64))
        for kind in ("user", "item")
    ]
    return pl.concat(sides)


def add_up(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the sums of counts by what they count."""
    return counts.group_by(GROUP).agg(pl.col("count").sum())


def _values(place: Place) -> Iterator[list[bytes]]:
    consumer = Consumer(
        {
            "bootstrap.servers": place.servers,
            "group.id": "bench-truth",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = consumer.list_topics(place.topic, timeout=10).topics[place.topic].partitions
        consumer.assign([TopicPartition(place.topic, partition, 0) for partition in partitions])
        values: list[bytes] = []
        left = place.events
        while left:
            messages = consumer.consume(min(20_000, left), timeout=30.0)
            if not messages:
                raise BenchmarkError(f"{left} of {place.events} records are missing")
            values += [value for each in messages if (value := each.value()) is not None]
            left -= len(messages)
            if len(values) >= _CHUNK or not left:
                yield values
                values = []
    finally:
        consumer.close()

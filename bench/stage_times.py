"""The subject of `stages`: the way of an event without Bytewax, step by step, each one timed.

    python -m bench.stage_times SERVERS TOPIC

Times are of the CPU of the one thread that does everything in turn, so waiting does not count; what
librdkafka's own threads and polars' use is the rest of the process's time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition

from bench.raw import BATCH
from bench.topics import WINDOW_S
from dataflows.interactions import Interaction
from dataflows.streaming.operators import parcels_of
from dataflows.streaming.polls import Polls, polls_of
from dataflows.streaming.reader import PartitionReader, TopicSpec
from dataflows.streaming.rejects import Limits
from dataflows.streaming.split import Splitter
from dataflows.streaming.tuning import tune_for_batches
from dataflows.streaming.windows import GroupWindows, WindowSpec
from stats.interactions import ITEM_TYPES, USER_TYPES, summarize

_PIPELINE = "interactions"
_KEY_GROUPS = 16
_SECOND_US = 1_000_000
_TABLES = (USER_TYPES, ITEM_TYPES)


class Stages:
    """Adds up CPU seconds of this thread by stage."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count what happens inside for a stage."""
        began_s = time.thread_time()
        try:
            yield
        finally:
            self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + time.thread_time() - began_s


def main() -> None:
    """Read a topic of interactions to its end and print microseconds an event of each stage."""
    servers, topic = sys.argv[1:]
    tune_for_batches()
    stages = Stages()
    window_us, disorder_us = WINDOW_S * _SECOND_US, 5 * _SECOND_US
    spec = TopicSpec(
        topic, Interaction, Limits(), disorder_us, {_PIPELINE: window_us}, wanted=frozenset()
    )
    splitter = Splitter(_TABLES, window_us, _KEY_GROUPS)
    windows = WindowSpec(_TABLES, window_us, disorder_us, 10 * _SECOND_US, _KEY_GROUPS)
    groups = [GroupWindows(windows) for _ in range(_KEY_GROUPS)]
    partitions = _partitions(servers, topic)
    readers = [
        PartitionReader(spec, partition, len(partitions), 0, lambda: time.time_ns() // 1_000)
        for partition in range(len(partitions))
    ]
    left = sum(ends for _, ends in partitions)
    events = left
    counted = 0
    began_s = time.process_time()
    while left:
        for reader, (polls, _) in zip(readers, partitions, strict=True):
            with stages.timed("consume"):
                fetched = polls.poll(BATCH, 0.02).fetched
            if not len(fetched):
                continue
            left -= len(fetched)
            with stages.timed("decode, lateness"):
                batch = reader.batch(fetched, 1 << 60)
            with stages.timed("reduce, split"):
                parcels = parcels_of(batch, splitter, _PIPELINE, _KEY_GROUPS)
            with stages.timed("free the records"):
                del fetched, batch
            with stages.timed("windows"):
                news = [
                    closing
                    for group, parcel in zip(groups, parcels, strict=True)
                    for closing in group.absorb([parcel])
                ]
            with stages.timed("summaries"):
                counted += sum(
                    summarize(w.tables, 10).events for closing in news for w in closing.windows
                )
    for group in groups:
        for closing in group.end():
            counted += sum(summarize(w.tables, 10).events for w in closing.windows)
    if counted != events:
        raise SystemExit(f"{counted} of {events} events came out")
    whole_s = time.process_time() - began_s
    figures = {stage: 1e6 * cpu_s / events for stage, cpu_s in stages.cpu_s.items()}
    figures["other threads"] = 1e6 * whole_s / events - sum(figures.values())
    print(json.dumps(figures))


def _partitions(servers: str, topic: str) -> list[tuple[Polls, int]]:
    """Return the polls of each partition, as the source has them, and the partition's end."""
    properties = {
        "bootstrap.servers": servers,
        "group.id": "bench-stages",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": BATCH,
        "queued.max.messages.kbytes": 65_536,
    }
    first = Consumer(properties)
    count = len(first.list_topics(topic, timeout=10).topics[topic].partitions)
    found = []
    for partition in range(count):
        consumer = Consumer(properties)
        place = TopicPartition(topic, partition)
        polls = polls_of(consumer, topic, partition)
        found.append((polls, consumer.get_watermark_offsets(place, timeout=10)[1]))
        polls.assign(0)
    first.close()
    return found


if __name__ == "__main__":
    main()

"""The floor: read every record of a topic with a bare consumer, and do nothing with it."""

from __future__ import annotations

import argparse

from confluent_kafka import Consumer, TopicPartition

from bench.measure import Stopwatch, report
from dataflows.streaming.tuning import tune_for_batches

BATCH = 20_000


def main() -> None:
    """Read the topic to its end and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("topic")
    args = parser.parse_args()
    # The same settings as the job's source: the comparison is about the work, not about them.
    tune_for_batches()
    consumer = Consumer(
        {
            "bootstrap.servers": args.servers,
            "group.id": "bench-raw",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": BATCH,
            "queued.max.messages.kbytes": 65_536,
        }
    )
    partitions = consumer.list_topics(args.topic, timeout=10).topics[args.topic].partitions
    places = [TopicPartition(args.topic, partition, 0) for partition in partitions]
    wanted = sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
    watch = Stopwatch()
    consumer.assign(places)
    read = 0
    while read < wanted:
        read += len(consumer.consume(BATCH, timeout=1.0))
    report(watch.stop(read))


if __name__ == "__main__":
    main()

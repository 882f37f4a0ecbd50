"""Counts per (user, type) and (item, type) in a loop over kafka-python, a dictionary per event.

python kafka_python_job.py SERVERS TOPIC OUTPUT GROUP
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter, defaultdict
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition

WINDOW_S, OUT_OF_ORDERNESS_S = 10, 5


def main(servers: str, topic: str, output: str, group: str) -> None:
    """Read what is in the topic and write each window once it is closed."""
    store = sqlite3.connect(f"{output}/counts.db")
    store.execute("CREATE TABLE counts (window_start, kind, key, type, count)")
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        check_crcs=False,
        max_poll_records=5_000,
        max_partition_fetch_bytes=4_000_000,
        value_deserializer=json.loads,
    )
    windows: defaultdict[int, Counter[tuple[str, str, str]]] = defaultdict(Counter)
    watermark, late = 0.0, 0

    def close_windows() -> None:
        for start in sorted(windows):
            if start + WINDOW_S <= watermark:
                rows = [(start, *group, n) for group, n in windows.pop(start).items()]
                store.executemany("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", rows)
                store.commit()
                consumer.commit()

    partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
    left = sum(consumer.end_offsets(partitions).values())
    for message in consumer:
        event = message.value
        time = datetime.fromisoformat(event["timestamp"]).timestamp()
        start = int(time // WINDOW_S * WINDOW_S)
        if start + WINDOW_S <= watermark:
            late += 1
        else:
            counts = windows[start]
            counts["user", event["user_id"], event["interaction_type"]] += 1
            counts["item", event["item_id"], event["interaction_type"]] += 1
        if time - OUT_OF_ORDERNESS_S > watermark:
            watermark = time - OUT_OF_ORDERNESS_S
            if min(windows, default=start) + WINDOW_S <= watermark:
                close_windows()
        left -= 1
        if left == 0:
            break
    watermark = float("inf")
    close_windows()
    print("late", late)


if __name__ == "__main__":
    main(*sys.argv[1:])

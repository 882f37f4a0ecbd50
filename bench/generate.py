"""The subject of `generator`: send interactions as fast as possible, and say how fast that was."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime

from bench.measure import peak_mib
from generator import GeneratorSettings, KafkaTarget, plan, send


def main(servers: str, topic: str, count: int) -> None:
    """Fill the topic."""
    settings = GeneratorSettings(rate=None, count=count, event_rate=50_000.0)
    target = KafkaTarget({"bootstrap.servers": servers}, topic)
    frames = plan(settings, target.partitions(timeout_s=30.0), datetime.now(UTC))
    cpu_s = time.process_time()
    delivery = send(frames, target, settings)
    cpu_s = time.process_time() - cpu_s
    found = {
        "acknowledged": delivery.acknowledged,
        "events_per_s": delivery.events_per_s,
        "cpu_s_per_million": cpu_s * 1e6 / count,
        "peak_mib": peak_mib(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""Counts per (user, type) and (item, type) in plain Bytewax, an object per event and operator.

python bytewax_job.py SERVERS TOPIC OUTPUT
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.files import FileSink
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

ALIGNED = datetime(2024, 1, 1, tzinfo=UTC)
WINDOW = timedelta(seconds=10)


def decode(message: KafkaSourceMessage[bytes | None, bytes | None]) -> dict[str, Any]:
    """Return the event with its time."""
    event: dict[str, Any] = json.loads(message.value or b"")
    event["timestamp"] = datetime.fromisoformat(event["timestamp"])
    return event


def group(kind: str, event: dict[str, Any]) -> str:
    """Return the key that an event is counted under."""
    return f"{kind}\t{event[f'{kind}_id']}\t{event['interaction_type']}"


def flow(servers: str, topic: str, output: str) -> Dataflow:
    """Return the dataflow: read, decode, count by key and window, write lines."""
    flow = Dataflow("peer")
    messages = kop.input("messages", flow, brokers=[servers], topics=[topic], tail=False)
    events = op.map("decode", messages.oks, decode)
    clock: win.EventClock[dict[str, Any]] = win.EventClock(
        lambda event: event["timestamp"], timedelta(seconds=5)
    )
    windower = win.TumblingWindower(length=WINDOW, align_to=ALIGNED)
    for kind in ("user", "item"):
        counts = win.count_window(f"count_{kind}", events, clock, windower, partial(group, kind))
        lines = op.map(f"line_{kind}", counts.down, line)
        op.output(f"write_{kind}", lines, FileSink(Path(output) / f"{kind}.jsonl"))
    return flow


def line(counted: tuple[str, tuple[int, int]]) -> tuple[str, str]:
    """Return a window's count as a line of JSON."""
    under, (window_id, count) = counted
    kind, key, name = under.split("\t")
    start = (ALIGNED + WINDOW * window_id).isoformat()
    row = {"window_start": start, "kind": kind, "key": key, "type": name, "count": count}
    return under, json.dumps(row)


if __name__ == "__main__":
    cli_main(flow(*sys.argv[1:]))  # type: ignore[no-untyped-call] # native

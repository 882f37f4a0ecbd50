"""Time on the whole way: partitions that sleep and wake, and input that ends."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import MakeTopic
from tests.end_to_end.conftest import WINDOW_S
from tests.sinks.readers import sqlite_documents_so_far, sqlite_series
from tests.support.producing import START, interaction, produce
from tests.support.running import BYTEWAX, TIDEMARK, Running, run
from tests.support.servers import KafkaEndpoint
from tests.support.topics import header, read_topic

OUT_OF_ORDERNESS_S = 5


def _settings(kafka: KafkaEndpoint, topic: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_TIME__IDLE_AFTER_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
    }


def test_a_partition_that_wakes_behind_closed_windows_is_late_and_nothing_vanishes(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(2)
    read = sqlite_documents_so_far(tmp_path / "out.db")

    def totals() -> dict[str, object]:
        return {key[-9:]: document["total"] for key, document in read("aggregated_data").items()}

    produce(kafka, topic, 1, [interaction(1, "early", "i0")])
    with Running((*BYTEWAX, "-s", "1"), tmp_path, _settings(kafka, topic)) as job:
        # Partition 1 has fallen silent: the windows of partition 0 close without it.
        for second in range(0, 60, 5):
            produce(kafka, topic, 0, [interaction(second, f"u{second}")])
            job.wait_until(partial(_has_read, read, second // 5 + 2), what="reading")
        job.wait_until(lambda: "12:00:30Z" in totals(), what="a window closed without partition 1")
        # It wakes with two records of closed windows and one that is in time; the second half of
        # the batch has a record that is late by its own partition as well.
        woken = [
            interaction(12, "late1"),
            interaction(31, "late2"),
            interaction(58, "in-time"),
            interaction(2, "late-by-itself"),
        ]
        produce(kafka, topic, 1, woken)
        job.wait_until(partial(_has_read, read, 17), what="the woken partition to be read")
        job.wait_until(lambda: "12:00:50Z" in totals(), what="the last window")
        job.wait_until(lambda: len(read_topic(kafka, f"{topic}.late")) == 3, what="late records")
        job.wait_until(lambda: "in-time" in read("user_stats"), what="the last user")
        job.interrupt()

    assert totals() == {f"12:00:{10 * n:02d}Z": 2 + (n == 0) + (n == 5) for n in range(6)}
    assert {"late1", "late2", "late-by-itself"}.isdisjoint(read("user_stats"))
    assert "in-time" in read("user_stats")
    late = {(header(m, "source.offset"), m.value()) for m in read_topic(kafka, f"{topic}.late")}
    assert late == {("1", woken[0]), ("2", woken[1]), ("4", woken[3])}
    points = sqlite_series(tmp_path / "out.db")("pipeline", ("pipeline",)).values()
    assert sum(p["events"] for p in points) + sum(p["late"] for p in points) == 17


def _has_read(read: Callable[[str], dict[str, dict[str, Any]]], records: int) -> bool:
    parts = read("pipeline_status").values()
    return bool(sum(part["read"] for part in parts) == records)


def test_a_store_closed_by_the_end_of_input_is_not_resumed_on_a_topic_that_has_grown(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(2)
    settings = _settings(kafka, topic)
    until_end = (*TIDEMARK, "run", "--until-end")
    produce(kafka, topic, 0, [interaction(1), interaction(3)])
    assert run(until_end, tmp_path, settings).code == 0
    unchanged = run(until_end, tmp_path, settings)
    assert unchanged.code == 0, unchanged.stderr

    produce(kafka, topic, 0, [interaction(4)])
    grown = run(until_end, tmp_path, settings)
    assert grown.code == 1
    assert "--until-end" in grown.stderr
    assert "remedy" in grown.stderr
    assert "Traceback" not in grown.stderr
    assert sqlite_documents_so_far(tmp_path / "out.db")("user_stats")["u1"]["total"] == 2

    (tmp_path / "out.db").unlink()
    anew = run((*until_end, "--fresh"), tmp_path, settings)
    assert anew.code == 0, anew.stderr
    assert sqlite_documents_so_far(tmp_path / "out.db")("user_stats")["u1"]["total"] == 3


def test_clocks_that_lie_make_nothing_late_that_is_not(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(2)
    century = 75 * 365 * 86_400
    years = -20 * 365 * 86_400
    partitions = {
        0: [
            *range(0, 100, 3),
            century,  # of the future: rejected, and it moves no watermark
            *range(100, 130, 3),
            *range(90, 60, -3),  # the clock jumps back: late is what belongs to windows long over
            128,
        ],
        1: [*range(years, years + 300, 7), *range(years + 250, years + 320)],  # a backfill
    }
    for partition, seconds in partitions.items():
        produce(kafka, topic, partition, [interaction(s, f"u{partition}") for s in seconds])
    done = run((*TIDEMARK, "run", "--until-end"), tmp_path, _settings(kafka, topic))
    assert done.code == 0, done.stderr

    windows: Counter[float] = Counter()
    late = rejected = 0
    for seconds in partitions.values():
        largest = -math.inf
        for second in seconds:
            start = second // WINDOW_S * WINDOW_S
            if second == century:
                rejected += 1
            elif start + WINDOW_S <= largest - OUT_OF_ORDERNESS_S:
                late += 1
            else:
                windows[start] += 1
                largest = max(largest, second)
    assert late > 10

    read = sqlite_documents_so_far(tmp_path / "out.db")
    stored = {
        (document["timestamp"] - START).total_seconds(): document["total"]
        for document in read("aggregated_data").values()
    }
    assert stored == windows
    status = read("pipeline_status").values()
    assert sum(part["late"] for part in status) == late
    assert sum(part["rejected"] for part in status) == rejected
    assert len(read_topic(kafka, f"{topic}.late")) == late


def test_days_and_hours_are_those_of_the_chosen_zone(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(1)
    # In Berlin the clocks went from 2 to 3 o'clock on Sunday, 29 March 2026, at 1:00 UTC.
    moments = ["2026-03-27T22:59:55Z", "2026-03-27T23:00:05Z", "2026-03-29T00:59:55Z"]
    moments += ["2026-03-29T01:00:05Z", "2026-03-29T21:59:55Z", "2026-03-29T22:00:05Z"]
    offsets = [(datetime.fromisoformat(m) - START).total_seconds() for m in moments]
    produce(kafka, topic, 0, [interaction(offset) for offset in offsets])
    settings = {**_settings(kafka, topic), "TIDEMARK_TIME__TIME_ZONE": "Europe/Berlin"}
    done = run((*TIDEMARK, "run", "--until-end"), tmp_path, settings)
    assert done.code == 0, done.stderr
    found = [
        (document["day_type"], document["hour_of_day"])
        for _, document in sorted(
            sqlite_documents_so_far(tmp_path / "out.db")("aggregated_data").items()
        )
    ]
    assert found == [
        ("weekday", 23),
        ("weekend", 0),
        ("weekend", 1),
        ("weekend", 3),
        ("weekend", 23),
        ("weekday", 0),
    ]

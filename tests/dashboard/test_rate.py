from __future__ import annotations

from typing import Any

from dashboard.rate import RateMeter, books


def part(pipeline: str, topic: str, partition: int, **counts: int) -> dict[str, Any]:
    return {"pipeline": pipeline, "topic": topic, "partition": partition, **counts}


def test_a_partition_that_two_pipelines_read_counts_once_and_late_records_of_each() -> None:
    found = books(
        [
            part("activity", "a", 0, read=100, rejected=3, late=1, lag=5),
            part("sessions", "a", 0, read=98, rejected=3, late=2, lag=7),
            part("activity", "a", 1, read=10, rejected=0, late=0, lag=0),
        ]
    )
    assert found == {"read": 110, "rejected": 3, "late": 3, "lag": 7}


def test_no_books_are_zero() -> None:
    assert books([]) == {"read": 0, "rejected": 0, "late": 0, "lag": 0}


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    meter = RateMeter()
    assert meter.update(0.0, 0) is None
    for second in range(1, 40):
        rate = meter.update(float(second), 100 * second if second < 20 else 1900 + 10 * second)
    assert rate == 10.0


def test_a_count_that_was_not_written_anew_changes_nothing() -> None:
    meter = RateMeter()
    meter.update(0.0, 0)
    assert meter.update(2.0, 10) == 5.0
    assert meter.update(2.0, 10) == 5.0


def test_a_count_that_goes_back_starts_anew() -> None:
    meter = RateMeter()
    meter.update(0.0, 1000)
    meter.update(1.0, 2000)
    assert meter.update(2.0, 10) is None
    assert meter.update(3.0, 30) == 20.0

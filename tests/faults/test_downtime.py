"""A long downtime makes nothing late that would not have been."""

from __future__ import annotations

from pathlib import Path

from tests.faults.scenarios import IDLE_AFTER_S, LATENESS_S, long_downtime
from tests.support.servers import KafkaEndpoint


def test_nothing_that_came_meanwhile_is_late(kafka: KafkaEndpoint, tmp_path: Path) -> None:
    result = long_downtime(
        kafka,
        tmp_path,
        processes=2,
        events=50_000,
        down_s=IDLE_AFTER_S + LATENESS_S + 1.0,
    )
    assert result.verdict.exact, result.verdict

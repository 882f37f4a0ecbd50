"""kill -9 at random moments, of members and of supervisors: nothing is lost, nothing double."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.scenarios import kills_in_a_bounded_run, kills_in_a_live_run
from tests.faults.seeds import dice
from tests.support.servers import KafkaEndpoint


@pytest.mark.parametrize("processes", [1, 2])
def test_a_bounded_run_is_exact_however_often_it_is_broken(
    processes: int, kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    result = kills_in_a_bounded_run(
        kafka,
        tmp_path,
        dice(f"bounded/{processes}"),
        processes=processes,
        events=90_000,
        kills=4,
        batch_size=600,
    )
    assert sum(result.faults.values()) == 4
    assert result.verdict.exact, result.verdict


def test_a_live_run_is_exact_however_often_it_is_broken(
    kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    result = kills_in_a_live_run(kafka, tmp_path, dice("live"), processes=2, kills=3, rate=3_000.0)
    assert sum(result.faults.values()) == 3
    assert result.verdict.exact, result.verdict

"""kill -9 at random moments, of members and of supervisors: nothing is lost, nothing double.

The other combinations, and many more kills, are in `make chaos`.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.scenarios import kills_in_a_bounded_run, kills_in_a_live_run
from tests.faults.seeds import dice
from tests.support.servers import KafkaEndpoint


def test_a_bounded_run_is_exact_however_often_its_process_is_killed(
    kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    result = kills_in_a_bounded_run(
        kafka,
        tmp_path,
        dice("bounded"),
        processes=1,
        events=90_000,
        kills=4,
        batch_size=600,
        one_supervisor=True,
    )
    assert sum(result.faults.values()) == 4
    assert result.verdict.exact, result.verdict


def test_a_live_run_is_exact_however_often_it_is_broken(
    kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    result = kills_in_a_live_run(kafka, tmp_path, dice("live"), processes=2, kills=3, rate=3_000.0)
    assert sum(result.faults.values()) == 3
    assert result.verdict.exact, result.verdict

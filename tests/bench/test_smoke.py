"""One benchmark from end to end, as a user starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.results import read
from tests.support.running import run
from tests.support.servers import KafkaEndpoint


def test_throughput_can_be_measured(kafka: KafkaEndpoint, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "throughput", "--quick", "--events", "20000"]
    command += ["--kafka", kafka.bootstrap_servers, "--json", str(tmp_path / "found.json")]
    done = run(command, tmp_path, {})
    assert done.code == 0, done.stderr[-2000:]
    assert "count for nothing" in done.stdout
    found = read(tmp_path / "found.json")
    assert found.origin.quick
    assert found.settings["events"] == 20_000
    assert {bar.id for bar in found.bars} == {"1a", "1b"}
    assert all(bar.values[0] > 0 for bar in found.bars)

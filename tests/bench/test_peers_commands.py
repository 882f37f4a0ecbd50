"""The commands of the page about the peers, on a real broker, over small topics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from bench.peers.catalog import OURS
from bench.peers.document import BEGIN, END
from bench.results import read
from tests.support.running import ROOT, environment

PEERS = (sys.executable, "-m", "bench.peers")


def test_a_broker_runs_and_tables(tmp_path: Path) -> None:
    environ = environment({k: v for k, v in os.environ.items() if k == "TIDEMARK_CACHE"})
    broker = subprocess.Popen(
        [*PEERS, "broker", "--folder", str(tmp_path)],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert broker.stdout is not None
        address = broker.stdout.readline().strip()
        assert address.startswith("127.0.0.1:")
        file, page = tmp_path / "figures.json", tmp_path / "page.md"
        command = [*PEERS, "run", "--kafka", address, "--folder", str(tmp_path / "topics")]
        command += ["--json", str(file), "--only", OURS, "--only", "kafka-python"]
        # Twice: the second call reads the topic that the first one has filled.
        for _ in range(2):
            subprocess.run(
                [*command, "--events", "1000", "--events", "2000"],
                cwd=ROOT,
                env=environ,
                check=True,
            )
        result = read(file)
        assert {key: len(runs) for key, runs in result.runs.items()} == {
            f"{name}, {events:,} events": 2
            for name in (OURS, "kafka-python")
            for events in (1000, 2000)
        }
        assert all(run["lost_share"] == 0 for run in result.runs[f"{OURS}, 1,000 events"])
        page.write_text(f"{BEGIN}\n{END}\n")
        subprocess.run(
            [*PEERS, "table", str(file), "--write", str(page)], cwd=ROOT, env=environ, check=True
        )
        assert f"| {OURS} | 2,000 | 2 |" in page.read_text()
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.communicate(timeout=60)
    assert broker.returncode == 0

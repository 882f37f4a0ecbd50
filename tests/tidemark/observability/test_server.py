"""The HTTP endpoints of a run, made up and real."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.ports import free_port
from tests.tidemark.supervisor.running import Run
from tidemark.observability.exposition import families
from tidemark.observability.readiness import Answer
from tidemark.observability.server import serving
from tidemark.observability.view import Health

NOT_KAFKA = f"127.0.0.1:{free_port()}"


@dataclass(frozen=True)
class FakeView:
    ok: bool

    def health(self) -> Health:
        return Health(self.ok, {}, {})

    def readiness(self) -> Health:
        return Health(self.ok, {"pond": Answer(self.ok, "" if self.ok else "dry")}, {})

    def metrics(self, process: str | None = None) -> bytes | None:
        return {None: b"all", "0": b"one"}.get(process)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 503)])
def test_the_status_says_whether_all_is_well(path: str, ok: bool, status: int) -> None:
    with serving(FakeView(ok), "127.0.0.1", 0) as port:
        assert port is not None
        assert get(port, path)[0] == status


def test_readiness_names_what_is_not() -> None:
    with serving(FakeView(False), "127.0.0.1", 0) as port:
        assert port is not None
        content = json.loads(get(port, "/readyz")[1])
    assert content == {"ok": False, "checks": {"pond": {"ok": False, "detail": "dry"}}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/metrics", (200, "all")), ("/metrics/0", (200, "one")), ("/metrics?x=1", (200, "all"))],
)
def test_metrics_of_all_and_of_one(path: str, expected: tuple[int, str]) -> None:
    with serving(FakeView(True), "127.0.0.1", 0) as port:
        assert port is not None
        assert get(port, path) == expected


@pytest.mark.parametrize("path", ["/", "/metrics/9", "/metricsx", "/../etc/passwd"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    with serving(FakeView(True), "127.0.0.1", 0) as port:
        assert port is not None
        assert get(port, path)[0] == 404


def test_a_port_that_is_taken_is_no_reason_to_end() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with serving(FakeView(True), "127.0.0.1", taken.getsockname()[1]) as port:
            assert port is None


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Yield a run of two processes of the supervisor's test flow; no broker is there."""
    made = Run(
        tmp_path,
        "--processes=2",
        TIDEMARK_OBSERVABILITY__PORT="0",
        TIDEMARK_OBSERVABILITY__PROBE_TIMEOUT_S="1",
        KAFKA_BOOTSTRAP_SERVERS=NOT_KAFKA,
    )
    yield made
    made.abandon()


def port_of(run: Run) -> int:
    return int(run.wait_for_event("http.listening")[0]["port"])


def processes(run: Run) -> dict[str, Any]:
    checks: dict[str, Any] = json.loads(get(port_of(run), "/readyz")[1])["checks"]
    return checks


def test_a_run_is_alive_and_says_what_it_is_not_connected_to(run: Run) -> None:
    run.wait_for_event("group.ready")
    assert get(port_of(run), "/healthz")[0] == 200
    status, text = get(port_of(run), "/readyz")
    checks = json.loads(text)["checks"]
    assert status == 503
    assert checks["processes"] == {"ok": True}
    assert checks["kafka"]["ok"] is False


def test_the_merged_metrics_are_those_of_every_process(run: Run) -> None:
    run.wait_for_event("group.ready")
    _, text = get(port_of(run), "/metrics")
    memory = [f for f in families(text) if f.name == "process_resident_memory_bytes"]
    assert len(memory) == 1
    sizes = {sample.labels["process"]: sample.value for sample in memory[0].samples}
    assert set(sizes) == {"0", "1", "supervisor"}
    assert min(sizes.values()) > 1 << 20
    for process in sizes:
        status, one = get(port_of(run), f"/metrics/{process}")
        assert status == 200
        assert "process_resident_memory_bytes" in one


def test_restarts_are_counted_by_reason(run: Run) -> None:
    run.wait_for_event("group.ready")
    os.kill(run.worker_pids()[1], signal.SIGKILL)
    run.wait_for_event("group.ready", count=2)
    _, text = get(port_of(run), "/metrics")
    assert 'tidemark_supervisor_restarts_total{process="supervisor",reason="killed"} 1.0' in text
    assert 'tidemark_supervisor_restarts_total{process="supervisor",reason="failed"} 0.0' in text


def test_a_process_that_hangs_is_not_ready(run: Run) -> None:
    run.wait_for_progress()
    victim = run.worker_pids()[0]
    os.kill(victim, signal.SIGSTOP)
    try:
        assert processes(run)["processes"] == {"ok": False, "detail": "no word from processes [0]"}
        assert get(port_of(run), "/healthz")[0] == 200
        assert get(port_of(run), "/metrics/0")[0] == 404
    finally:
        os.kill(victim, signal.SIGCONT)
    run.wait_until(lambda: processes(run)["processes"] == {"ok": True})


def test_nothing_is_served_when_switched_off(tmp_path: Path) -> None:
    run = Run(tmp_path, TEST_FLOW_LIMIT="30", TIDEMARK_OBSERVABILITY__ENABLED="false")
    assert run.end() == 0
    assert not run.events("http.listening")

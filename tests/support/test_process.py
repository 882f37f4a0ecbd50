"""Servers end when they should, and say why when they do not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.servers.errors import ServerError
from tests.support.servers.ports import free_port, is_open
from tests.support.servers.process import Server

HTTP = "import http.server, sys; http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')"


class Web(Server):
    """Python's own web server: quick to start, and real."""

    name = "web"
    start_timeout_s = 20.0

    def __init__(self, data_dir: Path, program: str = HTTP) -> None:
        super().__init__(data_dir)
        self.port = free_port()
        self._program = program

    def _launch(self) -> None:
        self._spawn(sys.executable, "-c", self._program, str(self.port))
        self._wait_until_ready()

    def _answers(self) -> bool:
        return is_open(self.port)


def wait_until_gone(pid: int, timeout_s: float = 30.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # Without a parent that waits it stays as a zombie where process 1 does not reap.
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(") ")[2].startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_free_ports_differ() -> None:
    assert len({free_port() for _ in range(50)}) == 50


def test_runs_between_start_and_stop(tmp_path: Path) -> None:
    server = Web(tmp_path)
    with server:
        assert is_open(server.port)
    assert not server.running
    assert not is_open(server.port)


def test_restart_keeps_the_port_and_changes_the_process(tmp_path: Path) -> None:
    with Web(tmp_path) as server:
        port, pid = server.port, server.pid
        server.restart()
        assert (server.port, is_open(port)) == (port, True)
        assert server.pid != pid


def test_starts_again_after_kill(tmp_path: Path) -> None:
    with Web(tmp_path) as server:
        pid = server.pid
        server.kill()
        assert wait_until_gone(pid)
        assert is_open(server.start().port)


def test_second_start_is_refused(tmp_path: Path) -> None:
    with Web(tmp_path) as server, pytest.raises(ServerError, match="running already"):
        server.start()


def test_failed_start_shows_the_log(tmp_path: Path) -> None:
    server = Web(tmp_path, "raise SystemExit('bad option')")
    with pytest.raises(ServerError, match="web ended while it started:\nbad option"):
        server.start()
    assert not server.running


def test_start_gives_up_on_a_silent_server(tmp_path: Path) -> None:
    server = Web(tmp_path, "import time; time.sleep(60)")
    server.start_timeout_s = 0.5
    with pytest.raises(ServerError, match="did not answer within"):
        server.start()
    assert not server.running


def test_stop_kills_what_ignores_the_signal(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + HTTP
    server = Web(tmp_path, deaf).start()
    server.stop_timeout_s = 0.5
    pid = server.pid
    server.stop()
    assert wait_until_gone(pid)


def test_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = Web(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert server.running
    server.stop()


START_AND = """
import os, signal, sys
from pathlib import Path
from tests.support.test_process import Web

print(Web(Path(sys.argv[1])).start().pid, flush=True)
"""


def test_ends_with_the_interpreter(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_AND, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert wait_until_gone(int(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_ends_when_the_interpreter_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND + "signal.pause()", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert wait_until_gone(pid)

"""A process that is kept going beside another."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.people import webhook
from tidemark.config import load_settings
from tidemark.errors import ConfigError
from tidemark.notify.beside import Beside, notifying
from tidemark.observability.channel import Silent

PROGRAM = """
import os, sys
from tidemark.observability.channel import answer
answer(int(sys.argv[-1].partition("=")[2]), lambda: str(os.getpid()).encode())
with open(sys.argv[1], "a") as out:
    print(os.getpid(), file=out, flush=True)
    while os.read(0, 1):
        pass
    print("end", file=out, flush=True)
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def beside(out: Path) -> Iterator[Beside]:
    made = Beside([sys.executable, "-c", PROGRAM, str(out)], 10.0)
    made.start()
    yield made
    made.stop()


def lines(out: Path, count: int) -> list[str]:
    """Wait for so many lines."""
    deadline = time.monotonic() + 30
    while not out.exists() or len(out.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return out.read_text().splitlines()


def test_it_is_asked_while_it_runs_and_ends_cleanly(beside: Beside, out: Path) -> None:
    (pid,) = lines(out, 1)
    assert beside.ask() == pid
    beside.stop()
    assert lines(out, 2) == [pid, "end"]
    with pytest.raises(Silent):
        beside.ask()


def test_it_is_started_again_when_it_is_killed(beside: Beside, out: Path) -> None:
    (first,) = lines(out, 1)
    os.kill(int(first), signal.SIGKILL)
    _, second = lines(out, 2)
    assert second != first
    assert beside.ask() == second


def test_without_channels_nothing_is_started() -> None:
    with notifying(load_settings(None, {}, dotenv=None)) as asked:
        assert asked == {}


@pytest.mark.parametrize(
    "setting",
    [
        {"TIDEMARK_ALERTS__NOTIFY__ENABLED": "false"},
        {"TIDEMARK_ALERTS__TOPIC": "null"},
        {"TIDEMARK_RUN__ADDRESSES": "a:1,b:1", "TIDEMARK_RUN__MEMBER": "1"},
    ],
)
def test_nothing_is_started_where_it_is_not_wanted(setting: dict[str, str]) -> None:
    with webhook() as hook:
        environ = {"NOTIFY_URLS": f"hook={hook.url}", **setting}
        with notifying(load_settings(None, environ, dotenv=None)) as asked:
            assert asked == {}


def test_a_run_with_a_channel_that_is_none_is_refused() -> None:
    settings = load_settings(None, {"NOTIFY_URLS": "a=nonsense://x"}, dotenv=None)
    with pytest.raises(ConfigError, match="NOTIFY_URLS, channel a"), notifying(settings):
        pytest.fail("it went on")

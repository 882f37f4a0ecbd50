"""The cache of installed servers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers.cache import cache_dir, installed, require_tool, run_step
from tests.support.servers.errors import ServerError, ToolMissingError


def test_own_variable_names_the_cache() -> None:
    assert cache_dir({"TIDEMARK_CACHE": "/somewhere", "XDG_CACHE_HOME": "/x"}) == Path("/somewhere")


def test_cache_honours_the_desktop_convention() -> None:
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x/tidemark")


def test_cache_is_in_the_home_by_default() -> None:
    assert cache_dir({}) == Path.home() / ".cache" / "tidemark"


def test_builds_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "tool").write_text("made")

    first = installed("thing", build, root=tmp_path)
    assert installed("thing", build, root=tmp_path) == first
    assert (first / "tool").read_text() == "made"
    assert len(built) == 1


def test_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise ServerError("no network")

    with pytest.raises(ServerError, match="no network"):
        installed("thing", build, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]


def test_parallel_first_uses_build_once(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from tests.support.servers.cache import installed

def build(folder):
    with (Path(sys.argv[1]) / "builds").open("a") as builds:
        builds.write("x")
    time.sleep(0.5)
    (folder / "tool").touch()

assert (installed("thing", build, root=Path(sys.argv[1])) / "tool").exists()
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "x"


def test_missing_tool_says_what_needs_it() -> None:
    with pytest.raises(ToolMissingError, match="no-such-tool is not installed; a test needs it"):
        require_tool("no-such-tool", "a test")


def test_failed_step_shows_its_output() -> None:
    with pytest.raises(ServerError, match=r"failed with 3:\nthe reason"):
        run_step(sys.executable, "-c", "print('the reason'); raise SystemExit(3)")


def test_step_has_a_time_limit() -> None:
    with pytest.raises(ServerError, match="not done after"):
        run_step(sys.executable, "-c", "import time; time.sleep(60)", timeout_s=0.5)

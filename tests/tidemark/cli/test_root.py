"""The command itself: help, version, errors, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidemark.cli.commands import ROOT, environment, tidemark
from tidemark import __version__
from tidemark.cli import VERBS


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "--help")
    assert done.returncode == 0
    assert all(f" {verb} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(tmp_path: Path, verb: str) -> None:
    done = tidemark(tmp_path, verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"tidemark {verb}" in done.stdout


def test_tells_its_version(tmp_path: Path) -> None:
    assert tidemark(tmp_path, "--version").stdout == f"tidemark {__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], ["tail"], []])
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    done = tidemark(tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_2_with_all_problems(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("engine: {key_groups: -1}\nnonsense: 1\n")
    done = tidemark(tmp_path, "topics", "list")
    assert done.returncode == 2
    assert done.stderr.startswith("error: 2 problems in the configuration")
    assert "engine.key_groups" in done.stderr
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["topics", "create"], ["topics", "list"], ["tail", "pond"]])
def test_a_broker_that_does_not_answer_is_one_clear_message(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = tidemark(
        tmp_path,
        *arguments,
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        TIDEMARK_KAFKA__START_TIMEOUT_S="1",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: no Kafka broker answers at 127.0.0.1:1")
    assert "remedy: start the broker" in done.stderr
    assert "Traceback" not in done.stderr
    assert "%" not in done.stderr, "librdkafka's own log lines start so"


def test_loads_nothing_heavy_for_help() -> None:
    heavy = {
        "bytewax",
        "confluent_kafka",
        "polars",
        "pyarrow",
        "pymongo",
        "numpy",
        "influxdb_client",
    }
    code = (
        "import sys, tidemark.cli\n"
        "try: tidemark.cli.main(['run', '--help'])\n"
        f"except SystemExit: print('LOADED', sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert "LOADED []" in done.stdout

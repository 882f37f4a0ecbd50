"""What a worker tells about its end."""

from __future__ import annotations

import os

from tidemark.errors import ConfigError, Problem, TidemarkError
from tidemark.supervisor.report import Failure, Reporter, parse


def wrapped(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("in step x") from inner
    except RuntimeError as outer:
        return outer


def test_finds_the_known_error_in_what_it_was_wrapped_in() -> None:
    failure = Failure.of(wrapped(TidemarkError("dry", remedy="rain")), "run")
    assert (failure.message, failure.remedy, failure.exit_code) == ("dry", "rain", 1)
    assert failure.known
    assert "in step x" in failure.traceback


def test_keeps_the_exit_code_of_a_configuration_error() -> None:
    problem = Problem("a.b", "1", "2", "set it", "config.yaml:3")
    assert Failure.of(wrapped(ConfigError([problem])), "load").exit_code == 2


def test_names_the_root_of_an_unknown_error() -> None:
    failure = Failure.of(wrapped(ZeroDivisionError("a bug")), "run")
    assert failure.message == "ZeroDivisionError: a bug"
    assert not failure.known


def test_survives_errors_that_are_each_others_cause() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert Failure.of(first, "run").message == "ValueError: 2"


def test_reports_come_through_a_pipe_whole() -> None:
    reader, writer = os.pipe()
    reporter = Reporter(writer)
    failure = Failure("dry\nvery", remedy="rain", exit_code=2, known=True, traceback="…" * 5000)
    reporter.ready()
    reporter.failed(failure)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert [parse(line) for line in pipe] == ["ready", failure]


def test_a_worker_without_supervisor_tells_nobody() -> None:
    Reporter(None).ready()

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from tidemark.config.surface import LoggingSettings
from tidemark.log import RateLimited, RedactionProcessor, configure_logging, get_logger
from tidemark.redaction import Redactor, redact

Lines = Callable[[], list[dict[str, Any]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = ("tidemark", "sinks")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def json_settings(level: str = "info") -> LoggingSettings:
    return LoggingSettings.model_validate({"format": "json", "level": level})


def test_a_line_has_event_level_logger_time_and_values(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings(), stream=stream)
    get_logger("sinks.lane").info("store_opened", store="sqlite", seconds=0.5)
    (line,) = lines()
    time = line.pop("timestamp")
    assert line == {
        "event": "store_opened",
        "level": "info",
        "logger": "sinks.lane",
        "store": "sqlite",
        "seconds": 0.5,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)


def test_logs_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json_settings())
    get_logger("tidemark.x").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


def test_unconfigured_logs_do_not_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("tidemark.x").warning("hello")
    assert capsys.readouterr().out == ""


def test_auto_is_json_where_there_is_no_terminal(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(LoggingSettings(), stream=stream)
    get_logger("tidemark.x").info("hello")
    assert lines()[0]["event"] == "hello"


def test_auto_is_for_people_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    configure_logging(LoggingSettings(), stream=terminal)
    get_logger("tidemark.x").info("hello", n=1)
    assert re.search(r"\[info\s*\] hello\s+\[tidemark\.x\] n=1\n", terminal.getvalue())


def test_colours_only_on_a_terminal(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    settings = LoggingSettings(format="console")
    for out in (stream, terminal):
        configure_logging(settings, stream=out)
        get_logger("tidemark.x").info("hello")
    assert "\x1b[" not in stream.getvalue()
    assert "\x1b[" in terminal.getvalue()


def test_events_below_the_level_are_left_out(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings("warning"), stream=stream)
    log = get_logger("sinks.x")
    log.info("no")
    log.warning("yes")
    assert [line["event"] for line in lines()] == ["yes"]


def test_debug_is_about_our_own_code(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings("debug"), stream=stream)
    logging.getLogger("pymongo").debug("chatter")
    get_logger("sinks.x").debug("detail")
    assert [line["event"] for line in lines()] == ["detail"]


def test_libraries_go_the_same_way(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings(), stream=stream)
    logging.getLogger("urllib3").warning("retry %d of %s", 1, "three")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == (
        "retry 1 of three",
        "warning",
        "urllib3",
    )


def test_warnings_of_python_are_logged(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings(), stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("careful", UserWarning, stacklevel=1)
    assert "careful" in lines()[0]["event"]


def test_configuring_twice_writes_each_line_once(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings(), stream=io.StringIO())
    configure_logging(json_settings(), stream=stream)
    get_logger("tidemark.x").info("hello")
    assert len(lines()) == 1


def test_handlers_of_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    configure_logging(json_settings(), stream=io.StringIO())
    get_logger("tidemark.x").warning("hello")
    assert len(caplog.records) == 1


def test_a_traceback_is_in_the_line(stream: io.StringIO, lines: Lines) -> None:
    configure_logging(json_settings(), stream=stream)
    try:
        raise ValueError("boom")
    except ValueError:
        get_logger("tidemark.x").exception("failed")
    (line,) = lines()
    assert line["event"] == "failed"
    assert line["exception"].endswith("ValueError: boom")


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_way_into_the_log_shows_a_registered_secret(
    form: str, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = 'wort"s-\u00e4hl-4711'
    monkeypatch.setattr("tidemark.log.redact", Redactor([secret]))
    configure_logging(LoggingSettings.model_validate({"format": form}), stream=stream)

    class Odd:
        def __repr__(self) -> str:
            return f"Odd({secret})"

    log = get_logger("tidemark.x").bind(bound=secret)
    log.info(f"event {secret}", text=f"<{secret}>", list=[secret, (secret,)], odd=Odd())
    log.info("nested", map={secret: {"inner": secret}}, raw=secret.encode())
    log.info("error as value", error=ValueError(secret))
    logging.getLogger("lib").warning("text %s", secret)
    logging.getLogger("lib").warning("map %(a)s", {"a": secret})
    with structlog.contextvars.bound_contextvars(context=secret):
        log.info("context")
    try:
        raise ValueError(secret) from KeyError(secret)
    except ValueError:
        log.exception("failed")
        logging.getLogger("lib").exception("failed, too")
    written = stream.getvalue()
    assert len(written.splitlines()) >= 8
    # In JSON a quote and a letter beyond ASCII may be escaped: look for the rest of it, too.
    assert "4711" not in written
    assert "hl-47" not in written


@pytest.mark.parametrize("key", ["password", "influx_token", "sasl.password", "authorization"])
def test_keys_that_name_a_secret_hide_their_value(key: str) -> None:
    hide = RedactionProcessor(Redactor())
    event = hide(None, "info", {"event": "e", key: "abc", "inner": {key: 5}, "list": [{key: "x"}]})
    assert event == {
        "event": "e",
        key: "******",
        "inner": {key: "******"},
        "list": [{key: "******"}],
    }


def test_addresses_lose_their_password_without_being_registered() -> None:
    event = RedactionProcessor(Redactor())(None, "info", {"event": "at mongodb://u:p@h/db"})
    assert event == {"event": "at mongodb://******@h/db"}


def test_the_log_uses_the_redactor_that_load_settings_fills(
    stream: io.StringIO, lines: Lines
) -> None:
    redact.add(["known-to-the-process"])
    configure_logging(json_settings(), stream=stream)
    get_logger("tidemark.x").info("e", a="known-to-the-process")
    assert lines()[0]["a"] == "******"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(stream: io.StringIO) -> structlog.stdlib.BoundLogger:
    configure_logging(json_settings("debug"), stream=stream)
    return get_logger("tidemark.limited")


def told(lines: Lines) -> list[tuple[str, int]]:
    return [(line["event"], line.get("suppressed", 0)) for line in lines()]


def test_the_first_event_is_logged_at_once(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    RateLimited(log, 10.0, clock=clock).warning("late", n=1)
    (line,) = lines()
    assert (line["event"], line["level"], line["n"]) == ("late", "warning", 1)
    assert "suppressed" not in line


def test_repetitions_are_counted_and_told_with_the_next_one(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    limited = RateLimited(log, 10.0, clock=clock)
    limited.info("late")
    clock.now += 9.999
    limited.info("late")
    limited.info("late")
    clock.now += 0.001
    limited.info("late")
    clock.now += 10
    limited.info("late")
    assert told(lines) == [("late", 0), ("late", 2), ("late", 0)]


def test_events_do_not_hold_each_other_back(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    limited = RateLimited(log, 10.0, clock=clock)
    limited.info("a")
    limited.error("b")
    assert told(lines) == [("a", 0), ("b", 0)]


def test_a_key_tells_events_of_one_name_apart(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    limited = RateLimited(log, 10.0, clock=clock)
    for partition in (0, 1, 0, 1):
        limited.debug("late", key=f"late/{partition}", partition=partition)
    assert [line["partition"] for line in lines()] == [0, 1]


def test_flush_tells_what_was_kept_back(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    limited = RateLimited(log, 10.0, clock=clock)
    for n in range(4):
        limited.warning("late", n=n)
    limited.flush()
    limited.flush()
    # Four events: two lines and two that were kept back.
    assert told(lines) == [("late", 0), ("late", 2)]
    assert lines()[1]["n"] == 3


def test_forgotten_keys_tell_what_was_kept_back(
    log: structlog.stdlib.BoundLogger, clock: Clock, lines: Lines
) -> None:
    limited = RateLimited(log, 10.0, clock=clock, max_keys=2)
    for name in ("a", "a", "a", "b", "c"):
        limited.info(name)
    assert told(lines) == [("a", 0), ("b", 0), ("a", 1), ("c", 0)]
    assert sum(1 + suppressed for _, suppressed in told(lines)) == 5

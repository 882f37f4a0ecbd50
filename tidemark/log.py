"""Logging: stable event names and key-values, on stderr, without secrets.

    log = get_logger(__name__)
    log.info("store_opened", store="sqlite", seconds=0.2)

On a terminal the lines are for people, otherwise each is a JSON object. What libraries log through
the standard library goes the same way. Times are UTC.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from tidemark.redaction import REDACTED, Redactor, names_a_secret, redact

if TYPE_CHECKING:
    from tidemark.config.surface import LoggingSettings

Level = Literal["debug", "info", "warning", "error"]

# Libraries are chatty below info; `debug` is about our own code.
_OURS = ("__main__", "bench", "dashboard", "dataflows", "generator", "sinks", "stats", "tidemark")

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

# At import: a logger that is used before configure_logging must not write to stdout.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


class _Handler(logging.StreamHandler[TextIO]):
    """Be told from the handlers of others when logging is configured again."""


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger of this name; it may be made before logging is configured."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure_logging(settings: LoggingSettings, *, stream: TextIO | None = None) -> None:
    """Send all logs of this process to a stream, by default stderr; may be called again.

    `NO_COLOR` in the environment switches colours off. Exceptions that nobody catches are printed
    without secrets, too, from now on.
    """
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    console = settings.format == "console" or (settings.format == "auto" and terminal)
    renderer: structlog.typing.Processor
    if console:
        colors = terminal and not os.environ.get("NO_COLOR")
        renderer = structlog.dev.ConsoleRenderer(colors=colors)
    else:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            render_exception,
            RedactionProcessor(redact),
            renderer,
        ],
    )
    handler = _Handler(out)
    handler.setFormatter(formatter)

    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    for other in list(root.handlers):
        # Handlers of others, such as those of a test runner, stay.
        if isinstance(other, _Handler):
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(max(level, logging.INFO))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    # What nobody catches says what libraries say, such as an address with its password.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _print_redacted
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _print_threads_redacted


def _print_redacted(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    print(redact(text), end="", file=sys.stderr, flush=True)


def _print_threads_redacted(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        _print_redacted(args.exc_type, args.exc_value, args.exc_traceback)


def render_exception(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Turn `exc_info` into text, so that redaction sees what an exception says."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = "".join(traceback.format_exception(*info)).rstrip()
    return event


class RedactionProcessor:
    """Redact registered secrets, addresses with passwords, and keys that name a secret."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {key: self._entry(key, value) for key, value in event.items()}

    def _entry(self, key: object, value: Any) -> Any:
        if value is not None and names_a_secret(str(key)):
            return REDACTED
        return self._value(value)

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self._redactor(value)
            case bytes():
                return self._redactor(value.decode(errors="backslashreplace"))
            case bool() | int() | float() | None:
                return value
            case Mapping():
                return {self._redactor(str(k)): self._entry(k, v) for k, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value(item) for item in value]
        # Whatever a renderer would make of it is made here, where it can be redacted.
        return self._redactor(str(value))


@dataclass(slots=True)
class _Seen:
    """What became of one key: when it was last logged, what was kept back since."""

    logged_at: float
    suppressed: int = 0
    level: Level = "info"
    event: str = ""
    values: dict[str, Any] = field(default_factory=dict)


class RateLimited:
    """Log an event at most once every `every_s` seconds per key, with the number kept back.

    The first event of a key is logged at once. The next one after `every_s` carries
    `suppressed=N` if N were kept back in between; `flush` logs what is still kept back. Not more
    than `max_keys` keys are remembered. Thread-safe.
    """

    def __init__(
        self,
        logger: structlog.stdlib.BoundLogger,
        every_s: float = 10.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_keys: int = 1000,
    ) -> None:
        self._logger = logger
        self._every_s = every_s
        self._clock = clock
        self._max_keys = max_keys
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def log(self, level: Level, event: str, *, key: str | None = None, **values: Any) -> None:
        """Log or count an event; the key is the event's name unless one is given."""
        name = event if key is None else key
        dropped: _Seen | None = None
        with self._lock:
            now = self._clock()
            seen = self._seen.get(name)
            if seen is not None and now - seen.logged_at < self._every_s:
                seen.suppressed += 1
                seen.level, seen.event, seen.values = level, event, values
                return
            suppressed = seen.suppressed if seen is not None else 0
            self._seen[name] = _Seen(now)
            self._seen.move_to_end(name)
            if len(self._seen) > self._max_keys:
                _, dropped = self._seen.popitem(last=False)
        if dropped is not None:
            self._emit_kept_back(dropped)
        self._emit(level, event, values, suppressed)

    def debug(self, event: str, *, key: str | None = None, **values: Any) -> None:
        """Log at level debug, or count."""
        self.log("debug", event, key=key, **values)

    def info(self, event: str, *, key: str | None = None, **values: Any) -> None:
        """Log at level info, or count."""
        self.log("info", event, key=key, **values)

    def warning(self, event: str, *, key: str | None = None, **values: Any) -> None:
        """Log at level warning, or count."""
        self.log("warning", event, key=key, **values)

    def error(self, event: str, *, key: str | None = None, **values: Any) -> None:
        """Log at level error, or count."""
        self.log("error", event, key=key, **values)

    def flush(self) -> None:
        """Log the newest event of each key that something is kept back of, and forget all keys."""
        with self._lock:
            kept = list(self._seen.values())
            self._seen.clear()
        for seen in kept:
            self._emit_kept_back(seen)

    def _emit_kept_back(self, seen: _Seen) -> None:
        if seen.suppressed:
            # One of them is this line itself.
            self._emit(seen.level, seen.event, seen.values, seen.suppressed - 1)

    def _emit(self, level: Level, event: str, values: Mapping[str, Any], suppressed: int) -> None:
        counted = {"suppressed": suppressed} if suppressed else {}
        getattr(self._logger, level)(event, **{**values, **counted})

"""Whether each thing that the run is connected to answers, with the run's own credentials.

Nothing is written: a broker is asked for its topics, MongoDB for a ping by a client that has logged
in, InfluxDB for an empty write, which looks at token and bucket only. Stores that are files are not
asked. An answer is good for `fresh_s`: however often somebody looks, a server is asked that often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from tidemark.errors import TidemarkError
from tidemark.redaction import redact

if TYPE_CHECKING:
    from sinks.store import StoreFactory
    from tidemark.config import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one question; `detail` is empty where all is well."""

    ok: bool
    detail: str = ""


Probe = Callable[[], None]
"""Asks one server; raises whatever says that it is not there."""


class Connections:
    """Ask several servers side by side."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        timeout_s: float,
        fresh_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = dict(probes)
        self._timeout_s = timeout_s
        self._fresh_s = fresh_s
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at_s: float | None = None
        self._answers: dict[str, Answer] = {}
        self._running: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(max(1, len(self._probes)), "probe")

    def answers(self) -> dict[str, Answer]:
        """Return what each server has answered, now or just before."""
        with self._lock:
            now_s = self._clock()
            if self._asked_at_s is None or now_s - self._asked_at_s >= self._fresh_s:
                self._answers = self._ask()
                self._asked_at_s = self._clock()
            return dict(self._answers)

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> dict[str, Answer]:
        deadline = time.monotonic() + self._timeout_s
        for name, probe in self._probes.items():
            if name not in self._running:  # one that hangs is not asked a second time
                self._running[name] = self._threads.submit(probe)
        return {name: self._answer(name, deadline) for name in self._probes}

    def _answer(self, name: str, deadline: float) -> Answer:
        try:
            self._running[name].result(max(0.0, deadline - time.monotonic()))
        except NotInTime:
            if not self._running[name].done():
                return Answer(False, f"no answer within {self._timeout_s:g} s")
            answer = Answer(False, "timed out")
        except Exception as error:
            # Whatever a driver raises: that the server does not answer is the answer.
            said = error.message if isinstance(error, TidemarkError) else str(error)
            answer = Answer(False, redact(said.split(", Timeout:")[0])[:300])
        else:
            answer = Answer(True)
        del self._running[name]
        return answer


def probes(settings: Settings) -> dict[str, Probe]:
    """Return what asks the broker and each store that is a server, by `<what>:<where>`."""
    from sinks import series_stores
    from tidemark.redaction import redact_url

    timeout_s = settings.observability.probe_timeout_s
    found: dict[str, Probe] = {"kafka": _kafka(settings, timeout_s)}
    for url in settings.documents.urls:
        if url.startswith(("mongodb://", "mongodb+srv://")):
            place = redact_url(url).partition("?")[0].rstrip("/").rpartition("@")[2]
            place = place.removeprefix("mongodb://").removeprefix("mongodb+srv://")
            found[f"mongodb:{place}"] = _mongodb(url, timeout_s)
    for factory in series_stores(settings):
        if factory.name.startswith(("http://", "https://")):
            place = factory.name.partition("://")[2]
            found[f"influxdb:{place}"] = partial(_open_and_close, factory)
    return found


def _open_and_close(factory: StoreFactory) -> None:
    factory.open().close()


def _kafka(settings: Settings, timeout_s: float) -> Probe:
    @cache
    def client() -> Any:
        from confluent_kafka.admin import AdminClient

        return AdminClient({**settings.kafka.client_properties(), "log_level": 0})

    return lambda: client().list_topics(timeout=timeout_s)


def _mongodb(url: str, timeout_s: float) -> Probe:
    def ask() -> None:
        from pymongo import MongoClient

        timeout_ms = round(timeout_s * 1000)
        # A client for each question: an old connection would be believed when the user has gone.
        client: MongoClient[Any]
        with MongoClient(
            url,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=timeout_ms,
            appname="tidemark-readiness",
        ) as client:
            client.admin.command("ping")

    return ask

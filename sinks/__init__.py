"""Sinks: where results go, chosen by URL.

`sinks.commands` says what a store can be asked, `sinks.store` what every store promises,
`sinks.lane` feeds one from a thread of its own. Drivers are imported when a store is opened.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from sinks.store import Store, StoreFactory, StoreRejected, StoreUnavailable
from tidemark.config import Settings
from tidemark.errors import TidemarkError
from tidemark.kafka_admin import start_limit_s
from tidemark.log import RateLimited, get_logger
from tidemark.redaction import redact_url

__all__ = ["check", "document_stores", "kafka_store", "series_stores"]


def document_stores(settings: Settings) -> list[StoreFactory]:
    """Return the configured document stores, in order; none of them is open."""
    return [
        _factory(url, partial(_document_store, url, settings)) for url in settings.documents.urls
    ]


def series_stores(settings: Settings) -> list[StoreFactory]:
    """Return the configured series stores, in order; none of them is open."""
    return [_factory(url, partial(_series_store, url, settings)) for url in settings.series.urls]


def kafka_store(settings: Settings) -> StoreFactory:
    """Return the store that sends records to Kafka; it is not open."""

    def make() -> Store:
        from sinks.kafka import KafkaStore

        return KafkaStore(settings.kafka.client_properties(), settings.stores.timeout_s)

    return StoreFactory("kafka", make)


def check(
    settings: Settings,
    within_s: float = 30.0,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Open each configured store once and close it again.

    A store that does not answer is tried again until `within_s` seconds have passed in all, unless
    `documents.at_start` or `series.at_start` says that it is tried once or waited for.
    Raises one TidemarkError that names every store that failed, and why.
    """
    started_s = clock()
    stores = [(each, settings.documents.at_start) for each in document_stores(settings)]
    stores += [(each, settings.series.at_start) for each in series_stores(settings)]
    failures: list[tuple[str, TidemarkError]] = []
    seen: set[str] = set()
    for factory, at_start in stores:
        if factory.name in seen:
            continue
        seen.add(factory.name)
        deadline = started_s + start_limit_s(at_start, within_s)
        error = _try_to_open(factory, deadline, sleep, clock)
        if error is not None:
            failures.append((factory.name, error))
    if not failures:
        return
    if len(failures) == 1:
        name, error = failures[0]
        raise type(error)(f"store {name}: {error.message}", remedy=error.remedy) from error
    lines = [f"store {name}: {error}" for name, error in failures]
    raise TidemarkError("\n".join([f"{len(failures)} stores cannot be used", *lines]))


def _try_to_open(
    factory: StoreFactory,
    deadline: float,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> TidemarkError | None:
    wait_s = 0.2
    waiting = RateLimited(get_logger(__name__), every_s=30.0)
    while True:
        try:
            factory.open().close()
        except StoreRejected as error:
            return error
        except StoreUnavailable as error:
            if clock() + wait_s > deadline:
                return StoreUnavailable(error.message, remedy=error.remedy or _NOT_THERE)
            if deadline == math.inf:
                waiting.warning("store_awaited", store=factory.name, error=error.message)
            sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, 5.0)
        else:
            return None


_NOT_THERE = (
    "start it, or set documents.urls (MONGO_URI) and series.urls (INFLUX_URL) to where it runs;"
    " kafka.start_timeout_s sets how long the start waits for it"
)


def _factory(url: str, make: Callable[[], Store]) -> StoreFactory:
    return StoreFactory(_name(url), make, holds_backlog=url.startswith("sqlite:"))


def _name(url: str) -> str:
    """Return kind and place of a store, without credentials and options."""
    if "://" not in url:
        return str(url)
    parts = urlsplit(redact_url(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _document_store(url: str, settings: Settings) -> Store:
    if url.startswith(("mongodb://", "mongodb+srv://")):
        from sinks.mongodb import MongoDBStore

        documents = settings.documents
        return MongoDBStore(
            str(url),
            documents.database,
            settings.stores.timeout_s,
            documents.aggregated_data_ttl_s,
            documents.raw_data_ttl_s,
        )
    return _embedded_store(url, settings)


def _series_store(url: str, settings: Settings) -> Store:
    if url.startswith(("http://", "https://")):
        from sinks.influxdb import InfluxDBStore

        series = settings.series
        token = series.influx_token.get_secret_value() if series.influx_token else None
        return InfluxDBStore(
            str(url), series.influx_org, series.influx_bucket, token, settings.stores.timeout_s
        )
    return _embedded_store(url, settings)


def _embedded_store(url: str, settings: Settings) -> Store:
    if url.startswith("sqlite:"):
        from sinks.sqlite import SQLiteStore

        documents = settings.documents
        return SQLiteStore(
            Path(url.removeprefix("sqlite:")),
            settings.stores.timeout_s,
            documents.aggregated_data_ttl_s,
            documents.raw_data_ttl_s,
        )
    if url == "null:":
        from sinks.null import NullStore

        return NullStore()
    raise ValueError(f"no store for {redact_url(url)}")

"""History goes on in InfluxDB where the documents have been removed."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from dashboard.history import History
from dashboard.pipelines import pipelines_of
from dashboard.reading import Source, open_reader
from dashboard.reading.series import SeriesReader, open_series
from dashboard.state import State
from sinks.commands import Document, Point, WritePoints
from sinks.influxdb import InfluxDBStore
from sinks.store import StoreUnavailable
from tests.dashboard.sample import Sample
from tests.support.servers import InfluxDBEndpoint
from tests.support.servers.ports import free_port
from tidemark.config import load_settings

PERIOD = timedelta(minutes=20)
ODD = 'checkout.start "$x", it\'s'


@pytest.fixture
def windows(sample: Sample) -> list[Document]:
    found = list(sample.windows("interactions", PERIOD))
    for window in found:
        window["by_type"] = {**window["by_type"], ODD: 3}
    return found


@pytest.fixture
def series(influx: InfluxDBEndpoint, influx_database: str, windows: list[Document]) -> SeriesReader:
    points = []
    for window in windows:
        start, numbers = window["timestamp"], ("total", "users", "items")
        points.append(
            Point("interactions_summary", start, {}, {name: window[name] for name in numbers})
        )
        for name, count in window["by_type"].items():
            tags = {"interaction_type": name, "day_type": "weekday", "hour_of_day": "7"}
            points.append(Point("interactions", start, tags, {"count": count}))
    store = InfluxDBStore(influx.url, "-", influx_database, influx.token)
    store.open()
    store.write([WritePoints(points)])
    store.close()
    settings = load_settings(
        environ={
            "INFLUX_URL": influx.url,
            "INFLUX_BUCKET": influx_database,
            "INFLUX_TOKEN": influx.token,
        },
        dotenv=None,
    )
    reader = open_series(settings)
    assert reader is not None
    return reader


def test_sums_of_the_series_are_those_of_the_windows(
    series: SeriesReader, windows: list[Document]
) -> None:
    first_s = int(windows[0]["timestamp"].timestamp()) // 60 * 60
    found = series.sums("interactions", first_s, first_s + 1260, 60)
    assert sum(bucket.windows for bucket in found) == len(windows)
    for bucket in found:
        within = [
            w for w in windows if bucket.start_s <= w["timestamp"].timestamp() < bucket.start_s + 60
        ]
        assert bucket.windows == len(within)
        assert bucket.numbers["total"] == sum(w["total"] for w in within)
        for name, value in bucket.maps["by_type"].items():
            assert value == sum(w["by_type"].get(name, 0) for w in within)
        assert ODD in bucket.maps["by_type"]
    assert series.sums("sales", first_s, first_s + 60, 60) == []


def test_documents_that_are_gone_are_taken_from_the_series(
    series: SeriesReader, windows: list[Document], sqlite_url: str
) -> None:
    half = windows[len(windows) // 2]["timestamp"]
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:"))
    connection.execute(
        "DELETE FROM aggregated_data WHERE _id LIKE 'interactions/%' AND _id < ?",
        [f"interactions/{half:%Y-%m-%dT%H:%M:%SZ}"],
    )
    connection.commit()
    connection.close()
    found = asked(sqlite_url, series, windows)
    starts = [int(w["timestamp"].timestamp() * 1000) for w in windows]
    assert found["times"] == starts
    old = [w["total"] for w in windows if w["timestamp"] < half]
    assert found["columns"]["total"][: len(old)] == old
    assert found["trouble"] is None


def test_series_that_do_not_answer_are_told_and_the_documents_shown(
    sqlite_url: str, windows: list[Document]
) -> None:
    gone = SeriesReader(f"http://127.0.0.1:{free_port()}", "tidemark", None)
    found = asked(sqlite_url, gone, windows, before_s=7200)
    assert "InfluxDB cannot be read" in found["trouble"]
    assert len(found["times"]) > 0


def test_a_policy_that_is_not_there_is_told(influx: InfluxDBEndpoint, influx_database: str) -> None:
    wrong = SeriesReader(influx.url, f"{influx_database}/nothing", influx.token)
    with pytest.raises(StoreUnavailable, match="InfluxDB"):
        wrong.sums("interactions", 0, 60, 60)


def asked(
    url: str, series: SeriesReader, windows: list[Document], before_s: int = 0
) -> dict[str, Any]:
    """Ask for the period of the windows, by a store and a series reader."""
    settings = load_settings(environ={"TIDEMARK_DOCUMENTS__URLS": url}, dotenv=None)
    state = State("store", pipelines_of(settings), 2.0, "UTC")
    source = Source(partial(open_reader, settings), "test")
    history = History(source, state, series)
    start_s = int(windows[0]["timestamp"].timestamp()) - before_s
    end_s = int(windows[-1]["window_end"].timestamp())
    try:
        return asyncio.run(history.period("interactions", start_s, end_s))
    finally:
        source.close()

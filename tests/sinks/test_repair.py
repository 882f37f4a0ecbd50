"""Repairs of stores: points and documents taken out, aggregates replaced and read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from sinks import series_stores
from sinks.aggregate import accumulate
from sinks.commands import AccumulateWindow, Point, ReplaceDocuments, WritePoints
from sinks.repair import remove_documents, remove_points, replace_aggregates
from sinks.sqlite import SQLiteStore
from sinks.stored import stored_documents
from tests.sinks.readers import influx_series, sqlite_documents, sqlite_series
from tests.support.servers import InfluxDBEndpoint
from tidemark.config import Settings
from tidemark.config.stores import SeriesSettings

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ['pl"ain', "it's", "a b,c=d", "back\\slash", "ü😀"]


def points() -> list[Point]:
    return [
        Point("item_interactions", T0 + timedelta(seconds=10 * n), {"item_id": name}, {"count": 1})
        for n in (0, 1)
        for name in NAMES
    ]


@pytest.mark.parametrize("kind", ["sqlite", "influx"])
def test_exactly_the_named_points_are_removed(
    kind: str, influx: InfluxDBEndpoint, influx_database: str, tmp_path: Path
) -> None:
    url = influx.url if kind == "influx" else f"sqlite:{tmp_path / 'out.db'}"
    token = SecretStr(influx.token or "none:none")
    fields = {"urls": [url], "influx_bucket": influx_database, "influx_token": token}
    settings = Settings(series=SeriesSettings.model_validate(fields))
    (factory,) = series_stores(settings)
    store = factory.open()
    store.write([WritePoints(points())])
    store.close()
    read = (
        influx_series(influx, influx_database)
        if kind == "influx"
        else sqlite_series(tmp_path / "out.db")
    )
    assert len(read("item_interactions", ("item_id",))) == 2 * len(NAMES)
    for _ in range(2):
        remove_points(settings, url, points()[: len(NAMES)])
    left = read("item_interactions", ("item_id",))
    at = int((T0 + timedelta(seconds=10)).timestamp())
    assert set(left) == {(at, (("item_id", name),)) for name in NAMES}


def test_replaced_aggregates_read_back_and_go_on_adding_up(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    settings, url = Settings(), f"sqlite:{path}"
    store = SQLiteStore(path)
    store.open()
    counts = {f"type {n}": n + 1 for n in range(20)}  # more than there are columns for
    frame = pl.DataFrame({"key": ["u"] * 20, "name": list(counts), "count": list(counts.values())})
    store.write([AccumulateWindow("user_stats", T0, frame)])
    made = accumulate(None, "u", T0, {"type 19": 7, "new": 5, "type 0": 2})
    for _ in range(2):
        replace_aggregates(settings, url, "user_stats", [made])
    assert sqlite_documents(path)("user_stats") == {"u": made}
    with stored_documents(settings, url) as stored:
        assert stored is not None
        assert stored.of_keys("user_stats", ["u", "nobody"]) == {"u": made}
    later = T0 + timedelta(seconds=10)
    store.write([AccumulateWindow("user_stats", T0, frame)])
    store.write([AccumulateWindow("user_stats", later, frame)])
    store.close()
    assert sqlite_documents(path)("user_stats") == {"u": accumulate(made, "u", later, counts)}


def test_exactly_the_named_documents_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    store = SQLiteStore(path)
    store.open()
    store.write([ReplaceDocuments("aggregated_data", [{"_id": name} for name in NAMES])])
    store.close()
    remove_documents(Settings(), f"sqlite:{path}", "aggregated_data", NAMES[:2])
    assert set(sqlite_documents(path)("aggregated_data")) == set(NAMES[2:])

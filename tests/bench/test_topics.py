from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import polars as pl
import pytest

from bench.topics import WINDOW_S, Content, everybody, of_size
from generator import plan


def frame(content: Content) -> pl.DataFrame:
    return pl.concat(list(plan(content.settings(), content.partitions)))


def values(frame: pl.DataFrame) -> list[dict[str, str]]:
    return [json.loads(value) for value in frame["value"]]


def test_everybody_comes_equally_often_and_stays_in_a_partition() -> None:
    content = Content(3_000)
    plain = frame(content)
    parts = [plain.slice(0, 1_000), plain.slice(1_000, 2_000)]
    reshaped = pl.concat(
        everybody(600)(part, first, 3) for part, first in zip(parts, (0, 1_000), strict=True)
    )
    records = values(reshaped)
    assert set(Counter(record["user_id"] for record in records).values()) == {5}
    assert len({record["user_id"] for record in records}) == 600
    places = set(zip(reshaped["key"], reshaped["partition"], strict=True))
    assert len(places) == 600
    assert len({record["event_id"] for record in records}) == 3_000
    assert [record["user_id"].encode() for record in records] == reshaped["key"].to_list()


@pytest.mark.parametrize("size_bytes", [300, 1_000, 5_000])
def test_values_are_of_about_that_size(size_bytes: int) -> None:
    content = Content(1_000)
    reshaped = of_size(size_bytes)(frame(content), 0, 3)
    sizes = reshaped["value"].bin.size().to_numpy()
    assert abs(float(sizes.mean()) - size_bytes) < 2
    assert {"user_id", "item_id", "interaction_type", "timestamp"} <= set(values(reshaped)[0])


def test_the_smallest_values_have_nothing_to_spare() -> None:
    content = Content(1_000)
    reshaped = of_size(100)(frame(content), 0, 3)
    assert set(values(reshaped)[0]) == {"user_id", "item_id", "interaction_type", "timestamp"}
    assert float(reshaped["value"].bin.size().to_numpy().mean()) < 110


def test_short_ids_are_as_many_as_long_ones() -> None:
    content = Content(5_000, even_users=5_000)
    long, _ = everybody(5_000)(frame(content), 0, 3), None
    short = values(of_size(300)(long, 0, 3))
    assert len({record["user_id"] for record in short}) == 5_000


def test_one_window_holds_everything() -> None:
    content = Content(20_000, one_window=True)
    times_us = frame(content)["event_time_us"]
    windows = (times_us // (WINDOW_S * 1_000_000)).n_unique()
    assert windows == 1
    assert Content(20_000, event_rate=500.0).keys_an_event == pytest.approx(4 * 12_000 / 20_000)
    assert content.keys_an_event == pytest.approx(12_000 / 20_000)


def test_the_past_is_filled() -> None:
    start = Content(10).settings().start_time
    assert start is not None
    assert start.utcoffset() == timedelta(0)

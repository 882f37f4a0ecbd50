from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from generator import timestamps
from generator.settings import TimestampFormat

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES_US = np.array(
    [0, 1, 999_999, 1_795_132_800_005_520, 1_795_132_799_999_999, 4_102_444_800_000_000],
    dtype=np.int64,
)


def parsed_us(value: str | int) -> int:
    if isinstance(value, int):
        return value * (1_000 if value > 10**11 else 1_000_000)
    moment = datetime.fromisoformat(value)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize("form", ["iso", "iso_naive", "epoch_s", "epoch_ms", "mixed"])
def test_what_is_written_is_the_time_in_the_truth(form: TimestampFormat) -> None:
    times_us = np.repeat(TIMES_US[3:], 40)
    formats = timestamps.draw_formats(form, np.random.default_rng(1), len(times_us))
    told_us = timestamps.representable(times_us, formats)
    pieces = timestamps.pieces("timestamp", timestamps.text(told_us, formats), formats)
    read = [json.loads("{" + piece.removesuffix(",") + "}")["timestamp"] for piece in pieces]
    assert [parsed_us(value) for value in read] == told_us.tolist()
    assert (times_us - told_us < 1_000_000).all()
    assert (told_us <= times_us).all()


def test_iso_has_microseconds_and_z() -> None:
    formats = np.zeros(len(TIMES_US), dtype=np.int64)
    assert timestamps.text(TIMES_US, formats).to_list() == [
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00.000001Z",
        "1970-01-01T00:00:00.999999Z",
        "2026-11-20T00:00:00.005520Z",
        "2026-11-19T23:59:59.999999Z",
        "2100-01-01T00:00:00.000000Z",
    ]


def test_mixed_uses_every_format() -> None:
    formats = timestamps.draw_formats("mixed", np.random.default_rng(1), 1_000)
    assert set(formats.tolist()) == set(range(len(timestamps.WRITTEN)))

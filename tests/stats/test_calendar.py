"""Days and hours in a time zone, at its borders."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from stats.calendar import day_type, hour_of_day

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        (datetime(2026, 3, 29, 0, 59, 50, tzinfo=UTC), 1),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 3),
        (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), 3),
        (datetime(2026, 1, 1, 23, 0, tzinfo=UTC), 0),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), 0),
    ],
)
def test_hours_in_berlin_around_its_changes_of_clock(moment: datetime, hour: int) -> None:
    assert hour_of_day(moment, BERLIN) == hour


@pytest.mark.parametrize(
    ("moment", "in_utc", "in_berlin", "in_honolulu"),
    [
        (datetime(2026, 1, 2, 22, 59, 50, tzinfo=UTC), "weekday", "weekday", "weekday"),
        (datetime(2026, 1, 2, 23, 0, tzinfo=UTC), "weekday", "weekend", "weekday"),
        (datetime(2026, 1, 3, 0, 0, tzinfo=UTC), "weekend", "weekend", "weekday"),
        (datetime(2026, 1, 4, 22, 59, 50, tzinfo=UTC), "weekend", "weekend", "weekend"),
        (datetime(2026, 1, 4, 23, 0, tzinfo=UTC), "weekend", "weekday", "weekend"),
        (datetime(2026, 1, 5, 0, 0, tzinfo=UTC), "weekday", "weekday", "weekend"),
        (datetime(2026, 1, 5, 10, 0, tzinfo=UTC), "weekday", "weekday", "weekday"),
        (datetime(2026, 7, 3, 22, 0, tzinfo=UTC), "weekday", "weekend", "weekday"),
    ],
)
def test_weekend_begins_and_ends_at_local_midnight(
    moment: datetime, in_utc: str, in_berlin: str, in_honolulu: str
) -> None:
    zones = (ZoneInfo("UTC"), BERLIN, ZoneInfo("Pacific/Honolulu"))
    assert tuple(day_type(moment, zone) for zone in zones) == (in_utc, in_berlin, in_honolulu)

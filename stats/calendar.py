"""What part of the week and of the day a moment belongs to, in a given time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

_SATURDAY = 5


def day_type(moment: datetime, zone: ZoneInfo) -> str:
    """Return `weekday` or `weekend` (Saturday and Sunday) of an aware `moment` in `zone`."""
    return "weekend" if moment.astimezone(zone).weekday() >= _SATURDAY else "weekday"


def hour_of_day(moment: datetime, zone: ZoneInfo) -> int:
    """Return the hour, 0 to 23, of an aware `moment` in `zone`."""
    return moment.astimezone(zone).hour

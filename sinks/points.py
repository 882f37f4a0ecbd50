"""What every series store makes of a point, so that all of them hold the same."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from sinks.commands import Point

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored_tags(point: Point) -> dict[str, str]:
    """Return the tags in order of their names; an empty tag means no tag."""
    return {name: value for name, value in sorted(point.tags.items()) if value}


def stored_fields(point: Point) -> dict[str, int | float]:
    """Return the fields that are finite numbers; raises TypeError for a bool."""
    stored: dict[str, int | float] = {}
    for name, value in point.fields.items():
        if isinstance(value, bool):
            raise TypeError(f"field {name!r} is a bool: send an int or a float")
        if isinstance(value, int) or math.isfinite(value):
            stored[name] = value
    return stored


def epoch_s(moment: datetime) -> int:
    """Return whole seconds since the epoch, rounded down."""
    delta = moment - _EPOCH
    return delta.days * 86_400 + delta.seconds

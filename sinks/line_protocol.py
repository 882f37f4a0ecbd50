"""Line protocol: the text form of points that InfluxDB takes.

What the protocol cannot hold inside a measurement, tag or field name is replaced by a character
that looks like it: a line break by `␊` or `␍`, a backslash at the end (it would swallow the
separator behind it) by its
fullwidth form. An empty tag means no tag, as in InfluxDB.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from sinks.commands import Point

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_BACKSLASH = "\N{FULLWIDTH REVERSE SOLIDUS}"
_LOOK_ALIKES = {"\n": "␊", "\r": "␍", "\0": "␀"}
_IN_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ ", **_LOOK_ALIKES})
_IN_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", **_LOOK_ALIKES})


def to_line(point: Point) -> str | None:
    """Return the line of a point, its time in seconds; None if no field is a finite number."""
    fields = _fields(point.fields)
    if not fields:
        return None
    tags = "".join(
        f",{_escaped(name, _IN_TAG)}={_escaped(value, _IN_TAG)}"
        for name, value in sorted(point.tags.items())
        if value
    )
    measurement = _escaped(point.measurement, _IN_MEASUREMENT)
    if measurement.startswith("#"):
        # Else the line would be a comment.
        measurement = f"\\{measurement}"
    return f"{measurement}{tags} {fields} {epoch_s(point.timestamp)}"


def epoch_s(moment: datetime) -> int:
    """Return whole seconds since the epoch, rounded down."""
    delta = moment - _EPOCH
    return delta.days * 86_400 + delta.seconds


def _fields(fields: Mapping[str, int | float]) -> str:
    parts = []
    for name, value in fields.items():
        if isinstance(value, bool):
            raise TypeError(f"field {name!r} is a bool: send an int or a float")
        if isinstance(value, int):
            parts.append(f"{_escaped(name, _IN_TAG)}={value}i")
        elif math.isfinite(value):
            parts.append(f"{_escaped(name, _IN_TAG)}={value!r}")
    return ",".join(parts)


def _escaped(text: str, table: Mapping[int, str]) -> str:
    escaped = text.translate(table)
    return escaped[:-1] + _LAST_BACKSLASH if escaped.endswith("\\") else escaped

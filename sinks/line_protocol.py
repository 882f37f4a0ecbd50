"""Line protocol: the text form of points that InfluxDB takes.

What the protocol cannot hold inside a name or tag is replaced by a character that looks like it:
a line break by its control picture, and a backslash that would swallow the separator behind it by
the fullwidth backslash.
"""

from __future__ import annotations

import re

from sinks.commands import Point
from sinks.points import epoch_s, stored_fields, stored_tags

_PICTURES = {"\n": "\N{SYMBOL FOR LINE FEED}", "\r": "\N{SYMBOL FOR CARRIAGE RETURN}"}
_IN_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ ", **_PICTURES})
_IN_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", **_PICTURES})
_SWALLOWING = re.compile(r"\\(?=[,= ]|\Z)")
_LOOK_ALIKE = "\N{FULLWIDTH REVERSE SOLIDUS}"


def to_line(point: Point) -> str | None:
    """Return the line of a point, its time in seconds; None if no field is a finite number."""
    fields = ",".join(
        f"{_escaped(name, _IN_TAG)}={value}i"
        if isinstance(value, int)
        else f"{_escaped(name, _IN_TAG)}={value!r}"
        for name, value in stored_fields(point).items()
    )
    if not fields:
        return None
    tags = "".join(
        f",{_escaped(name, _IN_TAG)}={_escaped(value, _IN_TAG)}"
        for name, value in stored_tags(point).items()
    )
    measurement = _escaped(point.measurement, _IN_MEASUREMENT)
    return f"{measurement}{tags} {fields} {epoch_s(point.timestamp)}"


def _escaped(text: str, table: dict[int, str]) -> str:
    if "\\" in text:
        text = _SWALLOWING.sub(_LOOK_ALIKE, text)
    return text.translate(table)

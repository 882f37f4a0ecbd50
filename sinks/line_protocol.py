"""Line protocol: the text form of points that InfluxDB takes.

What the protocol cannot hold inside a name or tag is replaced by a character that looks like it:
a line break by its control picture, and a backslash that would swallow the separator behind it by
the fullwidth backslash.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sinks.commands import Point
from sinks.points import epoch_s, stored_fields, stored_tags

_PICTURES = {"\n": "\N{SYMBOL FOR LINE FEED}", "\r": "\N{SYMBOL FOR CARRIAGE RETURN}"}
_IN_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ ", **_PICTURES})
_IN_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", **_PICTURES})
# Names and tags repeat from point to point.
_REMEMBERED = 4096
_SWALLOWING = re.compile(r"\\(?=[,= ]|\Z)")
_LOOK_ALIKE = "\N{FULLWIDTH REVERSE SOLIDUS}"


def to_line(point: Point) -> str | None:
    """Return the line of a point, its time in seconds; None if no field is a finite number."""
    fields = ",".join(
        f"{_in_tag(name)}={value}i" if isinstance(value, int) else f"{_in_tag(name)}={value!r}"
        for name, value in stored_fields(point).items()
    )
    if not fields:
        return None
    tags = "".join(
        f",{_in_tag(name)}={_in_tag(value)}" for name, value in stored_tags(point).items()
    )
    return f"{_in_measurement(point.measurement)}{tags} {fields} {epoch_s(point.timestamp)}"


@lru_cache(_REMEMBERED)
def _in_tag(text: str) -> str:
    """Return text as part of a tag or as a field's name."""
    return _SWALLOWING.sub(_LOOK_ALIKE, text).translate(_IN_TAG)


@lru_cache(_REMEMBERED)
def _in_measurement(text: str) -> str:
    return _SWALLOWING.sub(_LOOK_ALIKE, text).translate(_IN_MEASUREMENT)

"""Columns of text: ids and names that must be right, and optional ones that have a default.

A column is looked at as a whole first; only where something in it is odd are its texts looked at
one by one.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataflows.streaming.rejects import BadRows, Reason, shown

_PRINTABLE_BITS = 14_000
"""Python prints integers of up to 4,300 digits."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class TextColumns:
    """Makes and checks columns; a text has at most `max_length` characters."""

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length

    def required(self, name: str, texts: list[str | int], bad: BadRows) -> pa.StringArray:
        """Return the column of ids or names; rows that are none are marked as bad."""
        try:
            column = pa.array(texts, pa.string())
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            column = pa.array([self._decimal(text) for text in texts], pa.string())
        if self._is_plain(column):
            return column
        limit = self._max_length
        for row, text in enumerate(column.to_pylist()):
            if not text:
                bad.add(row, Reason.INVALID_SCHEMA, f"{name}: is empty")
            elif len(text) > limit:
                message = f"{name}: {len(text)} characters, at most {limit} are taken"
                bad.add(row, Reason.INVALID_ID, message)
            elif _CONTROL.search(text):
                message = f"{name}: {shown(text)} has a control character"
                bad.add(row, Reason.INVALID_ID, message)
        return column

    def optional(self, values: list[Any], default: str) -> tuple[pa.StringArray, int]:
        """Return the column with the default where there is no usable text.

        `values` has None where there is none. The second result is how often a value was there but
        of no use.
        """
        try:
            column = pa.array(values, pa.string())
            if not column.null_count:
                if self._is_plain(column):
                    return column, 0
            elif self._is_plain(column.drop_null()):
                return pc.fill_null(column, default), 0
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # of several types: one by one
        dropped = 0
        texts = []
        for value in values:
            text = self._usable(value, default)
            dropped += value is not None and text is None
            texts.append(default if text is None else text)
        return pa.array(texts, pa.string()), dropped

    def _usable(self, value: object, default: str) -> str | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = self._decimal(value)
        fits = 0 < len(text) <= self._max_length and not _CONTROL.search(text)
        return text if fits or text == default else None

    def _decimal(self, value: str | int) -> str:
        """Return an integer's decimal text; one too long to print is too long for an id."""
        if isinstance(value, str):
            return value
        if value.bit_length() > _PRINTABLE_BITS:
            return "9" * (self._max_length + 1)
        return str(value)

    def _is_plain(self, column: pa.StringArray) -> bool:
        """Tell by the column as a whole that every text is non-empty, short enough and printable.

        False means that they have to be looked at one by one, no more.
        """
        count = len(column)
        if not count:
            return True
        _, offset_buffer, data_buffer = column.buffers()
        offsets = np.frombuffer(offset_buffer, np.int32, count + 1)
        lengths = np.diff(offsets)
        if not lengths.all() or lengths.max() > self._max_length:
            return False
        data = np.frombuffer(data_buffer, np.uint8)[: offsets[-1]]
        return not bool(((data < 0x20) | (data >= 0x7F)).any())

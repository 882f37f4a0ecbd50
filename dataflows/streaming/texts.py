"""Columns of text: ids and names that must be right, and optional ones that have a default.

A column is looked at as a whole: first with a few passes over its bytes, which nearly always settle
it, then text by text, but never in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataflows.streaming.rejects import BadRows, Reason, shown

_PRINTABLE_BITS = 14_000
"""Python prints integers of up to 4,300 digits."""
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


class TextColumns:
    """Makes and checks columns; a text has at most `max_length` characters."""

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length

    def column_of(self, texts: list[str | int]) -> pa.StringArray:
        """Return ids or names as texts; an integer is its decimal text."""
        try:
            return pa.array(texts, pa.string())
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array([self._decimal(text) for text in texts], pa.string())

    def check(self, name: str, column: pa.StringArray, bad: BadRows) -> None:
        """Mark the rows of a column of ids or names that are none as bad."""
        if self._is_plain(column):
            return
        limit = self._max_length
        usable = self._are_usable(column).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(~usable).tolist():
            text = column[row].as_py()
            if not text:
                bad.add(row, Reason.INVALID_SCHEMA, f"{name}: is empty")
            elif len(text) > limit:
                message = f"{name}: {len(text)} characters, at most {limit} are taken"
                bad.add(row, Reason.INVALID_ID, message)
            else:
                message = f"{name}: {shown(text)} has a control character"
                bad.add(row, Reason.INVALID_ID, message)

    def optional_column_of(self, values: list[Any]) -> tuple[pa.StringArray, int]:
        """Return what may be texts, null where there is none.

        The second result is how many of the nulls stand for something that is no text.
        """
        try:
            return pa.array(values, pa.string()), 0
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            texts = [
                value
                if type(value) is str
                else self._decimal(value)
                if type(value) is int
                else None
                for value in values
            ]
            column = pa.array(texts, pa.string())
            return column, column.null_count - sum(value is None for value in values)

    def with_default(self, column: pa.StringArray, default: str) -> tuple[pa.StringArray, int]:
        """Return the column with the default where there is no usable text.

        The second result is how many texts were of no use.
        """
        if not column.null_count:
            if self._is_plain(column):
                return column, 0
        elif self._is_plain(column.drop_null()):
            return pc.fill_null(column, default), 0
        usable = pc.or_(self._are_usable(column), pc.equal(column, default))
        usable = pc.fill_null(usable, False)
        unusable = usable.false_count - column.null_count
        return pc.if_else(usable, column, default), unusable

    def _are_usable(self, column: pa.StringArray) -> pa.BooleanArray:
        """Tell of each text whether it is non-empty, short enough and printable; null is null."""
        lengths = pc.utf8_length(column)
        fits = pc.and_(pc.greater(lengths, 0), pc.less_equal(lengths, self._max_length))
        return pc.and_(fits, pc.invert(pc.match_substring_regex(column, _CONTROL)))

    def _decimal(self, value: str | int) -> str:
        """Return an integer's decimal text; one too long to print is too long for an id."""
        if isinstance(value, str):
            return value
        if value.bit_length() > _PRINTABLE_BITS:
            return "9" * (self._max_length + 1)
        return str(value)

    def _is_plain(self, column: pa.StringArray) -> bool:
        """Tell by the column as a whole that every text is non-empty, short enough and printable.

        False means that they have to be looked at more closely, no more.
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

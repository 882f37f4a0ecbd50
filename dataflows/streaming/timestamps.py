"""Event times: whatever people write, as microseconds since the Unix epoch.

Accepted forms: ISO-8601 with an offset or `Z`, ISO-8601 without one (taken as UTC), epoch seconds
or milliseconds as a number or as a numeric string. A number above 10^11 counts as milliseconds.

A batch of ISO strings of one layout is parsed as a matrix of digits, which costs a tenth of a
per-string parse; every other form goes through `parse_timestamp`, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64Array = npt.NDArray[np.int64]

INVALID_US = np.int64(np.iinfo(np.int64).min)
"""Marks a value that is no time."""

MILLISECONDS_ABOVE = 1e11
"""Numbers above this are epoch milliseconds: as seconds they would lie past the year 5138."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_US = timedelta(microseconds=1)
_LATEST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _ONE_US
_EARLIEST_US = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _ONE_US
_SHORTEST, _LONGEST = len("2026-01-01T00:00:00"), len("2026-01-01T00:00:00.123456789+00:00")
_MOST_DIGITS = 15
"""Whole numbers of up to 15 digits stay within 63 bits as microseconds."""
_NUMBER = re.compile(r"[+-]?(\d{1,20})(\.\d{1,20})?", re.ASCII)
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], np.int64)
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


def moment(time_us: int) -> datetime:
    """Return microseconds since the epoch as a datetime in UTC, kept to the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=min(max(time_us, _EARLIEST_US), _LATEST_US))


def iso(time_us: int) -> str:
    """Format microseconds since the epoch as ISO-8601 with `Z`."""
    return moment(time_us).isoformat().replace("+00:00", "Z")


def parse_timestamp(value: object) -> int | None:
    """Parse one timestamp to microseconds since the epoch; None when it is no time.

    Fractions finer than a microsecond are cut off.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text))
    return _from_iso(text)


def _from_number(value: int | float) -> int | None:
    if isinstance(value, float) and not abs(value) < _LATEST_US:  # NaN and infinity neither
        return None
    scale = 1_000 if abs(value) > MILLISECONDS_ABOVE else 1_000_000
    # A float second carries about 0.2 µs of error today: rounding gives back what was written.
    micros = value * scale if isinstance(value, int) else round(value * scale)
    return micros if _EARLIEST_US <= micros <= _LATEST_US else None


def _from_iso(text: str) -> int | None:
    # Week and ordinal dates and bare dates are ISO-8601 too, but nobody's event time.
    if len(text) < 16 or text[4] != "-" or text[7] != "-" or text[10] not in "Tt ":
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    micros = (parsed - _EPOCH) // _ONE_US
    # An offset may lead out of the years that can be shown.
    return micros if _EARLIEST_US <= micros <= _LATEST_US else None


def parse_timestamps(values: Sequence[object]) -> Int64Array:
    """Parse a batch to microseconds since the epoch, `INVALID_US` where a value is no time.

    Shape: as many as `values`. Never raises for a bad value.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        numbers = _whole_numbers(values)
        return _one_by_one(values) if numbers is None else numbers
    if kinds != {str}:
        return _one_by_one(values)
    try:
        return parse_timestamp_texts(pa.array(values, pa.string()))
    except UnicodeEncodeError:  # half of a surrogate pair
        return _one_by_one(values)


def parse_timestamp_texts(texts: pa.StringArray) -> Int64Array:
    """Parse a column of texts without nulls, as `parse_timestamps` does."""
    count = len(texts)
    if not count:
        return np.empty(0, np.int64)
    result = np.full(count, INVALID_US, np.int64)
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32, count + 1)
    data = (
        np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    )
    lengths = np.diff(offsets)
    first = int(lengths[0])
    if (lengths == first).all():
        _parse_layout(data[offsets[0] : offsets[-1]].reshape(count, first), slice(None), result)
    else:
        for length in np.unique(lengths):
            if length > _LONGEST:
                continue
            rows = np.flatnonzero(lengths == length)
            _parse_layout(data[offsets[rows][:, None] + np.arange(length)], rows, result)
    for row in np.flatnonzero(result == INVALID_US).tolist():
        parsed = parse_timestamp(texts[row].as_py())
        if parsed is not None:
            result[row] = parsed
    return result


def _whole_numbers(values: Sequence[object]) -> Int64Array | None:
    """Parse a batch of integers; None when one is too large for it."""
    try:
        numbers = np.array(values, np.int64)
    except OverflowError:
        return None
    limit = 10**_MOST_DIGITS
    small = (-limit < numbers) & (numbers < limit)
    return _scaled(numbers) if small.all() else None


def _scaled(numbers: Int64Array) -> Int64Array:
    """Return whole epoch seconds or milliseconds, of at most 15 digits, in microseconds."""
    micros = numbers * np.where(np.abs(numbers) > MILLISECONDS_ABOVE, 1_000, 1_000_000)
    shown = (micros >= _EARLIEST_US) & (micros <= _LATEST_US)
    return np.where(shown, micros, INVALID_US)


def _one_by_one(values: Sequence[object]) -> Int64Array:
    parsed = (parse_timestamp(value) for value in values)
    return np.fromiter(
        (INVALID_US if value is None else value for value in parsed), np.int64, len(values)
    )


def _parse_layout(
    text: npt.NDArray[np.uint8], rows: slice | npt.NDArray[np.int64], result: Int64Array
) -> None:
    """Parse `text` (rows x characters) into `result[rows]`.

    The layouts are `YYYY-MM-DD?hh:mm:ss[.fraction][Z|+hh:mm]` and digits alone; which suffix the
    first row has decides. Rows of another layout are left alone.
    """
    width = text.shape[1]
    if 0 < width <= _MOST_DIGITS:
        digits = text - np.uint8(ord("0"))
        good = (digits <= 9).all(axis=1)
        number_of_row = digits @ (10 ** np.arange(width - 1, -1, -1, dtype=np.int64))
        result[rows] = np.where(good, _scaled(number_of_row), INVALID_US)
    if not _SHORTEST <= width <= _LONGEST:
        return
    separators = (
        (text[:, 4] == ord("-"))
        & (text[:, 7] == ord("-"))
        & ((text[:, 10] == ord("T")) | (text[:, 10] == ord(" ")))
        & (text[:, 13] == ord(":"))
        & (text[:, 16] == ord(":"))
    )
    end = width
    # The batch shares a producer and so a suffix; rows with another one fail the digit check.
    last = text[0, -1]
    if last == ord("Z"):
        end = width - 1
        separators &= text[:, -1] == ord("Z")
    elif width >= 25 and text[0, -3] == ord(":") and text[0, -6] in b"+-":
        end = width - 6
        separators &= (text[:, -3] == ord(":")) & np.isin(
            text[:, -6], np.frombuffer(b"+-", np.uint8)
        )
    fraction_digits = max(end - 20, 0)
    if end == 20:
        return
    if fraction_digits:
        separators &= (text[:, 19] == ord(".")) | (text[:, 19] == ord(","))
    digit_columns = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, *range(20, end)]
    digits = np.ascontiguousarray(text[:, digit_columns].T) - np.uint8(ord("0"))
    good = separators & (digits <= 9).all(axis=0)

    def number(start: int, stop: int) -> npt.NDArray[np.int32]:
        value: npt.NDArray[np.int32] = digits[start].astype(np.int32)
        for column in range(start + 1, stop):
            value *= 10
            value += digits[column]
        return value

    year, month, day = number(0, 4), number(4, 6), number(6, 8)
    hour, minute, second = number(8, 10), number(10, 12), number(12, 14)
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    safe_month = np.where((month >= 1) & (month <= 12), month, 0)
    days_of_month = _DAYS_OF_MONTH[safe_month] + (leap & (safe_month == 2))
    good &= (safe_month > 0) & (day >= 1) & (day <= days_of_month) & (year >= 1)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    if not good.any():
        return
    before = year.astype(np.int64) - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    days += _DAYS_BEFORE_MONTH[safe_month] + (leap & (safe_month > 2)) + day - 1
    micros = (days * 86_400 + hour * np.int64(3_600) + minute * 60 + second) * 1_000_000
    if fraction_digits:
        kept = min(fraction_digits, 6)
        micros += number(14, 14 + kept).astype(np.int64) * 10 ** (6 - kept)
    if end == width - 6:
        shift_digits = text[:, [-5, -4, -2, -1]].astype(np.int64) - ord("0")
        good &= ((shift_digits >= 0) & (shift_digits <= 9)).all(axis=1)
        shift = shift_digits @ np.array([600, 60, 10, 1])
        good &= (shift_digits[:, 2] < 6) & (shift < 1_440)
        micros -= np.where(text[:, -6] == ord("-"), -shift, shift) * 60_000_000
        # An offset may lead out of the years that can be shown.
        good &= (micros >= _EARLIEST_US) & (micros <= _LATEST_US)
    result[rows] = np.where(good, micros, INVALID_US)

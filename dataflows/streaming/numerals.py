"""Numbers as text, a column at a time: are they written as JSON has them, and plainly?

What is unusual (an exponent, more digits than are exact) is not refused, only left to the parser.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]

_DIGITS = r"^(?:0|[1-9][0-9]{0,17})$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$"
_MOST_DIGITS = 15
_ZERO, _NINE = ord("0"), ord("9")


def are_digits(texts: pa.StringArray) -> Bools:
    """Tell which texts are whole numbers without a sign, of at most 18 digits."""
    return _matching(texts, _DIGITS)


def are_decimals(texts: pa.StringArray) -> Bools:
    """Tell which texts are numbers without an exponent, of at most 15 digits on either side."""
    return _matching(texts, _DECIMAL)


def _matching(texts: pa.StringArray, pattern: str) -> Bools:
    if _are_all_plain(texts):
        return np.ones(len(texts), bool)
    matching: Bools = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return matching


def _are_all_plain(texts: pa.StringArray) -> bool:
    """Tell by the column as a whole that both patterns fit every text: digits and nothing else.

    False means that they have to be looked at more closely, no more.
    """
    count = len(texts)
    if not count:
        return True
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32, count + 1 + texts.offset)[texts.offset :]
    lengths = np.diff(offsets)
    if not lengths.all() or lengths.max() > _MOST_DIGITS:
        return False
    data = np.frombuffer(data_buffer, np.uint8)
    used = data[offsets[0] : offsets[-1]]
    if used.min() < _ZERO or used.max() > _NINE:
        return False
    return not bool(((data[offsets[:-1]] == _ZERO) & (lengths > 1)).any())

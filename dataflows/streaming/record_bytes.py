"""The bytes of a batch, and where in them the values of records of a known layout are.

This is the Python half, over whole columns with numpy; the compiled one is in
`native/record_bytes.py`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.layout import QUOTE, WORD_BYTES, Fixed, Kind, Layout
from dataflows.streaming.numerals import are_decimals, are_digits
from dataflows.streaming.timestamps import Int64Array, parse_timestamp_texts
from dataflows.streaming.values import Values

Bools = npt.NDArray[np.bool_]
Bounds = npt.NDArray[np.integer]
"""Where values begin, or where they end."""
Places = dict[str, tuple[Bounds, Bounds]]
"""Where the value of each field begins and ends."""

_BACKSLASH = ord("\\")
_SEEN_BYTES = 57
"""How many marks of a word are seen, wherever in a byte one begins to look."""
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class RecordBytes(Protocol):
    """The bytes of a batch."""

    starts: Int64Array
    """Where each record begins."""

    def plain_rows(self) -> Bools:
        """Tell which records may have a layout at all."""

    def places(self, layout: Layout, rows: Int64Array) -> tuple[Bools, Places]:
        """Tell which rows have the layout, and of those where each value begins and ends."""

    def texts(self, begins: Bounds, ends: Bounds, there: Bools | None = None) -> pa.StringArray:
        """Copy the given ascending places out as a column; null where `there` is false."""

    def times(self, begins: Bounds, ends: Bounds) -> Int64Array:
        """Parse the texts at the given ascending places as `parse_timestamps` does."""


class NumpyBytes:
    """The bytes of a batch, record after record, and which of them are quotation marks."""

    def __init__(self, values: Values) -> None:
        self._bounds = values.bounds
        self.starts, self._ends = self._bounds[:-1], self._bounds[1:]
        # Past the end there are zeros, which are in no fixed bytes, for as far as one may look.
        self._joined = values.padded()
        self._data = np.frombuffer(self._joined, np.uint8)
        marks = np.packbits(self._data == QUOTE, bitorder="little")
        self._marks = _words_at_every_byte(np.concatenate([marks, np.zeros(WORD_BYTES, np.uint8)]))

    def plain_rows(self) -> Bools:
        """Tell which records are UTF-8 without escapes and control characters."""
        plain = np.ones(len(self.starts), bool)
        text = self._data[: self._bounds[-1]]
        if text.size and text.min() < 0x20:
            self._exclude(plain, text < 0x20)
        if _BACKSLASH in self._joined:
            self._exclude(plain, text == _BACKSLASH)
        if not self._joined.isascii():
            try:
                # A record that fits begins and ends with an ASCII character: it is UTF-8 if all is.
                self._joined.decode()
            except UnicodeDecodeError:
                self._exclude(plain, text >= 0x80)
        return plain

    def _exclude(self, plain: Bools, marked: Bools) -> None:
        plain[np.searchsorted(self._bounds, np.flatnonzero(marked), "right") - 1] = False

    def places(self, layout: Layout, rows: Int64Array) -> tuple[Bools, Places]:
        """Tell which rows have the layout, and of those where each value begins and ends.

        Fixed bytes and values are followed from the begin of a record to its very end, and texts go
        to the next quotation mark: all the places of a record that fits are in it.
        """
        starts, row_ends = self.starts[rows], self._ends[rows]
        fits = np.ones(len(rows), bool)
        at = starts
        places: Places = {}
        for fixed, value in zip(layout.fixed, layout.values, strict=False):
            fits &= self._has(fixed, at)
            begins = np.minimum(at + fixed.length, row_ends)
            at = self._next_mark(begins, row_ends)
            if value.kind is not Kind.TEXT:
                at = at - value.before_mark
                fits &= at > begins
                # Places that are none must ascend all the same.
                numbers = self.texts(np.where(fits, begins, starts), np.where(fits, at, starts))
                check = are_digits if value.kind is Kind.DIGITS else are_decimals
                fits &= check(numbers)
            places[value.name] = begins, at
        last = layout.fixed[-1]
        fits &= (row_ends - at == last.length) & self._has(last, at)
        if not fits.all():
            places = {name: (begins[fits], ends[fits]) for name, (begins, ends) in places.items()}
        return fits, places

    def _has(self, fixed: Fixed, at: Int64Array) -> Bools:
        """Tell where the fixed bytes stand at the given places."""
        there: Bools = np.ones(len(at), bool)
        for stretch in fixed.stretches:
            size = WORD_BYTES * len(stretch.words)
            found = self._bytes_at_every_byte(size)[at + stretch.offset].view("<u8")
            columns = found.reshape(len(at), len(stretch.words)).T
            for column, word, mask in zip(columns, stretch.words, stretch.masks, strict=True):
                there &= (column if mask == _ALL else column & mask) == word
        return there

    def _bytes_at_every_byte(self, size: int) -> npt.NDArray[np.void]:
        """View the batch as overlapping pieces of so many bytes, one from each byte on."""
        return np.ndarray(
            self._data.size - size + 1, np.dtype((np.void, size)), self._data, 0, (1,)
        )

    def _next_mark(self, begins: Int64Array, row_ends: Int64Array) -> Int64Array:
        """Return the place of the first quotation mark from each place on, else the record's end.

        A word of the marks shows 57 bytes ahead; only where there is none it has to be moved.
        """
        found = self._mark_within_word(begins)
        pending = np.flatnonzero(found < 0)
        at = begins[pending]
        while pending.size:
            at += _SEEN_BYTES
            seen = self._mark_within_word(np.minimum(at, row_ends[pending]))
            settled = (seen >= 0) | (at >= row_ends[pending])
            found[pending[settled]] = seen[settled]
            pending, at = pending[~settled], at[~settled]
        return np.where(found < 0, row_ends, np.minimum(found, row_ends))

    def _mark_within_word(self, at: Int64Array) -> Int64Array:
        ahead = self._marks[at >> 3] >> (at & 7).astype(np.uint64)
        # Below the lowest bit that is set there are as many others as it is places away.
        below = np.bitwise_count((ahead & (~ahead + _ONE)) - _ONE)
        place: Int64Array = np.where(ahead != 0, at + below, -1)
        return place

    def texts(self, begins: Bounds, ends: Bounds, there: Bools | None = None) -> pa.StringArray:
        """Copy the given ascending places out as a column; null where `there` is false."""
        count = len(begins)
        # Every second text of this array lies between two places: those are not taken.
        offsets = np.empty(2 * count + 1, np.int32)
        offsets[0:-1:2], offsets[1::2] = begins, ends
        offsets[-1] = offsets[-2] if count else 0
        all_texts = pa.StringArray.from_buffers(
            2 * count, pa.py_buffer(offsets), pa.py_buffer(self._joined)
        )
        wanted = np.arange(0, 2 * count, 2, dtype=np.int32)
        return all_texts.take(pa.array(wanted, mask=None if there is None else ~there))

    def times(self, begins: Bounds, ends: Bounds) -> Int64Array:
        """Parse the texts at the given ascending places."""
        return parse_timestamp_texts(self.texts(begins, ends))


def _words_at_every_byte(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """View bytes as overlapping little-endian words; numpy reads unaligned ones all the same."""
    return np.ndarray(data.size - WORD_BYTES + 1, np.dtype("<u8"), data, 0, (1,))

"""Batches of records read as columns straight from their bytes, by the layouts that they have.

What is read here is what the parser would have read, only in a third of the time, and nearly all of
it without Python's global lock. A record that fits no known layout, has escapes or control
characters, or numbers written in an unusual way, is left to the parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.layout import (
    LONGEST_FIXED,
    QUOTE,
    WORD_BYTES,
    Fixed,
    Kind,
    Layout,
    layout_of,
)
from dataflows.streaming.numerals import are_decimals, are_digits
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import Role
from dataflows.streaming.timestamps import Int64Array

Bools = npt.NDArray[np.bool_]
_Places = dict[str, tuple[Int64Array, Int64Array]]
"""Where the value of each field begins and ends."""
_Part = tuple[Int64Array, _Places]
"""The rows of one layout, ascending, and the places of their values."""

_MOST_LAYOUTS = 8
_TRIES = 3
"""Records of a batch that are looked at for a new layout, at most."""
_WORTH_ROWS = 64
"""Fewer rows than this are left to the parser."""
_WORTH_SHARE = 1 / 4
"""Where the layouts explain less of a batch, the next ones are left to the parser at once..."""
_LONGEST_PAUSE = 64
"""...up to so many of them."""
_LARGEST_BATCH = (1 << 31) - 64
_BACKSLASH = ord("\\")
_SEEN_BYTES = 57
"""How many marks of a word are seen, wherever in a byte one begins to look."""
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Matched:
    """The records that fit: `rows[i]` is the place in the batch of entry i of each column.

    A column is None where no record has the field; it is null where one has not.
    """

    rows: Int64Array
    columns: dict[str, pa.StringArray | None]


class Layouts:
    """Knows the layouts of a topic partition. What it returns never depends on what it knows."""

    def __init__(self, roles: Mapping[str, Role], limits: Limits) -> None:
        self._roles = dict(roles)
        self._limits = limits
        self._known: list[Layout] = []
        self._pause = 0
        self._longest_pause = 1

    def match(self, values: Sequence[bytes], lengths: Int64Array) -> Matched | None:
        """Read the records that fit; None if there are none. `lengths` are those of the values."""
        if self._pause:
            self._pause -= 1
            return None
        if not self._known and not self._learn(values, range(len(values))):
            return None
        if int(lengths.sum()) > _LARGEST_BATCH:
            return None
        batch = _Bytes(values, lengths)
        fits = batch.plain_rows() & (lengths <= self._limits.max_message_bytes)
        left = np.flatnonzero(fits)
        parts: list[_Part] = []
        matched: dict[Layout, int] = {}
        tries = _TRIES
        unseen = list(self._known)
        while len(left) >= _WORTH_ROWS:
            if not unseen:
                learned = self._learn(values, left.tolist()) if tries else None
                if learned is None:
                    break
                unseen.append(learned)
                tries -= 1
            layout = unseen.pop(0)
            fits, places = batch.places(layout, left)
            matched[layout] = int(fits.sum())
            if matched[layout]:
                parts.append((left[fits], places))
                left = left[~fits]
        self._remember(matched, len(values))
        return self._columns(batch, parts) if parts else None

    def _learn(self, values: Sequence[bytes], rows: Sequence[int]) -> Layout | None:
        """Learn the layout of one of the first of these rows."""
        for row in rows[:_TRIES]:
            layout = layout_of(values[row], self._roles)
            if layout is not None and layout not in self._known:
                self._known.append(layout)
                return layout
        return None

    def _remember(self, matched: Mapping[Layout, int], rows: int) -> None:
        """Keep the layouts that explain most, and leave a topic alone in which none does."""
        self._known.sort(key=lambda layout: -matched.get(layout, 0))
        del self._known[_MOST_LAYOUTS:]
        if sum(matched.values()) >= rows * _WORTH_SHARE:
            self._longest_pause = 1
        else:
            self._pause = self._longest_pause
            self._longest_pause = min(2 * self._longest_pause, _LONGEST_PAUSE)

    def _columns(
        self,
        batch: _Bytes,
        parts: list[_Part],
    ) -> Matched:
        if len(parts) == 1:
            ((rows, places),) = parts
            return Matched(
                rows,
                {
                    name: batch.texts(*places[name]) if name in places else None
                    for name in self._roles
                },
            )
        rows = np.concatenate([rows for rows, _ in parts])
        order = np.argsort(rows, kind="stable")
        columns: dict[str, pa.StringArray | None] = {}
        for name in self._roles:
            if not any(name in places for _, places in parts):
                columns[name] = None
                continue
            # A record without the field has an empty place at its begin, so that places ascend.
            bounds = [
                places.get(name, (batch.starts[some], batch.starts[some])) for some, places in parts
            ]
            there = np.concatenate([np.full(len(some), name in places) for some, places in parts])
            begins, ends = (np.concatenate(side)[order] for side in zip(*bounds, strict=True))
            columns[name] = batch.texts(begins, ends, there[order])
        return Matched(rows[order], columns)


class _Bytes:
    """The bytes of a batch, record after record, and which of them are quotation marks."""

    def __init__(self, values: Sequence[bytes], lengths: Int64Array) -> None:
        self._bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self.starts, self._ends = self._bounds[:-1], self._bounds[1:]
        # Past the end there are zeros, which are in no fixed bytes, for as far as one may look.
        self._joined = b"".join([*values, bytes(LONGEST_FIXED + WORD_BYTES)])
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

    def places(self, layout: Layout, rows: Int64Array) -> tuple[Bools, _Places]:
        """Tell which rows have the layout, and of those where each value begins and ends.

        Fixed bytes and values are followed from the begin of a record to its very end, and texts go
        to the next quotation mark: all the places of a record that fits are in it.
        """
        starts, row_ends = self.starts[rows], self._ends[rows]
        fits = np.ones(len(rows), bool)
        at = starts
        places: _Places = {}
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

    def texts(
        self, begins: Int64Array, ends: Int64Array, there: Bools | None = None
    ) -> pa.StringArray:
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


def _words_at_every_byte(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """View bytes as overlapping little-endian words; numpy reads unaligned ones all the same."""
    return np.ndarray(data.size - WORD_BYTES + 1, np.dtype("<u8"), data, 0, (1,))

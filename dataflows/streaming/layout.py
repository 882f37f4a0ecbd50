"""The layout of a record: the bytes that all records of one producer have in common.

Most producers write every record alike, with the same keys in the same order and the same spaces;
only the values differ. A record that has those bytes, and between them texts without escapes and
plain numbers, is valid JSON of known fields, and where its values are is known without a parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from dataflows.streaming.schema import Role

QUOTE = ord('"')
_STRING = re.compile(rb'"([^"\\]*)"')
_NUMBER = re.compile(rb"[-+.0-9eE]+")
_MOST_VALUES = 64
WORD_BYTES = 8
STRETCH_BYTES = 32
LONGEST_FIXED = 1_024
"""Bytes that are the same in all records between two values, at most."""
_decode = msgspec.json.Decoder().decode


class Kind(StrEnum):
    """What may stand in the place of a value, and what it is good for."""

    TEXT = "text"
    DIGITS = "digits"
    """A whole number that is its own decimal text."""
    DECIMAL = "decimal"
    """A number without an exponent."""


@dataclass(frozen=True, slots=True)
class Value:
    """The place of one value: it ends before the next quotation mark or the end of the record.

    A text ends at the mark, a number as many bytes before as there are always between.
    """

    name: str
    kind: Kind
    before_mark: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Up to 32 fixed bytes, `offset` after the first: little-endian words, and what counts of each.

    To fetch 32 bytes of each record takes no longer than to fetch 8.
    """

    offset: int
    words: tuple[np.uint64, ...]
    masks: tuple[np.uint64, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Fixed bytes, as they are and cut into stretches."""

    content: bytes
    stretches: tuple[Stretch, ...]

    @property
    def length(self) -> int:
        """Return how many bytes they are."""
        return len(self.content)

    @classmethod
    def of(cls, fixed: bytes) -> Fixed:
        """Cut bytes into stretches."""
        cuts = [
            (offset, fixed[offset : offset + STRETCH_BYTES])
            for offset in range(0, len(fixed), STRETCH_BYTES)
        ]
        return cls(
            fixed,
            tuple(Stretch(offset, _words(cut), _words(b"\xff" * len(cut))) for offset, cut in cuts),
        )


def _words(cut: bytes) -> tuple[np.uint64, ...]:
    padded = cut.ljust(-(-len(cut) // WORD_BYTES) * WORD_BYTES, b"\0")
    return tuple(np.frombuffer(padded, "<u8").astype(np.uint64))


@dataclass(frozen=True, slots=True)
class Layout:
    """Fixed bytes and values in turn: `fixed[i]` stands before `values[i]`, the last at the end.

    The fixed bytes after a text begin with the quotation mark that ends it.
    """

    values: tuple[Value, ...]
    fixed: tuple[Fixed, ...]


def layout_of(record: bytes, roles: Mapping[str, Role]) -> Layout | None:
    """Return the layout of a record; None where it is of no use for fields of these roles.

    A required field must be there. What stands for a wanted field must be what its role takes
    nearly always: a text or a whole number, for a numeric role a number; or null, as good as not
    there, where it is optional.
    """
    try:
        members = _Members(_decode(record), record)
        found = members.find(roles)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Unfit):
        return None
    required = {name for name, role in roles.items() if not role.is_optional}
    return found if required <= {value.name for value in found.values} else None


class _Unfit(Exception):
    """The record has something that no layout can describe."""


class _Members:
    """The members of a flat JSON object, followed through its bytes."""

    def __init__(self, decoded: Any, record: bytes) -> None:
        if not isinstance(decoded, dict) or len(decoded) > _MOST_VALUES or b"\\" in record:
            raise _Unfit
        self._decoded = decoded
        self._record = record
        self._at = 0

    def find(self, roles: Mapping[str, Role]) -> Layout:
        """Return the layout."""
        values: list[Value] = []
        fixed: list[bytes] = []
        begin = 0
        for name, value in self._decoded.items():
            start = self._value_after(name)
            kind = _kind(value, roles.get(name))
            if kind is None:
                continue
            if kind is Kind.TEXT:
                start += 1
            end = self._end(start, kind)
            fixed.append(self._record[begin:start])
            mark = self._record.find(b'"', end)
            values.append(Value(name, kind, (mark if mark >= 0 else len(self._record)) - end))
            begin = end
            self._at = end + (kind is Kind.TEXT)
        fixed.append(self._record[begin:])
        # Further keys would be behind the last one only if one came twice.
        if not values or b'"' in self._record[self._at :] or max(map(len, fixed)) > LONGEST_FIXED:
            raise _Unfit
        return Layout(tuple(values), tuple(map(Fixed.of, fixed)))

    def _value_after(self, name: str) -> int:
        """Return where the value of the next key begins."""
        key = _STRING.search(self._record, self._at)
        if key is None or key[1] != name.encode():
            raise _Unfit
        start = self._record.index(b":", key.end()) + 1
        while self._record[start : start + 1].isspace():
            start += 1
        self._at = start
        return start

    def _end(self, start: int, kind: Kind) -> int:
        if kind is Kind.TEXT:
            return self._record.index(b'"', start)
        number = _NUMBER.match(self._record, start)
        if number is None:
            raise _Unfit
        return number.end()


def _kind(value: Any, role: Role | None) -> Kind | None:
    """Return what stands for a field; None for what is the same in every record of the layout."""
    match value:
        case str():
            if role is not None and role.is_number:
                raise _Unfit
            return Kind.TEXT
        case bool() | dict() | list():
            if role is not None or not isinstance(value, bool):
                raise _Unfit
            return None
        case None:
            if role is not None and not role.is_optional:
                raise _Unfit
            return None
        case int() | float():
            if role is None or role.is_number or role is Role.TIMESTAMP:
                return Kind.DECIMAL
            return Kind.DIGITS
    raise _Unfit

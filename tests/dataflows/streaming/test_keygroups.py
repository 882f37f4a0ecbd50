"""Key groups: stable for ever, by content alone, well spread."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.keygroups import key_groups_of
from stats.hashing import stable_hashes

GOLDEN = {
    "": 0x9CA066F1A4AB2EEA,
    " ": 0x802632A992209F14,
    "7": 0xBFE366DC256DBB6C,
    "a": 0xA70E84D52B813287,
    "user-1": 0xBBCD41F912887CDA,
    "user-42": 0xF9A204959CB083DE,
    "12345678": 0x2B38C9D0B5ECFCC0,
    "123456789": 0xF24EE62CC18A6FDF,
    "item-0001": 0xE59CF43FDD818A3B,
    "ü": 0x848B2429E62046A0,
    "漢字😀": 0xFAC42E5DAD6C349B,
    "x" * 100: 0x17E6B39AB903CB2F,
}
WORD = (1 << 64) - 1


def reference(key: str) -> int:
    """The documented hash, one key at a time with Python's integers."""

    def mix(value: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            value = ((value ^ (value >> 33)) * factor) & WORD
        return value ^ (value >> 33)

    data = key.encode()
    value = mix((len(data) + 0x9E3779B97F4A7C15) & WORD)
    for at in range(0, len(data), 8):
        value = mix(value ^ int.from_bytes(data[at : at + 8], "little"))
    return value


KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


@pytest.mark.parametrize(("key", "wanted"), GOLDEN.items())
def test_hashes_never_change(key: str, wanted: int) -> None:
    """A recovery store lives by these values: never change them."""
    assert int(stable_hashes(pa.array([key]))[0]) == wanted


def test_groups_never_change() -> None:
    keys = pa.array(list(GOLDEN))
    assert key_groups_of(keys, 16).tolist() == [10, 4, 12, 7, 10, 14, 0, 15, 11, 0, 11, 15]


@settings(max_examples=150, deadline=None)
@given(KEYS)
def test_a_column_is_hashed_as_each_key_by_itself(keys: list[str]) -> None:
    column = pa.array(keys, pa.string())
    assert stable_hashes(column).tolist() == [reference(key) for key in keys]
    assert key_groups_of(column, 7).tolist() == [reference(key) % 7 for key in keys]


@settings(max_examples=150, deadline=None)
@given(KEYS, st.integers(0, 30), st.integers(0, 30), st.data())
def test_sliced_and_filtered_columns_hash_by_content(
    keys: list[str], begin: int, length: int, data: st.DataObject
) -> None:
    column = pa.array(["before", *keys, "after"], pa.string())
    part = column.slice(1).slice(begin, length)
    assert stable_hashes(part).tolist() == [reference(key) for key in part.to_pylist()]
    keep = data.draw(st.lists(st.booleans(), min_size=len(part), max_size=len(part)))
    kept = part.filter(pa.array(keep, pa.bool_()))
    assert stable_hashes(kept).tolist() == [reference(key) for key in kept.to_pylist()]
    assert key_groups_of(part, 1_000).tolist() == [reference(k) % 1_000 for k in part.to_pylist()]


@pytest.mark.parametrize("length", [7, 8, 9, 15, 16, 17, 255, 256, 257, 70_000])
def test_long_keys_are_hashed_to_their_last_byte(length: int) -> None:
    one, other = "x" * length, "x" * (length - 1) + "y"
    keys = pa.array([one, "short", other])
    hashes = stable_hashes(keys).tolist()
    assert key_groups_of(keys, 2**62).tolist() == [each % 2**62 for each in hashes]
    assert hashes == [reference(one), reference("short"), reference(other)]
    assert hashes[0] != hashes[2]


def test_a_key_is_not_confused_with_its_padding() -> None:
    keys = ["a", "a\x00", "a\x00\x00", "\x00a", "", "\x00"]
    assert len(set(stable_hashes(pa.array(keys)).tolist())) == len(keys)


@pytest.mark.parametrize("groups", [1, 2, 3, 16, 64, 1024])
def test_every_group_gets_its_share(groups: int) -> None:
    for name in ("user_{}", "{}", "user-{:08d}", "{:032x}"):
        keys = pa.array([name.format(number) for number in range(40 * groups + 5_000)])
        found = key_groups_of(keys, groups)
        shares = np.bincount(found, minlength=groups)
        assert shares.size == groups
        expected = len(keys) / groups
        # Six standard deviations of a fair distribution.
        assert np.abs(shares - expected).max() < 6 * np.sqrt(expected) + 1


def test_no_keys_are_no_groups() -> None:
    assert key_groups_of(pa.array([], pa.string()), 16).tolist() == []

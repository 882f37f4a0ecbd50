from __future__ import annotations

import ipaddress

import numpy as np
import pytest

from generator.identity import addresses, below, device_ids, mix, uniform

KNOWN = [12489560693144743404, 17629623748622851610, 7321100814137459849]
"""By arithmetic on Python integers."""
NUMBERS = np.arange(100_000, dtype=np.int64)


def test_mixed_numbers_are_distinct_and_differ_by_purpose() -> None:
    one, other = mix(NUMBERS, 1), mix(NUMBERS, 2)
    assert len(np.unique(one)) == len(NUMBERS)
    assert (one != other).all()


def test_one_at_a_time_gives_the_same() -> None:
    assert [mix(NUMBERS[n : n + 1], 7)[0] for n in range(50)] == mix(NUMBERS[:50], 7).tolist()


def test_known_values_stay() -> None:
    # Devices and addresses must be the same with every version of NumPy.
    assert mix(np.array([0, 1, 2**40], dtype=np.int64), 1).tolist() == KNOWN


def test_below_and_uniform_are_even() -> None:
    counts = np.bincount(below(NUMBERS, 3, 10))
    assert counts == pytest.approx([10_000] * 10, rel=0.05)
    parts = uniform(NUMBERS, 4)
    assert parts.min() >= 0.0
    assert parts.max() < 1.0
    assert np.histogram(parts, 10, (0.0, 1.0))[0] == pytest.approx([10_000] * 10, rel=0.05)


def test_device_ids_are_distinct_hexadecimal_digits() -> None:
    ids = device_ids(NUMBERS)
    assert ids.is_unique().all()
    assert ids.str.contains("^[0-9a-f]{16}$").all()


def test_addresses_are_addresses() -> None:
    for address in addresses(NUMBERS[:5_000]):
        assert str(ipaddress.ip_address(address))

"""Compare what is stored with what should be: equal means equal, floats to 1e-9."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def assert_same(stored: Mapping[Any, Any], expected: Mapping[Any, Any], what: str) -> None:
    """Fail unless both have the same keys, and every expected field is stored with its value.

    Fields beyond the expected ones are allowed.
    """
    missing, extra = expected.keys() - stored.keys(), stored.keys() - expected.keys()
    assert not missing, f"{what}: {len(missing)} missing, such as {sorted(missing, key=str)[:3]}"
    assert not extra, f"{what}: {len(extra)} too many, such as {sorted(extra, key=str)[:3]}"
    wrong = [
        f"{key}.{name}: stored {stored[key].get(name)!r}, expected {value!r}"
        for key, fields in expected.items()
        for name, value in fields.items()
        if not same(stored[key].get(name), value)
    ]
    assert not wrong, f"{what}: {len(wrong)} fields differ:\n" + "\n".join(wrong[:5])


def same(stored: Any, expected: Any) -> bool:
    """Tell whether two values are equal, all the way down."""
    match expected:
        case bool() | None | str():
            return bool(stored == expected)
        case float():
            return isinstance(stored, int | float) and math.isclose(
                stored, expected, rel_tol=1e-9, abs_tol=1e-9
            )
        case int():
            return not isinstance(stored, bool) and bool(stored == expected)
        case Mapping():
            return (
                isinstance(stored, Mapping)
                and stored.keys() == expected.keys()
                and all(same(stored[key], value) for key, value in expected.items())
            )
        case list() | tuple():
            return len(stored) == len(expected) and all(map(same, stored, expected))
    return bool(stored == expected)

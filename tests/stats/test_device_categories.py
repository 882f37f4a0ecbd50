"""Categories of device types."""

from __future__ import annotations

import pytest

from stats.device_categories import Categories


@pytest.mark.parametrize(
    ("category", "types"),
    [
        ("Mobile", ["android", "iOS", "iphone", "mobile", "Phone"]),
        ("Tablet", ["tablet", "iPad"]),
        ("Desktop", ["desktop", "web", "WINDOWS", "mac", "Linux"]),
    ],
)
def test_usual_types_have_their_category_in_any_case_of_letters(
    category: str, types: list[str]
) -> None:
    categories = Categories({})
    for name in types:
        assert {categories.of(each).value for each in (name, name.upper(), name.lower())} == {
            category
        }


@pytest.mark.parametrize("name", ["unknown", "fairphone 9", "windows 3000", ""])
def test_what_nobody_has_heard_of_is_mobile(name: str) -> None:
    assert Categories({}).of(name).value == "Mobile"


def test_what_is_given_goes_before_the_usual() -> None:
    categories = Categories({"Kiosk": "Desktop", "ANDROID": "Tablet"})
    assert categories.of("kiosk").value == "Desktop"
    assert categories.of("android").value == "Tablet"
    assert categories.of("ios").value == "Mobile"

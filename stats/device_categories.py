"""Device types by category; the case of letters does not matter."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Category(StrEnum):
    """What a device is."""

    MOBILE = "Mobile"
    TABLET = "Tablet"
    DESKTOP = "Desktop"


_MOBILE = ("android", "ios", "iphone", "mobile", "phone", "smartphone", "windows phone")
_TABLET = ("tablet", "ipad", "ipados", "android tablet", "kindle")
_DESKTOP = ("desktop", "laptop", "pc", "web", "browser", "windows", "mac", "macos", "linux")
_USUAL = {
    **dict.fromkeys(_MOBILE, Category.MOBILE),
    **dict.fromkeys(_TABLET, Category.TABLET),
    **dict.fromkeys(_DESKTOP, Category.DESKTOP),
}


class Categories:
    """Tells the category of a device type: what is given first, then the usual ones, else Mobile.

    A type that nobody has heard of is most likely some new phone.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        own = {name.casefold(): Category(category) for name, category in given.items()}
        self._known = {**_USUAL, **own}

    def of(self, device_type: str) -> Category:
        """Return the category of a device type."""
        return self._known.get(device_type.casefold(), Category.MOBILE)

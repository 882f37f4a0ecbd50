"""Logins: users open the app on one of their devices, somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from generator import identity, pieces
from generator.optional import Kind
from generator.population import Pool, Skew
from generator.settings import GeneratorSettings
from generator.streams.base import Draw, Stream
from generator.streams.people import seeded_faker, user_keys

DEVICE_TYPES: Final = {
    **{"android": 40.0, "iOS": 22.0, "iphone": 8.0, "mobile": 1.0},
    **{"ipad": 4.0, "tablet": 4.0},
    **{"web": 11.0, "windows": 6.0, "mac": 3.0, "linux": 1.0},
}
LOCALES: Final = {
    **{"US": 40.0, "GB": 12.0, "DE": 10.0, "IN": 10.0, "FR": 8.0, "BR": 8.0, "JP": 5.0, "CA": 5.0},
    **{"RU": 0.8, "CN": 0.7, "IR": 0.3, "KP": 0.2},
}
APP_VERSIONS: Final = {"2.3.0": 55.0, "2.2.1": 25.0, "2.1.4": 12.0, "1.9.12": 5.0, "3.0.0-b.1": 3.0}
SECOND_DEVICE_SHARE: Final = 0.2
TRAVEL_SHARE: Final = 0.03
"""Logins from another locale and address than the user's own."""
MOBILE_SHARE: Final = 0.1
"""Logins from another address alone."""
UPDATE_SHARE: Final = 0.05
"""Logins with another version than the device mostly has."""
_TYPE, _VERSION, _LOCALE = 21, 22, 23
_HOSTS: Final = 1 << 40
"""Hosts below are the users' homes."""


class Logins(Stream):
    """Events of topic `user-login`, keyed by user."""

    time_field: ClassVar[str] = "timestamp"
    required: ClassVar[tuple[str, ...]] = ("timestamp",)
    optional: ClassVar[Mapping[str, Kind]] = {
        "user_id": "text",
        "app_version": "text",
        "device_type": "text",
        "ip": "text",
        "locale": "text",
        "device_id": "text",
    }

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        logins = settings.logins
        self._users = user_keys(settings, seeded_faker(settings), partitions)
        self._types = _Choice("device_type", logins.device_types or DEVICE_TYPES)
        self._versions = _Choice("app_version", logins.app_versions or APP_VERSIONS)
        self._locales = _Choice("locale", logins.locales or LOCALES)
        self._frequent = Skew.zipf(logins.frequent_ips, 1.0, 0.0)
        self._frequent_share = logins.frequent_ip_share

    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        count = len(numbers)
        users = self._users.draw(random, count)
        self._users.replace_away(users, silent)
        devices = users * 2 + (random.random(count) < SECOND_DEVICE_SHARE)
        travelling = random.random(count) < TRAVEL_SHARE
        updated = random.random(count) < UPDATE_SHARE

        types = self._types.skew.ranks(identity.uniform(devices, _TYPE))
        versions = self._versions.settled(devices, _VERSION, updated, random)
        locales = self._locales.settled(users, _LOCALE, travelling, random)
        ips = identity.addresses(self._hosts(users, travelling, random))
        device_ids = identity.device_ids(devices)
        names = self._users.pool.names.gather(users)
        return Draw(
            partition=self._users.partition_of[users],
            key=names,
            columns={
                "user_id": names,
                "app_version": self._versions.pool.names.gather(versions),
                "device_type": self._types.pool.names.gather(types),
                "ip": ips,
                "locale": self._locales.pool.names.gather(locales),
                "device_id": device_ids,
            },
            pieces={
                "user_id": self._users.pool.pieces.gather(users),
                "app_version": self._versions.pool.pieces.gather(versions),
                "device_type": self._types.pool.pieces.gather(types),
                "ip": pieces.quoted("ip", ips),
                "locale": self._locales.pool.pieces.gather(locales),
                "device_id": pieces.quoted("device_id", device_ids),
            },
        )

    def _hosts(
        self,
        users: NDArray[np.int64],
        travelling: NDArray[np.bool_],
        random: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Choose where each login comes from: shared addresses, the user's home, or anywhere."""
        count = len(users)
        elsewhere = travelling | (random.random(count) < MOBILE_SHARE)
        hosts = np.where(elsewhere, random.integers(2 * _HOSTS, 3 * _HOSTS, count), users)
        shared = random.random(count) < self._frequent_share
        return np.where(shared, _HOSTS + self._frequent.draw(random, count), hosts)


class _Choice:
    """Names with weights, of which somebody mostly has the same one."""

    def __init__(self, field: str, weights: Mapping[str, float]) -> None:
        self.pool = Pool.of(field, list(weights))
        self.skew = Skew.weighted(list(weights.values()))

    def settled(
        self,
        owners: NDArray[np.int64],
        purpose: int,
        changed: NDArray[np.bool_],
        random: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Return each owner's own choice, and another one by the weights where it has changed."""
        own = self.skew.ranks(identity.uniform(owners, purpose))
        return np.where(changed, self.skew.draw(random, len(owners)), own)

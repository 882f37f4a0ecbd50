"""The summary of one window of logins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import polars as pl

from stats.distinct import Keys
from stats.ranking import Ranked, merge_rankings
from stats.tables import COUNT, CountTable, top, totals

VERSIONS = CountTable("versions", ("device_type", "app_version"))
LOCALES = CountTable("locales", ("locale",))


class LoginsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums and rankings of a window, or of one key group's part of it.

    Where `devices_exact` or `ips_exact` is false that number is an estimate, and so may the counts
    of `frequent_ips` be too low, by `ips_error` at most. Mergeable as long as the parts have no
    device and no address in common.
    """

    top_k: int
    by_version: dict[str, dict[str, int]]
    """Logins by device type and app version."""
    by_locale: dict[str, int]
    devices: int
    devices_exact: bool
    ips: int
    ips_exact: bool
    ips_error: int
    frequent_ips: list[Ranked]

    @property
    def events(self) -> int:
        """Number of logins."""
        return sum(self.by_device_type.values())

    @property
    def by_device_type(self) -> dict[str, int]:
        """Logins by device type."""
        return {kind: sum(counts.values()) for kind, counts in self.by_version.items()}

    @property
    def app_versions(self) -> list[tuple[str, str, int]]:
        """Device type, app version and logins: by their number, descending, then by name."""
        every = (
            (kind, version, count)
            for kind, counts in self.by_version.items()
            for version, count in counts.items()
        )
        return sorted(every, key=lambda entry: (-entry[2], *entry[:2]))

    def merge(self, other: LoginsSummary) -> LoginsSummary:
        """Add another part of the window up; associative and commutative."""
        return LoginsSummary(
            top_k=self.top_k,
            by_version={
                kind: _added(self.by_version.get(kind, {}), other.by_version.get(kind, {}))
                for kind in self.by_version.keys() | other.by_version.keys()
            },
            by_locale=_added(self.by_locale, other.by_locale),
            devices=self.devices + other.devices,
            devices_exact=self.devices_exact and other.devices_exact,
            ips=self.ips + other.ips,
            ips_exact=self.ips_exact and other.ips_exact,
            # An address is in one part only.
            ips_error=max(self.ips_error, other.ips_error),
            frequent_ips=merge_rankings((self.frequent_ips, other.frequent_ips), self.top_k),
        )


def summarize(
    versions: pl.DataFrame, locales: pl.DataFrame, devices: Keys, ips: Keys, top_k: int
) -> LoginsSummary:
    """Sum one part of a window up: the count tables, and what is known of devices and addresses."""
    by_version: dict[str, dict[str, int]] = {}
    for kind, version, count in versions.select(*VERSIONS.keys, COUNT).iter_rows():
        by_version.setdefault(kind, {})[version] = count
    key = ips.counts.columns[0]
    return LoginsSummary(
        top_k=top_k,
        by_version=by_version,
        by_locale=dict(totals(locales, LOCALES.keys[0]).iter_rows()),
        devices=devices.distinct,
        devices_exact=devices.exact,
        ips=ips.distinct,
        ips_exact=ips.exact,
        ips_error=ips.count_error,
        frequent_ips=[(ip, count) for ip, count in top(ips.counts, key, top_k).iter_rows()],
    )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))

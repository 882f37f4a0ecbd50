"""The summary of one window of processed logins."""

from __future__ import annotations

from collections import Counter

import msgspec
import polars as pl

from stats.tables import COUNT, CountTable, totals

CATEGORY = "device_category"
ANOMALIES = "anomalies"
"""Columns besides the record's own fields: what a device is, and 1 for an anomaly."""

VERSIONS = CountTable("versions", ("app_version", CATEGORY), sums=(ANOMALIES,))


class ProcessedLoginsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a window, or of one key group's part of it."""

    by_app_version: dict[str, int]
    by_category: dict[str, int]
    anomalies: int

    @property
    def events(self) -> int:
        """Number of logins."""
        return sum(self.by_category.values())

    def merge(self, other: ProcessedLoginsSummary) -> ProcessedLoginsSummary:
        """Add another part of the window up; associative and commutative."""
        return ProcessedLoginsSummary(
            by_app_version=dict(Counter(self.by_app_version) + Counter(other.by_app_version)),
            by_category=dict(Counter(self.by_category) + Counter(other.by_category)),
            anomalies=self.anomalies + other.anomalies,
        )


def summarize(versions: pl.DataFrame) -> ProcessedLoginsSummary:
    """Sum one part of a window up from its count table `versions`."""
    version, category = VERSIONS.keys
    return ProcessedLoginsSummary(
        by_app_version=dict(totals(versions, version).select(version, COUNT).iter_rows()),
        by_category=dict(totals(versions, category).select(category, COUNT).iter_rows()),
        anomalies=int(versions[ANOMALIES].sum()),
    )

"""Processed logins: those of android devices, one by one, with what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from dataflows.login_processor import LoginProcessor
from dataflows.logins import Login
from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.environment import MICROSECONDS
from dataflows.streaming.transform import TransformFactory
from sinks.commands import Document, Point
from stats.processed_logins import VERSIONS, ProcessedLoginsSummary, summarize
from stats.tables import CountTable
from tidemark.config import Settings
from tidemark.config.pipelines import ProcessedLoginsSettings
from tidemark.log import get_logger

log = get_logger(__name__)


class ProcessedLogins(Pipeline[ProcessedLoginsSummary]):
    """Each login of the wanted device types to a topic of its own, and per window their counts.

    A record sent on has all fields of the login, `unknown` for each that logins are counted by and
    that is missing or of no use, and `timestamp` (ISO-8601, UTC), `processed_timestamp` (the time
    of day when it was read; a copy after a restart has a later one), `device_category`, `anomaly`
    and `anomaly_reasons` in place of any it had. Its key is its `user_id`, its headers tell where
    it comes from. Records of one source partition share a partition, so the order of each key is
    kept; with as many partitions as the source has, it is the one of the same number.
    """

    name = "processed_logins"
    schema = Login
    summary = ProcessedLoginsSummary
    section: ProcessedLoginsSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        # A late login that is counted after all would have changed the verdicts on those after it.
        self.rebuildable = not self.section.looks_back

    def tables(self) -> Sequence[CountTable]:
        """Count by version and category."""
        return [VERSIONS]

    def wanted(self) -> frozenset[str]:
        """Return the optional fields that are used: those that records are judged by, too."""
        judged = {"device_type", "locale"}
        if self.section.max_locales_per_device is not None:
            judged.add("device_id")
        if self.section.max_logins_per_ip is not None:
            judged.add("ip")
        return super().wanted() | judged

    def transform(self) -> TransformFactory:
        """Return what rates the logins and sends them on."""
        delay_us = round(self.settings.time.out_of_orderness_s * MICROSECONDS)
        return partial(LoginProcessor, self.section, delay_us, self.settings.source.max_id_length)

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> ProcessedLoginsSummary:
        """Sum the table up."""
        return summarize(tables[VERSIONS.name])

    def fields(self, summary: ProcessedLoginsSummary, start: datetime) -> dict[str, object]:
        """Return totals."""
        return {
            "total": summary.events,
            "by_app_version": dict(sorted(summary.by_app_version.items())),
            "by_category": dict(sorted(summary.by_category.items())),
            "anomalies": summary.anomalies,
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per version, and the summary."""
        start = document["timestamp"]
        totals = {name: document[name] for name in ("total", "anomalies")}
        return [
            *(
                Point("processed_logins", start, {"app_version": name}, {"count": count})
                for name, count in document["by_app_version"].items()
            ),
            Point("processed_logins_summary", start, {}, totals),
        ]

    def tell(self, document: Document) -> None:
        """Log the counts by version."""
        log.info(
            "processed_logins",
            window=document["_id"].removeprefix(f"{self.name}/"),
            total=document["total"],
            anomalies=document["anomalies"],
            by_app_version=document["by_app_version"],
        )


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "ProcessedLogins")

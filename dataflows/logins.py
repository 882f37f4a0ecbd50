"""Logins: who logs in, from what devices, with which version, from where, per 30 seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.schema import UNKNOWN, Event, Label, Optional, Timestamp
from sinks.commands import Command, Document, Point, Record, SendRecords
from stats.distinct import KeyTable, keys_of
from stats.logins import LOCALES, VERSIONS, LoginsSummary, summarize
from stats.tables import Table
from tidemark.config import Settings
from tidemark.config.pipelines import LoginsSettings


class Login(Event):
    """A record of the topic. What is missing in it is `unknown`."""

    timestamp: Timestamp
    user_id: Optional = UNKNOWN
    device_type: Label = UNKNOWN
    app_version: Label = UNKNOWN
    locale: Label = UNKNOWN
    device_id: Optional = UNKNOWN
    ip: Optional = UNKNOWN


class Logins(Pipeline[LoginsSummary]):
    """Per window logins by device type, version and locale, and how many devices and addresses.

    Devices and addresses are exact up to `exact_keys`, of which each key group has an equal share;
    a group that has more goes over to a sketch, and then the document says that it is not exact.
    """

    name = "logins"
    schema = Login
    summary = LoginsSummary
    section: LoginsSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        exact_keys = -(-self.section.exact_keys // settings.engine.key_groups)
        self._devices = KeyTable("devices", "device_id", exact_keys, without=UNKNOWN)
        self._ips = KeyTable("ips", "ip", exact_keys, without=UNKNOWN)

    def tables(self) -> Sequence[Table]:
        """Count by device type and version, and by locale; keep devices and addresses."""
        return [VERSIONS, LOCALES, self._devices, self._ips]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> LoginsSummary:
        """Sum the tables up."""
        return summarize(
            tables[VERSIONS.name],
            tables[LOCALES.name],
            keys_of(self._devices, tables[self._devices.name]),
            keys_of(self._ips, tables[self._ips.name]),
            self.section.top_k,
        )

    def fields(self, summary: LoginsSummary, start: datetime) -> dict[str, object]:
        """Return totals, numbers of devices and addresses, and rankings."""
        return {
            "total": summary.events,
            "by_device_type": dict(sorted(summary.by_device_type.items())),
            "by_locale": dict(sorted(summary.by_locale.items())),
            "unique_devices": summary.devices,
            "unique_devices_exact": summary.devices_exact,
            "unique_ips": summary.ips,
            "unique_ips_exact": summary.ips_exact,
            "app_versions": [
                {"device_type": kind, "app_version": version, "count": count}
                for kind, version, count in summary.app_versions
            ],
            "frequent_ips": [{"ip": ip, "count": count} for ip, count in summary.frequent_ips],
            "frequent_ips_error": summary.ips_error,
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per device type, locale and version, and the summary."""
        start = document["timestamp"]
        frequent = document["frequent_ips"]
        return [
            *(
                Point("logins", start, {"device_type": name}, {"count": count})
                for name, count in document["by_device_type"].items()
            ),
            *(
                Point("logins_by_locale", start, {"locale": name}, {"count": count})
                for name, count in document["by_locale"].items()
            ),
            *(
                Point(
                    "logins_by_app_version",
                    start,
                    {name: entry[name] for name in VERSIONS.keys},
                    {"count": entry["count"]},
                )
                for entry in document["app_versions"]
            ),
            Point(
                "logins_summary",
                start,
                {},
                {
                    **{name: document[name] for name in ("total", "unique_devices", "unique_ips")},
                    "max_per_ip": frequent[0]["count"] if frequent else 0,
                },
            ),
        ]

    def records_of(self, document: Document) -> list[Command]:
        """Return the document as JSON, with the window's start as its key."""
        topic = self.section.output_topic
        if topic is None:
            return []
        start = document["_id"].removeprefix(f"{self.name}/")
        return [SendRecords([Record(topic, start.encode(), msgspec.json.encode(document))])]


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Logins")

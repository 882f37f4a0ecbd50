"""Logins: from which devices, places and versions, and which of them are odd."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.boards import Section, board
from grafana.panels import (
    About,
    Steps,
    bars,
    columns,
    descending,
    lines,
    number,
    rows,
    shares,
)
from grafana.queries import InfluxQL, largest, over_range, over_time
from grafana.variables import tag_values

UID: Final = "tidemark-logins"
FREQUENT_IP: Final = 100
"""Logins from one known IP in one window above which it is too frequent."""

_DEVICE: Final = '"device_type"'
_CHOSEN: Final = f"{_DEVICE} =~ /^$device$/"
_LOCALE: Final = '"locale"'
_VERSION: Final = '"app_version"'
_COUNT: Final = 'sum("count")'
_NONE: Final = "No logins in this time range"
_NO_ANDROID: Final = "No android logins in this time range"


class PanelId(IntEnum):
    """Panels of this dashboard."""

    IN_RANGE = 1
    ANOMALIES_IN_RANGE = 2
    ANOMALY_SHARE = 3
    BY_DEVICE = 4
    DEVICES_OVER_TIME = 5
    BY_LOCALE = 6
    LOCALES_OVER_TIME = 7
    BY_VERSION_AND_DEVICE = 8
    UNIQUE = 9
    FREQUENT_IP = 10
    ANOMALIES = 11
    ANDROID_VERSIONS = 12
    ANDROID_OVER_TIME = 13


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return board(
        UID,
        "Tidemark: logins",
        "Logins by device, locale and version; android logins and what is odd about them.",
        [
            Section("Logins", _devices()),
            Section("Places and versions", _places_and_versions()),
            Section("Android and anomalies", _android()),
        ],
        variables=[tag_values("device", "Device", "logins", "device_type")],
        since="now-3h",
        refresh="30s",
    )


def _devices() -> list[Panel]:
    return [
        number(
            About(
                PanelId.IN_RANGE,
                "Logins",
                "Logins of all devices in the chosen time range.",
                "short",
                width=4,
                height=4,
                no_data=_NONE,
            ),
            InfluxQL(over_range('sum("total")', "logins_summary")),
        ),
        number(
            About(
                PanelId.ANOMALIES_IN_RANGE,
                "Anomalies",
                "Android logins from a suspicious locale or odd in another way; the topic "
                "processed-user-login says why.",
                "short",
                width=4,
                height=4,
                steps=Steps(warning=1),
                no_data=_NO_ANDROID,
            ),
            InfluxQL(over_range('sum("anomalies")', "processed_logins_summary")),
        ),
        number(
            About(
                PanelId.ANOMALY_SHARE,
                "Share of anomalies",
                "Anomalies among the android logins.",
                "percentunit",
                width=4,
                height=4,
                decimals=1,
                steps=Steps(warning=0.01, critical=0.1),
                no_data=_NO_ANDROID,
            ),
            InfluxQL(over_range('sum("anomalies") / sum("total")', "processed_logins_summary")),
        ),
        shares(
            About(
                PanelId.BY_DEVICE,
                "Logins by device",
                "How the logins divide among the types of devices.",
                "short",
                width=12,
                no_data=_NONE,
            ),
            InfluxQL(
                over_range(_COUNT, "logins", by=_DEVICE, where=_CHOSEN), alias="$tag_device_type"
            ),
        ),
        lines(
            About(
                PanelId.DEVICES_OVER_TIME,
                "Devices over time",
                "Logins of each type of device in each step, one on top of the other.",
                "short",
                width=12,
                no_data=_NONE,
            ),
            InfluxQL(
                over_time(_COUNT, "logins", by=_DEVICE, where=_CHOSEN), alias="$tag_device_type"
            ),
            stacked=True,
        ),
        lines(
            About(
                PanelId.UNIQUE,
                "Unique devices and IPs",
                "Distinct device ids and IP addresses in a window, on average over the step's "
                "windows; unknown ones are not counted.",
                "short",
                width=12,
                decimals=0,
                no_data=_NONE,
            ),
            InfluxQL(
                over_time(
                    'mean("unique_devices") AS "Devices", mean("unique_ips") AS "IPs"',
                    "logins_summary",
                ),
                alias="$col",
            ),
        ),
    ]


def _places_and_versions() -> list[Panel]:
    return [
        bars(
            About(
                PanelId.BY_LOCALE,
                "Logins by locale",
                "The fifteen locales with the most logins.",
                "short",
                width=8,
                height=10,
                no_data=_NONE,
                transformations=[
                    descending("top"),
                    columns({"locale": "Locale", "top": "Logins"}),
                ],
            ),
            InfluxQL(
                largest(_COUNT, "logins_by_locale", by=_LOCALE, count=15), result_format="table"
            ),
            rows=True,
        ),
        lines(
            About(
                PanelId.LOCALES_OVER_TIME,
                "Locales over time",
                "Logins from each locale in each step, one on top of the other.",
                "short",
                width=8,
                height=10,
                no_data=_NONE,
            ),
            InfluxQL(over_time(_COUNT, "logins_by_locale", by=_LOCALE), alias="$tag_locale"),
            stacked=True,
        ),
        rows(
            About(
                PanelId.BY_VERSION_AND_DEVICE,
                "Logins by version and device",
                "Logins of each version of the app on each type of device, most first.",
                "short",
                width=8,
                height=10,
                no_data=_NONE,
                transformations=[
                    descending("logins"),
                    columns(
                        {"device_type": "Device", "app_version": "Version", "logins": "Logins"}
                    ),
                ],
            ),
            InfluxQL(
                over_range(
                    f'{_COUNT} AS "logins"',
                    "logins_by_app_version",
                    by=f"{_DEVICE}, {_VERSION}",
                    where=_CHOSEN,
                ),
                result_format="table",
            ),
        ),
    ]


def _android() -> list[Panel]:
    return [
        lines(
            About(
                PanelId.ANOMALIES,
                "Anomalies over time",
                "Odd android logins in each step, such as those from a suspicious locale. One is "
                "enough for the alert.",
                "short",
                width=12,
                steps=Steps(warning=1),
                no_data=_NO_ANDROID,
            ),
            InfluxQL(over_time('sum("anomalies")', "processed_logins_summary"), alias="Anomalies"),
            bars=True,
        ),
        lines(
            About(
                PanelId.FREQUENT_IP,
                "Logins of the most frequent IP",
                "Logins from the one known IP address that had the most in a window; the largest "
                "of the step's windows. Above the line the alert fires.",
                "short",
                width=12,
                steps=Steps(critical=FREQUENT_IP),
                no_data=_NONE,
            ),
            InfluxQL(over_time('max("max_per_ip")', "logins_summary"), alias="Most frequent IP"),
            limit_line=True,
        ),
        shares(
            About(
                PanelId.ANDROID_VERSIONS,
                "Android versions",
                "How the android logins divide among the versions of the app.",
                "short",
                width=12,
                no_data=_NO_ANDROID,
            ),
            InfluxQL(over_range(_COUNT, "processed_logins", by=_VERSION), alias="$tag_app_version"),
        ),
        lines(
            About(
                PanelId.ANDROID_OVER_TIME,
                "Android versions over time",
                "Android logins with each version in each step: how far a release has come.",
                "short",
                width=12,
                no_data=_NO_ANDROID,
            ),
            InfluxQL(over_time(_COUNT, "processed_logins", by=_VERSION), alias="$tag_app_version"),
            stacked=True,
        ),
    ]

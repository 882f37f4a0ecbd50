"""Series in InfluxDB: the past that the document store has already forgotten.

InfluxQL over HTTP, which InfluxDB 1 and 2 both answer; its buckets begin at whole multiples of
their length since the epoch, as ours do.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from dashboard.reading.protocol import Bucket
from sinks.store import StoreUnavailable
from tidemark.config import Settings
from tidemark.redaction import redact

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Measurements:
    """Where a type's numbers are: fields of one measurement, and a map by a tag of another."""

    summary: str
    numbers: tuple[str, ...]
    by: tuple[str, str, str, str] | None = None
    """Path of the map in documents; measurement, tag and field in series."""


MEASUREMENTS: Final[dict[str, Measurements]] = {
    "interactions": Measurements(
        "interactions_summary",
        ("total", "users", "items"),
        ("by_type", "interactions", "interaction_type", "count"),
    ),
    "logins": Measurements(
        "logins_summary",
        ("total", "unique_devices", "unique_ips"),
        ("by_device_type", "logins", "device_type", "count"),
    ),
    "processed_logins": Measurements("processed_logins_summary", ("total", "anomalies")),
}
"""The types whose windows have one point of their own, by which windows can be counted."""


class SeriesReader:
    """Reads one database of InfluxDB. Raises StoreUnavailable where it does not answer."""

    def __init__(self, url: str, bucket: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket
        self._token = token
        self.queries = 0

    def sums(self, kind: str, start_s: int, end_s: int, bucket_s: int) -> list[Bucket]:
        """Add windows up by bucket, as `Reader.sums` does; none for types without such points."""
        where = MEASUREMENTS.get(kind)
        if where is None or start_s >= end_s:
            return []
        period = f"time >= {start_s}s AND time < {end_s}s GROUP BY time({bucket_s}s)"
        fields = ", ".join(f'sum("{name}") AS "{name}"' for name in where.numbers)
        count = f'count("{where.numbers[0]}") AS "windows"'
        found = self._ask(f'SELECT {count}, {fields} FROM "{where.summary}" WHERE {period}')
        buckets: dict[int, Bucket] = {}
        for one in found:
            for at, windows, *sums in one["values"]:
                if windows:
                    named = {n: v or 0 for n, v in zip(where.numbers, sums, strict=True)}
                    maps: dict[str, dict[str, float]] = {where.by[0]: {}} if where.by else {}
                    buckets[at] = Bucket(at, windows, named, maps)
        if where.by is not None:
            path, measurement, tag, field = where.by
            asked = f'SELECT sum("{field}") FROM "{measurement}" WHERE {period}, "{tag}"'
            for one in self._ask(asked):
                for at, value in one["values"]:
                    if value and at in buckets:
                        buckets[at].maps[path][one["tags"][tag]] = value
        return [buckets[at] for at in sorted(buckets)]

    def _ask(self, query: str) -> list[dict[str, Any]]:
        self.queries += 1
        database, _, policy = self._bucket.partition("/")
        asked = {"db": database, "epoch": "s", "q": query, **({"rp": policy} if policy else {})}
        request = urllib.request.Request(f"{self._url}/query?{urllib.parse.urlencode(asked)}")
        if self._token:
            request.add_header("Authorization", f"Token {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                (result,) = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            with error:
                raise StoreUnavailable(f"InfluxDB answers {error.code}") from error
        except (OSError, ValueError, KeyError) as error:
            raise StoreUnavailable(redact(f"InfluxDB cannot be read: {error}")) from error
        if "error" in result:
            raise StoreUnavailable(redact(f"InfluxDB refuses the question: {result['error']}"))
        series: list[dict[str, Any]] = result.get("series", [])
        return series


def open_series(settings: Settings) -> SeriesReader | None:
    """Return a reader of the first InfluxDB that series go to; None without one."""
    series = settings.series
    for url in series.urls:
        if url.startswith(("http://", "https://")):
            token = series.influx_token.get_secret_value() if series.influx_token else None
            return SeriesReader(str(url), series.influx_bucket, token)
    return None

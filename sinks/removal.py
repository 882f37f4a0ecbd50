"""Take single points out of a series store: those that a repair leaves without a reason to be.

The live flow never needs this: it only ever adds windows.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sinks.commands import Point
from sinks.points import epoch_s, stored_tags
from sinks.sqlite_rows import point_rows
from sinks.store import StoreRejected, StoreUnavailable
from tidemark.config import Settings
from tidemark.redaction import redact_url

_NOT_FOUND = 404


def remove_points(settings: Settings, url: str, points: Sequence[Point]) -> None:
    """Remove the points with these measurements, times and tags; those that are not there stay so.

    Raises StoreUnavailable or StoreRejected.
    """
    if not points:
        return
    if url.startswith("sqlite:"):
        _from_sqlite(Path(url.removeprefix("sqlite:")), settings.stores.timeout_s, points)
    elif url.startswith(("http://", "https://")):
        remove = _InfluxDB(settings, url)
        for point in points:
            remove(point)


def _from_sqlite(path: Path, timeout_s: float, points: Sequence[Point]) -> None:
    identities = [row[:3] for row in point_rows(points)]
    try:
        with closing(sqlite3.connect(path, timeout=timeout_s)) as connection, connection:
            connection.executemany(
                "DELETE FROM series WHERE measurement = ? AND time = ? AND tags = ?", identities
            )
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be written now: {error}") from error


class _InfluxDB:
    """InfluxDB 2 by its delete API; InfluxDB 1, which has none, by InfluxQL."""

    def __init__(self, settings: Settings, url: str) -> None:
        series = settings.series
        self._url = url.rstrip("/")
        self._org = series.influx_org
        self._bucket = series.influx_bucket
        self._timeout_s = settings.stores.timeout_s
        token = series.influx_token.get_secret_value() if series.influx_token else ""
        self._headers = {"Authorization": f"Token {token}"} if token else {}
        self._has_api = True

    def __call__(self, point: Point) -> None:
        if self._has_api and not self._by_api(point):
            self._has_api = False
        if not self._has_api:
            self._by_query(point)

    def _by_api(self, point: Point) -> bool:
        at = datetime.fromtimestamp(epoch_s(point.timestamp), UTC)
        pairs = {"_measurement": point.measurement, **stored_tags(point)}
        wanted = (f'{name}="{_escaped(value, QUOTE)}"' for name, value in pairs.items())
        body = {
            "start": at.isoformat(),
            "stop": (at + timedelta(milliseconds=500)).isoformat(),
            "predicate": " AND ".join(
                f'{name}="{_escaped(v, QUOTE)}"' for name, v in pairs.items()
            ),
        }
        query = urllib.parse.urlencode({"org": self._org, "bucket": self._bucket})
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = self._post(f"/api/v2/delete?{query}", json.dumps(body).encode(), headers)
        return answer is not None

    def _by_query(self, point: Point) -> None:
        database, _, policy = self._bucket.partition("/")
        tags = "".join(
            f""" AND "{_escaped(name, QUOTE)}" = '{_escaped(value, "'")}'"""
            for name, value in stored_tags(point).items()
        )
        text = (
            f'DELETE FROM "{_escaped(point.measurement, QUOTE)}"'
            f" WHERE time = {epoch_s(point.timestamp)}s{tags}"
        )
        fields = {"db": database, "q": text, **({"rp": policy} if policy else {})}
        answer = self._post("/query", urllib.parse.urlencode(fields).encode(), self._headers)
        said = json.loads(answer or b"{}")
        errors = [each["error"] for each in said.get("results", []) if "error" in each]
        if errors or answer is None:
            reason = errors[0] if errors else "it has no /query"
            raise StoreRejected(f"InfluxDB at {redact_url(self._url)} removes nothing: {reason}")

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes | None:
        """Return the answer; None where the server has no such path."""
        request = urllib.request.Request(f"{self._url}{path}", data=body, headers=headers)
        shown = redact_url(self._url)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace").strip()[:300]
            if error.code == _NOT_FOUND:
                return None
            kind = StoreUnavailable if error.code >= 500 or error.code == 429 else StoreRejected
            raise kind(f"InfluxDB at {shown} removes nothing ({error.code}): {said}") from error
        except OSError as error:
            raise StoreUnavailable(f"InfluxDB at {shown} does not answer: {error}") from error


QUOTE = '"'


def _escaped(text: str, quote: str) -> str:
    return text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")

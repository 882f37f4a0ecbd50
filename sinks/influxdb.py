"""InfluxDB store: time series, in InfluxDB 1.8 or 2.x through the v2 write API.

Delivery guarantee: each request is answered (synchronous mode) before `write` returns, so what
was acknowledged is in the server's write-ahead log. A point has absolute values and its identity
is measurement, tags and time: sent again, it overwrites itself.

A point that InfluxDB refuses for ever (a field that has another type there, older than the
retention allows) is logged and counted in `tidemark_store_refused_points_total`, the others of its
request are stored, and the flow goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError, LocationParseError

from sinks.commands import Command, WritePoints
from sinks.line_protocol import to_line
from sinks.store import StoreRejected, StoreUnavailable, unsupported
from tidemark.log import RateLimited, get_logger
from tidemark.observability.metrics import STORE_REFUSED

# A constant of the client that it declares as its own class and sets to a str.
_PRECISION: Any = WritePrecision.S
_LINES_PER_REQUEST = 5000
_SPLITS_PER_WRITE = 100
_DROPPED = re.compile(r"dropped=(\d+)")
_log = RateLimited(get_logger(__name__), every_s=10.0)


class InfluxDBStore:
    """Points in one bucket; for InfluxDB 1 the bucket is `database` or `database/policy`."""

    def __init__(
        self, url: str, org: str, bucket: str, token: str | None, timeout_s: float = 10.0
    ) -> None:
        self._url = url
        self._org = org
        self._bucket = bucket
        self._token = token
        self._timeout_ms = max(1, round(timeout_s * 1000))
        self._client: InfluxDBClient | None = None
        self._writer: WriteApi | None = None
        self._splits_left = 0

    def open(self) -> None:
        """Connect, and find out with an empty write whether token and bucket are right."""
        self.close()
        self._client = InfluxDBClient(
            url=self._url, token=self._token or "", org=self._org, timeout=self._timeout_ms
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        try:
            self._post([""])
        except _Refused:
            # InfluxDB 2 looks at token and bucket first and only then misses the points.
            return

    def write(self, commands: Sequence[Command]) -> None:
        """Store the points; a point without any finite number has nothing to store."""
        lines: list[str] = []
        for command in commands:
            if not isinstance(command, WritePoints):
                raise unsupported("InfluxDB", command)
            lines += [line for point in command.points if (line := to_line(point)) is not None]
        self._splits_left = _SPLITS_PER_WRITE
        for first in range(0, len(lines), _LINES_PER_REQUEST):
            self._send(lines[first : first + _LINES_PER_REQUEST])

    def flush(self) -> None:
        """Nothing to do: `write` returns after the acknowledgement."""

    def close(self) -> None:
        """Close the connections."""
        writer, self._writer = self._writer, None
        client, self._client = self._client, None
        if writer is not None:
            writer.close()  # type: ignore[no-untyped-call]
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def _send(self, lines: list[str]) -> None:
        """Store lines; where the server refuses a request whole, find the lines it refuses."""
        try:
            self._post(lines)
        except _Refused as refused:
            if refused.points is not None:
                self._report(refused.points, refused.message)
            elif len(lines) == 1:
                self._report(1, refused.message)
            elif self._splits_left <= 0:
                raise StoreRejected(
                    f"InfluxDB at {self._url} refuses request after request: {refused.message}",
                    remedy="check series.urls and series.influx_bucket, and the server's log",
                ) from refused
            else:
                self._splits_left -= 1
                middle = len(lines) // 2
                self._send(lines[:middle])
                self._send(lines[middle:])

    def _report(self, points: int, message: str) -> None:
        reason = "type_conflict" if "type conflict" in message else "refused"
        STORE_REFUSED.labels(self._url, reason).inc(points)
        _log.error(
            "points_refused",
            key=f"{self._url} {reason}",
            store=self._url,
            reason=reason,
            points=points,
            message=message,
        )

    def _post(self, lines: list[str]) -> None:
        if self._writer is None:
            raise RuntimeError("the store is not open")
        with self._errors():
            self._writer.write(
                bucket=self._bucket,
                org=self._org,
                record="\n".join(lines).encode(),
                write_precision=_PRECISION,
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the client's errors into ours."""
        try:
            yield
        except ApiException as error:
            raise self._answered(error) from error
        except LocationParseError as error:
            raise StoreRejected(
                f"InfluxDB has no such address: {self._url}", remedy="check series.urls"
            ) from error
        except (HTTPError, OSError) as error:
            raise StoreUnavailable(f"InfluxDB at {self._url} does not answer: {error}") from error

    def _answered(self, error: ApiException) -> Exception:
        status, message = error.status or 0, _message(error)
        if status in (401, 403):
            return StoreRejected(
                f"InfluxDB at {self._url} refuses the token for bucket {self._bucket!r} "
                f"({status}): {message}",
                remedy="set INFLUX_TOKEN to a token that may write there "
                "(user:password for InfluxDB 1)",
            )
        database, _, policy = self._bucket.partition("/")
        if "retention policy not found" in message:
            return StoreRejected(
                f"InfluxDB at {self._url} has no retention policy {policy!r} in {database!r}: "
                f"{message}",
                remedy=f"make it, or set series.influx_bucket to {database}",
            )
        if status == 404:
            return StoreRejected(
                f"InfluxDB at {self._url} has no bucket {self._bucket!r} ({status}): {message}",
                remedy=f"make it: CREATE DATABASE {database} (InfluxDB 1) or "
                f"influx bucket create -n {self._bucket} (InfluxDB 2); "
                "or set series.influx_bucket and series.influx_org",
            )
        if status == 429 or status >= 500 or status in (0, 408):
            return StoreUnavailable(
                f"InfluxDB at {self._url} cannot write now ({status}): {message}",
                retry_after_s=_retry_after_s(error),
            )
        return _Refused(message, _dropped(message))


class _Refused(Exception):
    """The server refused points: so many and took the rest, or (None) the request whole."""

    def __init__(self, message: str, points: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.points = points


def _dropped(message: str) -> int | None:
    if "partial write" not in message:
        return None
    match = _DROPPED.search(message)
    # Lines that do not parse are left out of "dropped", yet the rest was stored.
    return max(1, int(match[1])) if match else 1


def _message(error: ApiException) -> str:
    body = error.body or error.reason or ""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        answer = json.loads(text)
    except ValueError:
        return text.strip()[:500]
    if isinstance(answer, dict):
        text = str(answer.get("message") or answer.get("error") or text)
    return text.strip()[:500]


def _retry_after_s(error: ApiException) -> float | None:
    """Return the wait that the server asked for: seconds, or until an HTTP date."""
    value = error.headers.get("Retry-After") if error.headers else None
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())

"""History: any period of any type, in as many points as fit on a screen, and as CSV."""

from __future__ import annotations

import csv
import io
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dashboard.reading import Reader, Source
from dashboard.reading.protocol import Bucket, Sums
from dashboard.reading.series import SeriesReader
from dashboard.state import State
from sinks.store import StoreUnavailable
from tidemark.errors import EXIT_USAGE, TidemarkError

MOST_POINTS = 400
_LENGTHS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200),
    *(10_800, 21_600, 43_200, 86_400, 604_800),
)
_MOST_TOO_LONG = 3
_MOST_HELD = 32
_SETTLES_S = 600


class BadPeriod(TidemarkError):
    """The period that is asked for is none."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Measures:
    """What a type has: sums over a bucket, means per window, quotients of sums, maps of sums."""

    sums: tuple[str, ...]
    means: tuple[str, ...] = ()
    quotients: tuple[tuple[str, str, str], ...] = ()
    maps: tuple[tuple[str, str | None], ...] = ()


MEASURES: dict[str, Measures] = {
    "interactions": Measures(
        ("total",),
        ("users", "items"),
        (("avg_per_user", "total", "users"), ("avg_per_item", "total", "items")),
        (("by_type", None),),
    ),
    "logins": Measures(
        ("total",), ("unique_devices", "unique_ips"), (), (("by_device_type", None),)
    ),
    "processed_logins": Measures(("total", "anomalies"), (), (), (("by_category", None),)),
    "activity": Measures(
        ("total", "purchase_amount"), ("users", "sessions"), (), (("by_activity_type", None),)
    ),
    "sales": Measures(
        ("transactions", "quantity", "revenue"), (), (), (("by_category", "revenue"),)
    ),
    "inventory": Measures((), ("products", "low_stock", "out_of_stock")),
    "sessions": Measures(("sessions",)),
}


def bucket_length_s(period_s: int, window_s: int) -> int:
    """Return a length that is whole windows and gives at most `MOST_POINTS`: the shortest usual
    one, unless that is far longer than needed.
    """
    needed_s = window_s * max(1, -(-period_s // (window_s * MOST_POINTS)))
    for length_s in _LENGTHS_S:
        if needed_s <= length_s <= _MOST_TOO_LONG * needed_s and length_s % window_s == 0:
            return length_s
    return needed_s


class History:
    """Answers about periods; the same question is put to the store once a refresh."""

    def __init__(
        self,
        source: Source,
        state: State,
        series: SeriesReader | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._series = series
        self._state = state
        self._clock = clock
        self._held: OrderedDict[tuple[str, int, int, int], tuple[float, dict[str, Any]]] = (
            OrderedDict()
        )

    async def period(self, kind: str, start_s: int, end_s: int) -> dict[str, Any]:
        """Return the columns of a period [start, end), widened to whole buckets.

        Raises BadPeriod, TooLong, StoreUnavailable.
        """
        if kind not in MEASURES:
            raise BadPeriod(f"there is no history of {kind!r}", remedy=", ".join(MEASURES))
        if not 0 <= start_s < end_s <= 253_402_300_799:
            raise BadPeriod("the period ends before it begins", remedy="choose another one")
        info = next(each for each in self._state.pipelines if each.name == kind)
        newest = self._state.windows.newest(kind)
        window_s = info.window_s or 1
        if newest is not None:
            window_s = max(1, (newest["window_end"] - newest["timestamp"]) // 1000)
        length_s = bucket_length_s(end_s - start_s, window_s)
        first_s = start_s // length_s * length_s
        last_s = min(-(-end_s // length_s) * length_s, 253_402_300_799)
        name = kind, first_s, last_s, length_s
        held = self._held.get(name)
        # What has long been final is repaired at most, and need not be read again at once.
        fresh_s = 60.0 if last_s < self._clock() - _SETTLES_S else self._state.refresh_s
        if held is not None and self._clock() - held[0] < fresh_s:
            return held[1]
        answer = await self._source.ask(lambda reader: _read(reader, self._series, *name))
        self._held[name] = self._clock(), answer
        while len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)
        return answer


def _read(
    reader: Reader,
    series: SeriesReader | None,
    kind: str,
    start_s: int,
    end_s: int,
    length_s: int,
) -> dict[str, Any]:
    measures = MEASURES[kind]
    wanted = Sums((*measures.sums, *measures.means), measures.maps)
    buckets = reader.sums(kind, wanted, start_s, end_s, length_s)
    trouble = None
    if series is not None:
        bounds = reader.bounds(kind)
        # The oldest document may be the last one left of its bucket.
        known_s = end_s if bounds is None else bounds[0] // 1000 // length_s * length_s + length_s
        try:
            older = series.sums(kind, start_s, min(known_s, end_s), length_s)
        except StoreUnavailable as error:
            trouble = error.message
        else:
            replaced = {bucket.start_s for bucket in older}
            kept = [bucket for bucket in buckets if bucket.start_s not in replaced]
            buckets = sorted([*older, *kept], key=lambda bucket: bucket.start_s)
    columns: dict[str, list[float | None]] = {}
    for name in measures.sums:
        columns[name] = [_exact(bucket.numbers[name]) for bucket in buckets]
    for name, above, below in measures.quotients:
        columns[name] = [_quotient(b.numbers[above], b.numbers[below]) for b in buckets]
    for name in measures.means:
        columns[name] = [_quotient(bucket.numbers[name], bucket.windows) for bucket in buckets]
    groups = {path: _columns_of(path, buckets) for path, _ in measures.maps}
    return {
        "kind": kind,
        "start": start_s * 1000,
        "end": end_s * 1000,
        "bucket_s": length_s,
        "times": [bucket.start_s * 1000 for bucket in buckets],
        "windows": [bucket.windows for bucket in buckets],
        "columns": columns,
        "means": list(measures.means),
        "groups": groups,
        "trouble": trouble,
    }


def as_csv(period: dict[str, Any]) -> str:
    """Return the columns of a period as CSV: one row per bucket, times in UTC.

    Names out of the data are headings behind the name of their map, so that no spreadsheet takes
    one for a formula.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    groups = [
        (f"{path}.{name}", column)
        for path, columns in period["groups"].items()
        for name, column in columns.items()
    ]
    plain = list(period["columns"].items())
    names = [name for name, _ in (*plain, *groups)]
    writer.writerow(["start", "windows", *names])
    for row, at_ms in enumerate(period["times"]):
        start = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = [column[row] for _, column in (*plain, *groups)]
        writer.writerow([start, period["windows"][row], *values])
    return out.getvalue()


def _columns_of(path: str, buckets: list[Bucket]) -> dict[str, list[float]]:
    totals: dict[str, float] = {}
    for bucket in buckets:
        for name, value in bucket.maps[path].items():
            totals[name] = totals.get(name, 0) + value
    names = sorted(totals, key=lambda name: (-totals[name], name))
    return {name: [_exact(b.maps[path].get(name, 0)) for b in buckets] for name in names}


def _exact(value: float) -> float:
    """Return a whole number as one; money as cents, which sums of binary floats miss."""
    return int(value) if float(value).is_integer() else round(value, 2)


def _quotient(above: float, below: float) -> float | None:
    return round(above / below, 6) if below else None

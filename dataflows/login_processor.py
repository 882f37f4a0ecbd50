"""What becomes of single logins: those of some devices are kept, rated and sent on, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.login_fields import Completer, Fields, text_of
from dataflows.streaming.deadletters import SOURCE_OFFSET, source_headers
from dataflows.streaming.schema import UNKNOWN
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.transform import Records, Transformed
from dataflows.streaming.watermark import BEGINNING_US
from sinks.commands import Record, SendRecords
from stats.device_categories import Categories
from stats.login_rules import LoginRules
from stats.processed_logins import ANOMALIES, CATEGORY
from tidemark.config.pipelines import ProcessedLoginsSettings

_SUSPICIOUS = ("suspicious_locale",)

# Other values stay as they were written, whatever is in them: no number is too long or rounded.
_decode: Callable[[bytes], Fields] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def wall_clock() -> datetime:
    """Return the time of day."""
    return datetime.fromtimestamp(time.time(), UTC)


class LoginProcessor:
    """The transform of one partition. It has a state only for the rules that look back."""

    def __init__(
        self,
        section: ProcessedLoginsSettings,
        out_of_orderness_us: int,
        max_length: int,
        state: dict[str, Any] | None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._topic = section.output_topic
        self._taken = frozenset(name.casefold() for name in section.device_types)
        self._categories = Categories(section.categories)
        self._suspicious = frozenset(section.suspicious_locales)
        self._out_of_orderness_us = out_of_orderness_us
        self._complete = Completer(max_length).complete
        self._clock = clock
        self._max_event_us = BEGINNING_US
        self._rules: LoginRules | None = None
        if section.looks_back:
            if state is not None:
                self._max_event_us = state["max_event_us"]
            self._rules = LoginRules(
                section.window_s * 1_000_000,
                section.max_locales_per_device,
                section.max_logins_per_ip,
                state and state["rules"],
            )

    def apply(self, records: Records) -> Transformed:
        """Keep the logins of the wanted devices; late ones are sent on, too."""
        # Decoded here, not in calls from here: how deep a record may be nested depends on the depth
        # of calls, and what the reader could decode must not be too much now.
        types = _Texts(records, "device_type")
        rows = types.unknown()
        types.ask(rows, list(map(_decode, _values(records, rows))))
        keep = types.that(lambda name: not self._taken or name.casefold() in self._taken)
        locales = _Texts(records, "locale")
        rows = locales.unknown(keep)
        locales.ask(rows, list(map(_decode, _values(records, rows))))

        rows = np.flatnonzero(keep)
        categories = [self._categories.of(name).value for name in types.names]
        reasons = self._reasons(records, rows, locales)
        anomalies = np.zeros(len(records), np.int64)
        anomalies[rows] = list(map(bool, reasons))
        now = self._clock().isoformat().replace("+00:00", "Z")
        first = records.message(0)
        source, partition = source_headers(first)[:-1], first.partition()
        out = []
        for position, at, code, why in zip(
            records.positions[rows].tolist(),
            _readable(records.event_time_us[rows]),
            types.codes[rows].tolist(),
            reasons,
            strict=True,
        ):
            message = records.messages[position]
            login = _decode(message.value() or b"")
            key = self._complete(login)
            login["timestamp"] = at
            login["processed_timestamp"] = now
            login["device_category"] = categories[code]
            login["anomaly"] = bool(why)
            login["anomaly_reasons"] = why
            headers = (*source, (SOURCE_OFFSET, b"%d" % (message.offset() or 0)))
            out.append(Record(self._topic, key, _encode(login), headers, partition))
        return Transformed(
            columns={
                CATEGORY: pa.array(categories, pa.string()).take(pa.array(types.codes)),
                ANOMALIES: pa.array(anomalies),
            },
            keep=keep,
            commands=[SendRecords(out)] if out else [],
        )

    def state(self) -> dict[str, Any] | None:
        """Return what the rules have to remember; None without any."""
        if self._rules is None:
            return None
        return {"max_event_us": self._max_event_us, "rules": self._rules.state()}

    def _reasons(
        self, records: Records, rows: Int64Array, locales: _Texts
    ) -> list[tuple[str, ...]]:
        """Return why each of `rows` is an anomaly; empty: it is none."""
        suspicious = locales.that(self._suspicious.__contains__)[rows].tolist()
        reasons: list[tuple[str, ...]] = [_SUSPICIOUS if is_so else () for is_so in suspicious]
        if self._rules is None:
            return reasons
        furthest = np.maximum.accumulate(np.append([self._max_event_us], records.event_time_us))
        watermarks_us = furthest - self._out_of_orderness_us
        self._max_event_us = int(furthest[-1])
        for place, event in enumerate(
            zip(
                records.event_time_us[rows].tolist(),
                watermarks_us[rows].tolist(),
                _known(records, "device_id", rows),
                [None if name == UNKNOWN else name for name in locales.of(rows)],
                _known(records, "ip", rows),
                strict=True,
            )
        ):
            found = self._rules.judge(*event)
            if found:
                reasons[place] = (*reasons[place], *found)
        self._rules.forget(int(watermarks_us[-1]))
        return reasons


class _Texts:
    """A column of labels as codes of their distinct names, those past the cap among them.

    The cap on distinct names is for what is counted: what becomes of a record must follow from that
    record alone. So where the column says `unknown` the record itself is asked.
    """

    def __init__(self, records: Records, column: str) -> None:
        encoded = records.columns[column].dictionary_encode()
        self._column = column
        self.names: list[str] = encoded.dictionary.to_pylist()
        self.codes: Int64Array = encoded.indices.to_numpy().astype(np.int64)

    def unknown(self, among: npt.NDArray[np.bool_] | bool = True) -> Int64Array:
        """Return the rows in which there is no name."""
        return np.flatnonzero(self.that(UNKNOWN.__eq__) & among)

    def ask(self, rows: Int64Array, originals: Sequence[Fields]) -> None:
        """Take the names of rows from their original records, where those have one."""
        numbers = {name: number for number, name in enumerate(self.names)}
        for row, original in zip(rows.tolist(), originals, strict=True):
            name = text_of(original.get(self._column))
            if name:
                self.codes[row] = numbers.setdefault(name, len(numbers))
        self.names = list(numbers)

    def that(self, holds: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """Tell for each row whether something holds of its name."""
        return np.array([holds(name) for name in self.names], bool)[self.codes]

    def of(self, rows: Int64Array) -> list[str]:
        """Return the names of rows."""
        return [self.names[code] for code in self.codes[rows].tolist()]


def _values(records: Records, rows: Int64Array) -> Iterator[bytes]:
    """Yield the messages' values of rows."""
    return (records.message(row).value() or b"" for row in rows.tolist())


def _known(records: Records, name: str, rows: Int64Array) -> list[str | None]:
    """Return an optional field of rows, None where it is missing; all None if nobody wants it."""
    if name not in records.columns:
        return [None] * len(rows)
    texts = records.columns[name].take(pa.array(rows)).to_pylist()
    return [None if text == UNKNOWN else text for text in texts]


def _readable(times_us: Int64Array) -> list[str]:
    """Return times as ISO-8601 in UTC, with a fraction where there is one."""
    texts = np.datetime_as_string(times_us.astype("datetime64[us]"), timezone="UTC")
    return [text.replace(".000000Z", "Z") for text in texts.tolist()]

"""Fetches records that were late on arrival from Kafka again, to send them to the late topic.

What travels to the windows is counted already, so the bytes of such a record are no longer at hand.
The case is rare (an origin that wakes behind its closed windows), and this way it costs the common
one nothing.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from dataflows.streaming.deadletters import late_record
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.parcels import LateOnArrival
from dataflows.streaming.reader import TopicSpec
from dataflows.streaming.transform import Records
from dataflows.streaming.watermark import window_start_us
from sinks.commands import Record
from tidemark.errors import TidemarkError
from tidemark.log import get_logger

_GIVE_UP_AFTER_S = 30.0
_DELETED = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)

log = get_logger(__name__)


class LateRecordsUnreadable(TidemarkError):
    """Late records can not be fetched now."""


class LateFetcher:
    """Reads ranges of a topic again. The consumer is made when it is first needed."""

    def __init__(
        self, spec: TopicSpec, pipeline: str, key: str, key_groups: int, client: dict[str, Any]
    ) -> None:
        self._spec = spec
        self._pipeline = pipeline
        self._key = key
        self._key_groups = key_groups
        self._client = client

    def fetch(self, late: LateOnArrival) -> list[Record]:
        """Return the records for the late topic.

        Records that retention has deleted meanwhile are counted as late, and logged as missing.
        Raises LateRecordsUnreadable when the broker does not give them: the flow stops then, and
        fetches them after the next start, when the same records are late again.
        """
        consumer = Consumer(
            {
                **self._client,
                "group.id": "tidemark-late",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
            }
        )
        try:
            messages = self._read(consumer, late)
        finally:
            consumer.close()
        records = self._select(messages, late)
        if len(records) != late.records:
            log.error("late_records_missing", expected=late.records, found=len(records))
        return records

    def _read(self, consumer: Consumer, late: LateOnArrival) -> list[Message]:
        consumer.assign([TopicPartition(self._spec.topic, late.origin, late.first_offset)])
        messages: list[Message] = []
        last_error = "it did not answer"
        deadline_s = time.monotonic() + _GIVE_UP_AFTER_S
        while time.monotonic() < deadline_s:
            for message in consumer.consume(late.next_offset - late.first_offset, timeout=0.2):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() in _DELETED:
                    return messages
                else:
                    last_error = error.str()
            if messages and (messages[-1].offset() or 0) + 1 >= late.next_offset:
                return [m for m in messages if (m.offset() or 0) < late.next_offset]
        raise LateRecordsUnreadable(
            f"the broker has not given the offsets {late.first_offset} to {late.next_offset - 1} of"
            f" partition {late.origin} of topic {self._spec.topic} again within"
            f" {_GIVE_UP_AFTER_S:g} s: {last_error}",
            remedy="see the broker's log; the next start resumes at the last snapshot",
        )

    def _select(self, messages: list[Message], late: LateOnArrival) -> list[Record]:
        spec = self._spec
        window_us = spec.windows_us[self._pipeline]
        now_us = time.time_ns() // 1_000
        fetched = FetchedMessages(messages)
        decoded = spec.decoder().decode(fetched.values, now_us, fetched.broker_times())
        times, columns = decoded.event_time_us, decoded.columns
        keep = np.ones(len(times), bool)
        if self._pipeline in spec.transforms and len(times):
            # What it keeps depends on the record alone, so a transform without a past will do.
            transform = spec.transforms[self._pipeline](None)
            found = transform.apply(Records(columns, times, messages, decoded.positions))
            columns = {**columns, **found.columns}
            keep = keep if found.keep is None else found.keep
        before = np.concatenate([np.array([late.max_event_before_us], np.int64), times[:-1]])
        own_watermarks = np.maximum.accumulate(before) - spec.out_of_orderness_us
        groups = key_groups_of(columns[self._key], self._key_groups)
        records = []
        for row, time_us in enumerate(times.tolist()):
            start_us = window_start_us(time_us, window_us)
            own_late = start_us + window_us <= own_watermarks[row]
            wanted = keep[row] and groups[row] == late.group and start_us in late.starts_us
            if wanted and not own_late:
                message = messages[int(decoded.positions[row])]
                window = (self._pipeline, start_us)
                records.append(late_record(message, [window], late.watermark_us))
        return records

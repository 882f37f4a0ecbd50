"""Rejected and late records: unchanged, and all of one source partition in one place."""

from __future__ import annotations

import pytest

from dataflows.streaming.deadletters import late_record, rejected_records
from dataflows.streaming.rejects import Reason, Reject
from sinks.commands import Record
from tests.dataflows.streaming.making import FakeMessage


def letter_of(kind: str, message: FakeMessage) -> Record:
    if kind == "dlq":
        reject = Reject(0, Reason.INVALID_JSON, "no")
        (letter,) = rejected_records(
            message.topic(),
            message.partition(),
            [reject],
            [(message.offset(), message.key(), message.value())],
        )
        return letter
    return late_record(message, [("clicks", 0)], 1)


@pytest.mark.parametrize("kind", ["dlq", "late"])
@pytest.mark.parametrize("key", [None, b"", b"a key"])
def test_letters_ask_for_their_source_partition_whatever_their_key(
    kind: str, key: bytes | None
) -> None:
    letter = letter_of(kind, FakeMessage(41, b"{", key, "clicks", 7))
    assert (letter.topic, letter.partition) == (f"clicks.{kind}", 7)
    assert (letter.key, letter.value) == (key, b"{")

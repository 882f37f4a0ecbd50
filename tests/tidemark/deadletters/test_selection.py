"""Which letters are meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidemark.deadletters.letters import Letter
from tidemark.deadletters.selection import Selection, WrongCondition, parse_conditions


def letter(reason: str = "invalid_json", partition: int = 0, at_ms: int | None = 1_000) -> Letter:
    return Letter(0, 0, at_ms, b"k1", b"", (partition, 7), "clicks", reason)


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ([], True),
        (["reason=invalid_json"], True),
        (["reason=too_large"], False),
        (["reason=too_large", "reason=invalid_json"], True),
        (["reason=invalid_json", "partition=1"], False),
        (["partition=0", "key=k1"], True),
        (["key="], False),
    ],
)
def test_conditions_of_one_field_are_alternatives_and_fields_add_up(
    conditions: list[str], taken: bool
) -> None:
    assert Selection(parse_conditions(conditions)).takes(letter()) == taken


@pytest.mark.parametrize("text", ["reason", "colour=red", "=x", ""])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(WrongCondition, match="no condition"):
        parse_conditions([text])


@pytest.mark.parametrize(
    ("at_ms", "taken"), [(999, False), (1_000, True), (1_999, True), (2_000, False), (None, False)]
)
def test_a_period_holds_its_beginning_and_not_its_end(at_ms: int | None, taken: bool) -> None:
    period = Selection({}, datetime.fromtimestamp(1, UTC), datetime.fromtimestamp(2, UTC))
    assert period.takes(letter(at_ms=at_ms)) == taken

"""Which letters are meant: `reason=invalid_schema`, `partition=0`, `key=u1`, in a period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tidemark.deadletters.letters import Letter
from tidemark.errors import EXIT_USAGE, TidemarkError

FIELDS = ("reason", "partition", "key")


class WrongCondition(TidemarkError):
    """A condition that can not be understood."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Selection:
    """Letters that meet a condition of every field named, and came in [since, until).

    `partition` is that of the source topic; the time is that of the letter: when it was rejected.
    """

    conditions: dict[str, frozenset[str]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, letter: Letter) -> bool:
        """Tell whether a letter is meant; one without a time is in no period."""
        if self.since is not None and not (_at_ms(letter) >= _ms(self.since)):
            return False
        if self.until is not None and not (-1 < _at_ms(letter) < _ms(self.until)):
            return False
        return all(_value(letter, name) in wanted for name, wanted in self.conditions.items())


def parse_conditions(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    """Read `field=value` texts; several values of one field: any of them. Raises WrongCondition."""
    found: dict[str, set[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in FIELDS:
            raise WrongCondition(
                f"--where {text!r} is no condition",
                remedy=f"write FIELD=VALUE, where FIELD is one of: {', '.join(FIELDS)}",
            )
        found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


def _value(letter: Letter, name: str) -> str | None:
    if name == "reason":
        return letter.reason
    if name == "partition":
        return None if letter.source is None else str(letter.source[0])
    return None if letter.key is None else letter.key.decode("utf-8", "backslashreplace")


def _at_ms(letter: Letter) -> int:
    return -1 if letter.timestamp_ms is None else letter.timestamp_ms


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

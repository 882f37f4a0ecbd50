"""A rule as it is watched: where its values are, whether it holds, and what is said."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dataflows.alerting.machine import Change, Number, Terms
from dataflows.alerts import Alert, Rule
from dataflows.streaming.environment import MICROSECONDS
from dataflows.streaming.timestamps import iso, moment
from tidemark.config.alerts import RuleSettings
from tidemark.messages import printable

HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
"""How a value, or a column of values, is compared with the threshold."""

CENTS = 100


@dataclass(frozen=True, slots=True)
class OfTable:
    """The value of a key is the sum of a column over its rows in a table of the closed window.

    With `name` only over the rows in which the second key is that. Columns of money are in cents.
    """

    table: str
    key: str
    column: str
    in_cents: bool = False
    second_key: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class OfDocument:
    """The value is at a path in the window's document.

    With `each` there is a map at the path, whose keys are the subjects; the value of each is what
    it has, or has at `inner`.
    """

    path: tuple[str, ...]
    each: bool = False
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchedRule:
    """A rule over the windows of one pipeline."""

    settings: RuleSettings
    window_s: int
    source: OfTable | OfDocument

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    @property
    def kind(self) -> str:
        """What its subjects are: state about others would have no meaning."""
        return f"{self.settings.pipeline} per {self.settings.per}"

    @property
    def threshold(self) -> Number:
        """What values are held against, as a whole number where it is one."""
        threshold = self.settings.threshold
        return int(threshold) if threshold.is_integer() else threshold

    @property
    def terms(self) -> Terms:
        """When its alerts begin and end."""
        return Terms(
            self.window_s * MICROSECONDS,
            self.settings.for_windows,
            round(self.settings.cooldown_s * MICROSECONDS),
        )

    def holds(self, value: Number) -> bool:
        """Tell whether the rule holds for a value."""
        return bool(HOLDS[self.settings.op](value, self.settings.threshold))

    def alert(self, change: Change) -> Alert:
        """Return what is told of a change."""
        settings = self.settings
        template = settings.message if change.state == "begin" else settings.end_message
        message = template.format(
            rule=settings.name,
            subject=printable(change.subject),
            value=_shown(change.value),
            threshold=_shown(self.threshold),
            op=settings.op,
            metric=settings.metric,
            pipeline=settings.pipeline,
            window_start=iso(change.start_us),
            window_s=self.window_s,
        )
        return Alert(
            rule=Rule(settings.name, settings.severity),
            subject=change.subject,
            state=change.state,
            value=change.value,
            threshold=self.threshold,
            message=message,
            pipeline=settings.pipeline,
            window_start=moment(change.start_us),
            window_s=self.window_s,
        )


class _Float(float):
    """A number that is written with six digits after the point at most, unless said otherwise."""

    def __format__(self, form: str) -> str:
        if form:
            return super().__format__(form)
        return f"{float(self):.6f}".rstrip("0").rstrip(".")


def _shown(value: Number) -> Number:
    return _Float(value) if isinstance(value, float) else value

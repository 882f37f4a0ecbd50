"""When an alert begins and ends: the state of one rule, subject by subject. Knows no stream.

An alert of a subject begins when the rule has held for it in `for_windows` windows without a gap,
and ends in the first window in which it does not hold, or in which the subject (or any event) is
missing. After an end it does not begin again before `cooldown_us` of event time have passed.

Guarantee: what comes out depends on the windows alone, not on how often `pass_to` is called between
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dataflows.alerts import State

Number: TypeAlias = int | float
Packed: TypeAlias = tuple[str, int, int, bool, int]
"""A subject and what is known of it, as a snapshot has it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When an alert begins and ends."""

    window_us: int
    for_windows: int = 1
    cooldown_us: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """That an alert of a subject began or ended in a window.

    `value` is 0 at an end for want of the subject.
    """

    subject: str
    state: State
    start_us: int
    value: Number


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a subject: one that is pending, active or cooling down."""

    streak: int
    """In how many windows in a row the rule has held, `for_windows` at most."""
    last_us: int
    """The last of them."""
    active: bool
    quiet_until_us: int
    """No alert begins in a window before this."""


_NEVER_US = -(1 << 62)


class Machine:
    """The state of one rule in one key group, or over whole windows."""

    def __init__(self, terms: Terms, state: Iterable[Packed] = ()) -> None:
        self._terms = terms
        self._known = {packed[0]: _Known(*packed[1:]) for packed in state}

    @property
    def subjects(self) -> KeysView[str]:
        """The subjects whose value in the next window matters even where the rule does not hold."""
        return self._known.keys()

    def snapshot(self) -> list[Packed]:
        """Return the state as plain values."""
        return [
            (subject, each.streak, each.last_us, each.active, each.quiet_until_us)
            for subject, each in self._known.items()
        ]

    def pass_to(self, start_us: int) -> list[Change]:
        """Take note that all windows before this one are over, by time and subject."""
        found = []
        for subject, known in list(self._known.items()):
            missing_us = known.last_us + self._terms.window_us
            if known.streak and missing_us < start_us:
                found += self._stop(subject, known, missing_us, 0)
            self._forget(subject, start_us)
        return sorted(found, key=lambda change: (change.start_us, change.subject))

    def take(
        self, start_us: int, holding: Mapping[str, Number], others: Mapping[str, Number]
    ) -> list[Change]:
        """Take the next window, by subject.

        `holding` are the values for which the rule holds; `others` may say what else subjects have.
        """
        found = self.pass_to(start_us)
        return [*found, *sorted(self._taken(start_us, holding, others), key=_subject)]

    def _taken(
        self, start_us: int, holding: Mapping[str, Number], others: Mapping[str, Number]
    ) -> Iterator[Change]:
        for subject in [name for name in self._known if name not in holding]:
            yield from self._stop(subject, self._known[subject], start_us, others.get(subject, 0))
            self._forget(subject, start_us + self._terms.window_us)
        for subject, value in holding.items():
            known = self._known.get(subject) or _Known(0, start_us, False, _NEVER_US)
            streak = min(known.streak + 1, self._terms.for_windows)
            begins = (
                not known.active
                and streak >= self._terms.for_windows
                and start_us >= known.quiet_until_us
            )
            active = known.active or begins
            self._known[subject] = _Known(streak, start_us, active, known.quiet_until_us)
            if begins:
                yield Change(subject, "begin", start_us, value)

    def _stop(self, subject: str, known: _Known, start_us: int, value: Number) -> list[Change]:
        """Take note that the rule does not hold for a subject in a window."""
        quiet_until_us = known.quiet_until_us
        if known.active:
            quiet_until_us = start_us + self._terms.cooldown_us
        self._known[subject] = _Known(0, known.last_us, False, quiet_until_us)
        return [Change(subject, "end", start_us, value)] if known.active else []

    def _forget(self, subject: str, next_start_us: int) -> None:
        """Forget a subject that is as good as new in all windows from this one on."""
        known = self._known[subject]
        if not known.streak and known.quiet_until_us <= next_start_us:
            del self._known[subject]


def _subject(change: Change) -> str:
    return change.subject

"""Following windows by rules: those of one key group by its tables, whole ones by documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from dataflows.alerting.machine import Machine, Number
from dataflows.alerting.rule import CENTS, HOLDS, OfDocument, OfTable, WatchedRule
from dataflows.alerts import Alert
from dataflows.streaming.parcels import ClosedWindow, Closing
from dataflows.streaming.summary import Finals, WindowSummary
from dataflows.streaming.watermark import END_US
from dataflows.streaming.windows import StateMismatchError
from sinks.commands import Document

STATE_VERSION = 1

Values: TypeAlias = tuple[Mapping[str, Number], Mapping[str, Number]]
"""The values of the subjects for which a rule holds, and those of others."""


class _Watches:
    """Rules with a machine each. A rule that is new, or of other subjects, begins from nothing."""

    def __init__(self, rules: Iterable[WatchedRule], state: dict[str, Any] | None) -> None:
        if state is not None and state["version"] != STATE_VERSION:
            raise StateMismatchError(state, {"version": STATE_VERSION})
        kept = {} if state is None else state["rules"]
        self.each: list[tuple[WatchedRule, Machine]] = []
        for rule in rules:
            kind, known = kept.get(rule.name, (rule.kind, ()))
            self.each.append((rule, Machine(rule.terms, known if kind == rule.kind else ())))

    def snapshot(self) -> dict[str, Any]:
        rules = {rule.name: (rule.kind, machine.snapshot()) for rule, machine in self.each}
        return {"version": STATE_VERSION, "rules": rules}

    def pass_to(self, watermark_us: int) -> list[Alert]:
        """Return the alerts that end because all windows up to the watermark are over."""
        found = []
        for rule, machine in self.each:
            window_us = rule.terms.window_us
            over = watermark_us >= END_US
            start_us = END_US if over else watermark_us // window_us * window_us
            found += [rule.alert(change) for change in machine.pass_to(start_us)]
        return found


class KeyRules:
    """Follows the closed windows of a key group: rules over each key of its tables.

    Exact for every key. Kept are the subjects for which a rule holds, or has held within its
    cooldown.
    """

    def __init__(self, rules: Iterable[WatchedRule], state: dict[str, Any] | None = None) -> None:
        self._watches = _Watches(rules, state)

    def absorb(self, closing: Closing) -> list[list[Alert]]:
        """Take closed windows in; return the alerts that begin or end, if any do."""
        found: list[Alert] = []
        for window in closing.windows:
            known: dict[OfTable, pl.DataFrame] = {}
            for rule, machine in self._watches.each:
                source = rule.source
                assert isinstance(source, OfTable)
                if source not in known:
                    known[source] = _totals(source, window)
                holding, others = _of_totals(rule, known[source], machine.subjects)
                changes = machine.take(window.start_us, holding, others)
                found += [rule.alert(change) for change in changes]
        found += self._watches.pass_to(closing.watermark_us)
        return [found] if found else []

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return self._watches.snapshot()


class DocumentRules:
    """Follows the final windows of a pipeline: rules over their documents."""

    def __init__(
        self,
        rules: Iterable[WatchedRule],
        document: Callable[[WindowSummary[Any]], Document],
        state: dict[str, Any] | None = None,
    ) -> None:
        self._watches = _Watches(rules, state)
        self._document = document

    def absorb(self, finals: Finals[Any]) -> list[list[Alert]]:
        """Take final windows in; return the alerts that begin or end, if any do."""
        found: list[Alert] = []
        for window in finals.windows:
            if not window.summary.events:
                continue
            document = self._document(window)
            for rule, machine in self._watches.each:
                assert isinstance(rule.source, OfDocument)
                holding, others = _of_document(rule, rule.source, document)
                changes = machine.take(window.start_us, holding, others)
                found += [rule.alert(change) for change in changes]
        found += self._watches.pass_to(finals.watermark_us)
        return [found] if found else []

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return self._watches.snapshot()


def _totals(source: OfTable, window: ClosedWindow) -> pl.DataFrame:
    """Return the value of each key: columns `key`, `value`."""
    rows = window.tables[source.table]
    if source.second_key:
        rows = rows.filter(pl.col(source.second_key) == source.name)
    value = pl.col(source.column).sum()
    totals = rows.group_by(pl.col(source.key).alias("key")).agg(
        (value / CENTS if source.in_cents else value).alias("value")
    )
    # A sketch has rows without a key.
    return totals.drop_nulls("key")


def _of_totals(rule: WatchedRule, totals: pl.DataFrame, subjects: KeysView[str]) -> Values:
    holds: pl.Series = HOLDS[rule.settings.op](totals["value"], rule.settings.threshold)
    holding: dict[str, Number] = dict(totals.filter(holds).iter_rows())
    missing = subjects - holding.keys()
    if not missing:
        return holding, {}
    known = pl.DataFrame({"key": list(missing)}, schema={"key": pl.String})
    return holding, dict(totals.join(known, on="key").iter_rows())


def _of_document(rule: WatchedRule, source: OfDocument, document: Document) -> Values:
    if source.each:
        there = _at(document, source.path)
        values = {key: _number(_at(each, source.inner)) for key, each in there.items()}
    else:
        values = {rule.settings.pipeline: _number(_at(document, source.path))}
    holding = {subject: value for subject, value in values.items() if rule.holds(value)}
    return holding, values


def _at(value: Any, path: Sequence[str]) -> Any:
    """Return what is at a path; nothing there is None."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> Number:
    """Return a value as it is; what a map of counts does not have was counted no time."""
    return 0 if value is None else value

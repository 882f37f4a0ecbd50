"""From settings to rules: where a pipeline has the metric that a rule names.

What a pipeline has is found out from a sample: one made-up row in each table, summed up.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from dataflows.alerting.rule import OfDocument, OfTable, WatchedRule
from dataflows.streaming.parcels import NOTHING_ASIDE
from dataflows.streaming.schema import Role, fields_of
from dataflows.streaming.summary import WindowSummary
from stats.distinct import KeyTable
from stats.tables import COUNT, CountTable
from tidemark.config import Settings
from tidemark.config.alerts import RuleSettings
from tidemark.errors import ConfigError, Problem
from tidemark.log import get_logger

if TYPE_CHECKING:
    from dataflows.pipeline import Pipeline

_SAMPLE = "sample"

log = get_logger(__name__)


class _Unfit(Exception):
    """A rule that its pipeline has nothing for."""

    def __init__(self, field: str, expected: str, remedy: str = "") -> None:
        super().__init__(expected)
        self.field = field
        self.expected = expected
        self.remedy = remedy


def _unfit(field: str, found: str, known: Iterable[str], or_else: str = "") -> _Unfit:
    words = list(dict.fromkeys(known))
    close = difflib.get_close_matches(found, words, n=1)
    return _Unfit(
        field,
        f"{or_else}one of {', '.join(words)}",
        f"did you mean {close[0]}?" if close else "",
    )


def check_rules(settings: Settings, pipelines: Iterable[Pipeline[Any]]) -> None:
    """Raise ConfigError with all that is wrong with the rules; `pipelines` are all there are.

    A rule that is not enabled is checked as well.
    """
    scopes = {pipeline.name: _Scope(pipeline) for pipeline in pipelines}
    problems = []
    for number, rule in enumerate(settings.alerts.rules):
        try:
            if rule.pipeline not in scopes:
                raise _unfit("pipeline", rule.pipeline, scopes)
            scopes[rule.pipeline].source(rule)
        except _Unfit as unfit:
            found = repr(getattr(rule, unfit.field))
            path = f"alerts.rules[{number}].{unfit.field}"
            told = f"rule {rule.name}"
            problems.append(Problem(path, found, unfit.expected, unfit.remedy, told))
    if problems:
        raise ConfigError(problems)


def tell_of_resting_rules(settings: Settings, running: Iterable[Pipeline[Any]]) -> None:
    """Say which enabled rules nobody evaluates, for their pipeline does not run."""
    names = {pipeline.name for pipeline in running}
    for rule in settings.alerts.rules:
        if rule.enabled and rule.pipeline not in names:
            log.warning("rule_rests", rule=rule.name, pipeline=rule.pipeline)


def rules_of(pipeline: Pipeline[Any]) -> list[WatchedRule]:
    """Return the enabled rules over a pipeline's windows, which have been checked."""
    rules = [
        rule
        for rule in pipeline.settings.alerts.rules
        if rule.enabled and rule.pipeline == pipeline.name
    ]
    scope = _Scope(pipeline)
    return [WatchedRule(rule, pipeline.window_s, scope.source(rule)) for rule in rules]


class _Scope:
    """What rules over one pipeline may name."""

    def __init__(self, pipeline: Pipeline[Any]) -> None:
        self._pipeline = pipeline

    def source(self, rule: RuleSettings) -> OfTable | OfDocument:
        """Return where a rule's values are. Raises _Unfit."""
        if rule.per is None:
            return OfDocument(self._path(rule, self._document, rule.metric))
        tables = list(self._tables_by(rule.per))
        if tables:
            return self._of_tables(rule, tables)
        field = f"by_{rule.per}"
        there = self._document.get(field)
        if not isinstance(there, Mapping) or _SAMPLE not in there:
            raise _unfit("per", rule.per, self._subjects(), "null or ")
        each = there[_SAMPLE]
        if isinstance(each, Mapping):
            return OfDocument((field,), each=True, inner=self._path(rule, each, rule.metric))
        if rule.metric != COUNT:
            raise _unfit("metric", rule.metric, [COUNT])
        return OfDocument((field,), each=True)

    @cached_property
    def _document(self) -> dict[str, Any]:
        """A window's document, with one of everything in it."""
        pipeline = self._pipeline
        tables = {
            table.name: table.close(_one_row(table.merge([])))[0] for table in pipeline.tables()
        }
        try:
            summary = pipeline.summarize(tables)
            document = pipeline.document(WindowSummary(0, 0, summary, NOTHING_ASIDE))
        except Exception as error:
            raise _Unfit(
                "pipeline",
                "a pipeline whose fields can be found out from one made-up event"
                f" ({type(error).__name__}: {error})",
                "a rule with per over a key of its tables needs no fields",
            ) from error
        return {name: value for name, value in document.items() if name not in pipeline.some_of}

    def _tables_by(self, per: str) -> Iterator[CountTable | KeyTable]:
        for table in self._pipeline.tables():
            if isinstance(table, CountTable | KeyTable) and table.texts[0] in (per, f"{per}_id"):
                yield table

    def _subjects(self) -> list[str]:
        keys = [
            table.texts[0].removesuffix("_id")
            for table in self._pipeline.tables()
            if isinstance(table, CountTable | KeyTable)
        ]
        maps = [
            name.removeprefix("by_")
            for name, value in self._document.items()
            if name.startswith("by_") and isinstance(value, Mapping) and _is_open(value)
        ]
        return list(dict.fromkeys([*keys, *maps]))

    def _of_tables(self, rule: RuleSettings, tables: list[CountTable | KeyTable]) -> OfTable:
        column, _, name = rule.metric.partition(".")
        for table in tables:
            keys = table.keys if isinstance(table, CountTable) else table.texts
            sums = table.sums if isinstance(table, CountTable) else ()
            if column in (COUNT, *sums) and (not name or len(keys) == 2):
                second = keys[1] if name else ""
                return OfTable(table.name, keys[0], column, self._is_money(column), second, name)
        raise _unfit("metric", rule.metric, _metrics(tables))

    def _is_money(self, column: str) -> bool:
        return any(
            field.name == column and field.role in (Role.MONEY, Role.OPTIONAL_MONEY)
            for field in fields_of(self._pipeline.schema)
        )

    def _path(self, rule: RuleSettings, inside: Mapping[str, Any], dotted: str) -> tuple[str, ...]:
        """Return the path of a number. Names may hold dots: the rest of a path is tried whole."""
        found = _walk(inside, dotted)
        if found is None:
            raise _unfit("metric", dotted, _numbers(inside))
        return found


def _walk(inside: object, dotted: str) -> tuple[str, ...] | None:
    if not isinstance(inside, Mapping):
        return None
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        name, rest = ".".join(parts[:end]), ".".join(parts[end:])
        value = inside.get(name, inside.get(_SAMPLE) if _is_open(inside) else None)
        if not rest and _is_number(value):
            return (name,)
        deeper = _walk(value, rest) if rest else None
        if deeper is not None:
            return (name, *deeper)
    return None


def _numbers(inside: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the paths of all numbers, with NAME for what is named by the data."""
    for name, value in inside.items():
        shown = f"{before}{'NAME' if name == _SAMPLE else name}"
        if _is_number(value):
            yield shown
        elif isinstance(value, Mapping):
            yield from _numbers(value, f"{shown}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_open(value: Mapping[str, Any]) -> bool:
    """Tell whether the keys of a map are names that come from the data."""
    return _SAMPLE in value


def _metrics(tables: Iterable[CountTable | KeyTable]) -> Iterator[str]:
    for table in tables:
        columns = (COUNT, *table.sums) if isinstance(table, CountTable) else (COUNT,)
        yield from columns
        if isinstance(table, CountTable) and len(table.keys) == 2:
            for column in columns:
                yield f"{column}.{table.keys[1].upper()}"


def _one_row(empty: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of one row, of a table's own columns."""
    row = {
        name: _SAMPLE if kind == pl.String else None if name == "slot" else 1
        for name, kind in empty.schema.items()
    }
    return pl.DataFrame([row], schema=empty.schema)

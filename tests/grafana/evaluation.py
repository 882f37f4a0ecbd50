"""Expressions as Grafana evaluates them: reduce, math and threshold over labelled series.

Follows the documented semantics: no series at all is "no data", and so is everything that is made
of it; numbers meet where their labels are equal or those of one are among those of the other;
comparisons give 1 or 0; a strict reduction of a series with a missing value is not a number.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.grafana.tree import Json

Labels: TypeAlias = frozenset[tuple[str, str]]
NO_LABELS: Labels = frozenset()


@dataclass(frozen=True)
class Series:
    """Values in order of time."""

    labels: Labels
    values: Sequence[float | None]


@dataclass(frozen=True)
class Number:
    """One value."""

    labels: Labels
    value: float


Result: TypeAlias = list[Series] | list[Number]


def evaluate(
    steps: Sequence[Json], ask: Callable[[Json], list[Series]]
) -> dict[str, list[Series] | list[Number]]:
    """Return the result of each step by its refId; `ask` runs the queries among them."""
    results: dict[str, list[Series] | list[Number]] = {}
    for step in steps:
        if step["datasource"]["type"] == "__expr__":
            results[step["refId"]] = _expression(step, results)
        else:
            results[step["refId"]] = ask(step)
    return results


def _expression(step: Json, results: dict[str, list[Series] | list[Number]]) -> list[Number]:
    if step["type"] == "reduce":
        series = [each for each in results[step["expression"]] if isinstance(each, Series)]
        return [Number(each.labels, _reduce(step["reducer"], each.values)) for each in series]
    if step["type"] == "threshold":
        (condition,) = step["conditions"]
        kind, (limit,) = condition["evaluator"]["type"], condition["evaluator"]["params"]
        compare = {"gt": operator.gt, "lt": operator.lt}[kind]
        numbers = _numbers(results[step["expression"]])
        return [Number(each.labels, float(compare(each.value, limit))) for each in numbers]
    assert step["type"] == "math", step
    formula = re.sub(r"\$(\w+)", r"\1", step["expression"])
    found = _calculate(ast.parse(formula, mode="eval").body, results)
    assert isinstance(found, list)
    return found


def _reduce(how: str, values: Sequence[float | None]) -> float:
    numbers = [math.nan if value is None else value for value in values] or [math.nan]
    if how == "last":
        return numbers[-1]
    if any(map(math.isnan, numbers)):
        return math.nan
    match how:
        case "sum":
            return sum(numbers)
        case "max":
            return max(numbers)
    raise AssertionError(f"no such reducer: {how}")


_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else math.copysign(math.inf, a) if a else math.nan,
    ast.GtE: lambda a, b: float(a >= b),
    ast.Gt: lambda a, b: float(a > b),
    ast.Lt: lambda a, b: float(a < b),
}


def _calculate(
    node: ast.expr, results: dict[str, list[Series] | list[Number]]
) -> float | list[Number]:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return _numbers(results[name])
        case ast.BinOp(left=a, op=op, right=b) | ast.Compare(left=a, ops=[op], comparators=[b]):
            left, right = _calculate(a, results), _calculate(b, results)
            return _apply(_OPERATORS[type(op)], left, right)
    raise AssertionError(f"not in this arithmetic: {ast.dump(node)}")


def _apply(
    function: Callable[[float, float], float],
    left: float | list[Number],
    right: float | list[Number],
) -> float | list[Number]:
    if isinstance(left, list) and isinstance(right, list):
        return [
            Number(a.labels | b.labels, function(a.value, b.value))
            for a in left
            for b in right
            if a.labels <= b.labels or b.labels <= a.labels
        ]
    if isinstance(left, list):
        assert isinstance(right, float)
        return [Number(each.labels, function(each.value, right)) for each in left]
    if isinstance(right, list):
        return [Number(each.labels, function(left, each.value)) for each in right]
    return function(left, right)


def _numbers(result: list[Series] | list[Number]) -> list[Number]:
    numbers = [each for each in result if isinstance(each, Number)]
    assert len(numbers) == len(result), "a series where a number belongs"
    return numbers

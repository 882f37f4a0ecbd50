"""The tests' own evaluator of expressions."""

from __future__ import annotations

import math

import pytest

from tests.grafana.evaluation import NO_LABELS, Number, Series, evaluate
from tests.grafana.tree import Json

A = frozenset({("item", "a")})
B = frozenset({("item", "b")})
SOURCE = {"type": "influxdb"}
EXPRESSION = {"type": "__expr__"}


def reduced(how: str, *values: float | None) -> float:
    steps: list[Json] = [
        {"refId": "A", "datasource": SOURCE},
        {
            "refId": "B",
            "datasource": EXPRESSION,
            "type": "reduce",
            "expression": "A",
            "reducer": how,
        },
    ]
    (number,) = evaluate(steps, lambda _: [Series(NO_LABELS, values)])["B"]
    assert isinstance(number, Number)
    return number.value


def calculated(formula: str, **numbers: list[Number]) -> list[Number]:
    steps: list[Json] = [
        {
            "refId": f"{name}R",
            "datasource": EXPRESSION,
            "type": "reduce",
            "expression": name,
            "reducer": "last",
        }
        for name in numbers
    ]
    series = {name: [Series(n.labels, [n.value]) for n in ns] for name, ns in numbers.items()}
    queries: list[Json] = [{"refId": name, "datasource": SOURCE} for name in numbers]
    for name in numbers:
        formula = formula.replace(f"${name}", f"${name}R")
    last: Json = {"refId": "Z", "datasource": EXPRESSION, "type": "math", "expression": formula}
    found = evaluate([*queries, *steps, last], lambda query: series[query["refId"]])["Z"]
    return [number for number in found if isinstance(number, Number)]


@pytest.mark.parametrize(("how", "expected"), [("sum", 6.0), ("last", 1.0), ("max", 3.0)], ids=str)
def test_a_series_becomes_one_number(how: str, expected: float) -> None:
    assert reduced(how, 2, 3, 1) == expected


def test_a_missing_value_spoils_a_strict_reduction() -> None:
    assert math.isnan(reduced("sum", 1, None))
    assert math.isnan(reduced("max", None, 1))
    assert math.isnan(reduced("last", 1, None))
    assert reduced("last", None, 1) == 1


def test_numbers_meet_by_their_labels() -> None:
    many, one = [Number(A, 1.0), Number(B, 2.0)], [Number(NO_LABELS, 10.0)]
    assert calculated("$X * $Y", X=many, Y=one) == [Number(A, 10.0), Number(B, 20.0)]
    assert calculated("$X + $Y", X=many, Y=[Number(B, 1.0)]) == [Number(B, 3.0)]


def test_what_is_made_of_no_data_is_no_data() -> None:
    assert calculated("$X + 1", X=[]) == []
    assert calculated("$X + $Y", X=[Number(A, 1.0)], Y=[]) == []


def test_comparisons_are_numbers_and_division_by_zero_is_not_an_error() -> None:
    assert calculated("($X >= 2) * $X", X=[Number(A, 2.0), Number(B, 1.0)]) == [
        Number(A, 2.0),
        Number(B, 0.0),
    ]
    assert calculated("1 / $X", X=[Number(A, 0.0)]) == [Number(A, math.inf)]

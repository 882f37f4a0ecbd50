"""Rules of the settings: where their values are, and what is said where there are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataflows.alerting.resolve import check_rules, rules_of
from dataflows.alerting.rule import OfDocument, OfTable
from dataflows.catalog import every
from tidemark.config import Settings, load_settings
from tidemark.errors import ConfigError

RULE = {"name": "r", "pipeline": "interactions", "metric": "total", "op": ">", "threshold": 3}


def settings_with(*rules: dict[str, Any]) -> Settings:
    named = [{**RULE, "name": f"r{number}", **rule} for number, rule in enumerate(rules)]
    return load_settings(None, {"TIDEMARK_ALERTS__RULES": json.dumps(named)}, dotenv=None)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({"metric": "avg_per_user"}, OfDocument(("avg_per_user",))),
        ({"metric": "rejected"}, OfDocument(("rejected",))),
        ({"metric": "max_item.count"}, OfDocument(("max_item", "count"))),
        ({"metric": "by_type.purchase"}, OfDocument(("by_type", "purchase"))),
        ({"metric": "by_type.a.b"}, OfDocument(("by_type", "a.b"))),
        (
            {"pipeline": "sales", "metric": "by_category.a.b.revenue"},
            OfDocument(("by_category", "a.b", "revenue")),
        ),
        ({"per": "type", "metric": "count"}, OfDocument(("by_type",), each=True)),
        (
            {"pipeline": "inventory", "per": "warehouse", "metric": "low_stock"},
            OfDocument(("by_warehouse",), each=True, inner=("low_stock",)),
        ),
        ({"per": "user", "metric": "count"}, OfTable("user_types", "user_id", "count")),
        (
            {"per": "item_id", "metric": "count.add.to.cart"},
            OfTable(
                "item_types",
                "item_id",
                "count",
                second_key="interaction_type",
                name="add.to.cart",
            ),
        ),
        (
            {"pipeline": "sales", "per": "product", "metric": "total_amount"},
            OfTable("products", "product_id", "total_amount", in_cents=True),
        ),
        (
            {"pipeline": "sales", "per": "store", "metric": "quantity"},
            OfTable("stores", "store_id", "quantity"),
        ),
        ({"pipeline": "logins", "per": "ip", "metric": "count"}, OfTable("ips", "ip", "count")),
        (
            {"pipeline": "logins", "per": "device", "metric": "count"},
            OfTable("devices", "device_id", "count"),
        ),
        (
            {"pipeline": "sessions", "metric": "mean_length_s"},
            OfDocument(("mean_length_s",)),
        ),
    ],
)
def test_a_metric_is_found_where_it_is_exact(
    rule: dict[str, Any], source: OfTable | OfDocument
) -> None:
    settings = settings_with(rule)
    pipelines = every(settings)
    check_rules(settings, pipelines)
    assert [each.source for pipeline in pipelines for each in rules_of(pipeline)] == [source]


def test_all_problems_are_told_at_once() -> None:
    settings = settings_with(
        {"pipeline": "interaction"},
        {"metric": "totals", "enabled": False},
        {"per": "items"},
        {"per": "item", "metric": "total"},
        {"metric": "max_item.item_id"},
        {"metric": "day_type"},
        {"pipeline": "sales", "metric": "by_product.lamp.revenue"},
    )
    with pytest.raises(ConfigError) as error:
        check_rules(settings, every(settings))
    assert [problem.path for problem in error.value.problems] == [
        "alerts.rules[0].pipeline",
        "alerts.rules[1].metric",
        "alerts.rules[2].per",
        "alerts.rules[3].metric",
        "alerts.rules[4].metric",
        "alerts.rules[5].metric",
        "alerts.rules[6].metric",
    ]
    told = {problem.path: problem for problem in error.value.problems}
    assert told["alerts.rules[0].pipeline"].remedy == "did you mean interactions?"
    assert told["alerts.rules[1].metric"].remedy == "did you mean total?"
    assert told["alerts.rules[2].per"].expected == "null or one of user, item, type, type_share"
    assert told["alerts.rules[3].metric"].expected == "one of count, count.INTERACTION_TYPE"


def test_a_rule_that_is_not_enabled_is_not_watched() -> None:
    settings = settings_with({"enabled": False}, {})
    (interactions, *_) = every(settings)
    assert [rule.name for rule in rules_of(interactions)] == ["r1"]


def test_a_pipeline_that_can_not_be_asked_is_a_problem_of_its_rule() -> None:
    settings = settings_with({}, {"per": "user", "metric": "count"})
    (interactions, *others) = every(settings)

    class Broken(type(interactions)):  # type: ignore[misc]
        def fields(self, *_: object) -> dict[str, object]:
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ConfigError, match="ZeroDivisionError: division by zero") as error:
        check_rules(settings, [Broken(settings), *others])
    assert [problem.path for problem in error.value.problems] == ["alerts.rules[0].pipeline"]

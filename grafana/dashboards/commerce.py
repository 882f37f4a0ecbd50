"""Commerce: what is sold where and how it is paid, what users do, and what runs out."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.boards import Section, board
from grafana.panels import (
    About,
    Steps,
    bars,
    columns,
    descending,
    lines,
    number,
    on_the_right,
    shares,
)
from grafana.queries import InfluxQL, largest, over_range, over_time
from grafana.variables import tag_values

UID: Final = "tidemark-commerce"
MONEY: Final = "locale"
"""Money is a number here: the sales do not say in which currency they are."""

_CATEGORY: Final = '"category"'
_CHOSEN: Final = f"{_CATEGORY} =~ /^$category$/"
_REVENUE: Final = 'sum("revenue")'
_NO_SALES: Final = "No sales in this time range"
_NO_STOCK: Final = "No stock updates in this time range"


class PanelId(IntEnum):
    """Panels of this dashboard."""

    REVENUE = 1
    TRANSACTIONS = 2
    QUANTITY = 3
    BASKET = 4
    SALES_OVER_TIME = 5
    BY_CATEGORY = 6
    BY_PAYMENT = 7
    BY_STORE = 8
    CATEGORIES_OVER_TIME = 9
    ACTIVITY = 10
    ACTIVITY_OVER_TIME = 11
    LOW_STOCK = 12
    OUT_OF_STOCK = 13
    STOCK_NOW = 14
    FUNNEL = 15
    SESSIONS = 16
    SESSION_LENGTH = 17


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return board(
        UID,
        "Tidemark: commerce",
        "Sales by category, payment method and store; what users do; stock that runs out.",
        [
            Section("Sales", _sales()),
            Section("Where and how", _divided()),
            Section("Activity", _activity()),
            Section("Funnel and sessions", _funnel_and_sessions()),
            Section("Stock", _stock()),
        ],
        variables=[tag_values("category", "Category", "sales_by_category", "category")],
    )


def _sales() -> list[Panel]:
    def total(panel: PanelId, title: str, description: str, unit: str, select: str) -> Panel:
        about = About(panel, title, description, unit, width=6, height=4, no_data=_NO_SALES)
        return number(about, InfluxQL(over_range(select, "sales_by_category", where=_CHOSEN)))

    return [
        total(
            PanelId.REVENUE,
            "Revenue",
            "Sum of the sales' total amounts in the chosen time range and categories.",
            MONEY,
            _REVENUE,
        ),
        total(
            PanelId.TRANSACTIONS,
            "Transactions",
            "Sales in the chosen time range and categories.",
            "short",
            'sum("transactions")',
        ),
        total(
            PanelId.QUANTITY,
            "Items sold",
            "Pieces sold in the chosen time range and categories.",
            "short",
            'sum("quantity")',
        ),
        total(
            PanelId.BASKET,
            "Revenue per transaction",
            "Average amount of one sale in the chosen time range and categories.",
            MONEY,
            'sum("revenue") / sum("transactions")',
        ),
        lines(
            About(
                PanelId.SALES_OVER_TIME,
                "Revenue and transactions over time",
                "Revenue (left) and number of sales (right) in each step.",
                MONEY,
                width=24,
                no_data=_NO_SALES,
                overrides=[on_the_right("Transactions", "short")],
            ),
            InfluxQL(
                over_time(
                    f'{_REVENUE} AS "Revenue", sum("transactions") AS "Transactions"',
                    "sales_by_category",
                    where=_CHOSEN,
                ),
                alias="$col",
            ),
        ),
    ]


def _divided() -> list[Panel]:
    return [
        bars(
            About(
                PanelId.BY_CATEGORY,
                "Revenue by category",
                "The ten categories with the most revenue.",
                MONEY,
                width=8,
                no_data=_NO_SALES,
                transformations=[
                    descending("top"),
                    columns({"category": "Category", "top": "Revenue"}),
                ],
            ),
            InfluxQL(
                largest(_REVENUE, "sales_by_category", by=_CATEGORY, count=10, where=_CHOSEN),
                result_format="table",
            ),
            rows=True,
        ),
        shares(
            About(
                PanelId.BY_PAYMENT,
                "Revenue by payment method",
                "How the revenue of all categories divides among the ways to pay.",
                MONEY,
                width=8,
                no_data=_NO_SALES,
            ),
            InfluxQL(
                over_range(_REVENUE, "sales_by_payment_method", by='"payment_method"'),
                alias="$tag_payment_method",
            ),
        ),
        bars(
            About(
                PanelId.BY_STORE,
                "Revenue by store",
                "The ten stores with the most revenue, all categories.",
                MONEY,
                width=8,
                no_data=_NO_SALES,
                transformations=[
                    descending("top"),
                    columns({"store_id": "Store", "top": "Revenue"}),
                ],
            ),
            InfluxQL(
                largest(_REVENUE, "sales_by_store", by='"store_id"', count=10),
                result_format="table",
            ),
            rows=True,
        ),
        lines(
            About(
                PanelId.CATEGORIES_OVER_TIME,
                "Revenue by category over time",
                "Revenue of each category in each step, one on top of the other.",
                MONEY,
                width=24,
                no_data=_NO_SALES,
            ),
            InfluxQL(
                over_time(_REVENUE, "sales_by_category", by=_CATEGORY, where=_CHOSEN),
                alias="$tag_category",
            ),
            stacked=True,
        ),
    ]


def _activity() -> list[Panel]:
    none = "No activity in this time range"
    by = '"activity_type"'
    return [
        shares(
            About(
                PanelId.ACTIVITY,
                "Activity by type",
                "How the activity divides among its types.",
                "short",
                width=10,
                no_data=none,
            ),
            InfluxQL(over_range('sum("count")', "activity", by=by), alias="$tag_activity_type"),
        ),
        lines(
            About(
                PanelId.ACTIVITY_OVER_TIME,
                "Activity over time",
                "Activity of each type in each step, one on top of the other.",
                "short",
                width=14,
                no_data=none,
            ),
            InfluxQL(over_time('sum("count")', "activity", by=by), alias="$tag_activity_type"),
            stacked=True,
        ),
    ]


def _funnel_and_sessions() -> list[Panel]:
    none = "No sessions in this time range"
    return [
        bars(
            About(
                PanelId.FUNNEL,
                "Funnel",
                "Users who got as far as each step within a window, added up over the windows.",
                "short",
                width=8,
                no_data="No funnel in this time range",
                transformations=[
                    descending("users"),
                    columns({"step": "Step", "users": "Users"}),
                ],
            ),
            InfluxQL(
                over_range('sum("users") AS "users"', "funnel", by='"step"'), result_format="table"
            ),
            rows=True,
        ),
        lines(
            About(
                PanelId.SESSIONS,
                "Sessions",
                "Sessions that ended in each step.",
                "short",
                width=8,
                no_data=none,
            ),
            InfluxQL(over_time('sum("sessions")', "sessions_summary"), alias="Sessions"),
            bars=True,
        ),
        lines(
            About(
                PanelId.SESSION_LENGTH,
                "Length of sessions",
                "How long the sessions that ended lasted, on average over the step's windows, and "
                "the longest of them.",
                "s",
                width=8,
                no_data=none,
            ),
            InfluxQL(
                over_time(
                    'mean("mean_length_s") AS "Average", max("max_length_s") AS "Longest"',
                    "sessions_summary",
                ),
                alias="$col",
            ),
        ),
    ]


def _stock() -> list[Panel]:
    note = "Counted are the products that were updated in a window, per warehouse"
    return [
        bars(
            About(
                PanelId.STOCK_NOW,
                "Low or out in the newest window",
                "Products at or below their reorder level, or sold out, in each category's newest "
                f"window. {note}.",
                "short",
                width=8,
                steps=Steps(warning=1),
                no_data=_NO_STOCK,
            ),
            InfluxQL(
                'SELECT last("short") FROM (SELECT "low_stock" + "out_of_stock" AS "short" FROM '
                f'"inventory_summary" WHERE $timeFilter AND {_CHOSEN}) GROUP BY "category"',
                alias="$tag_category",
            ),
            calc="lastNotNull",
        ),
        *(
            lines(
                About(
                    panel,
                    title,
                    f"{what}, the most of the step's windows. {note}.",
                    "short",
                    width=8,
                    steps=steps,
                    no_data=_NO_STOCK,
                ),
                InfluxQL(
                    over_time(f'max("{column}")', "inventory_summary", by=_CATEGORY, where=_CHOSEN),
                    alias="$tag_category",
                ),
                bars=True,
                stacked=True,
            )
            for panel, title, what, column, steps in (
                (
                    PanelId.LOW_STOCK,
                    "Low stock",
                    "Products at or below their reorder level, yet not sold out",
                    "low_stock",
                    Steps(warning=1),
                ),
                (
                    PanelId.OUT_OF_STOCK,
                    "Out of stock",
                    "Products with nothing left",
                    "out_of_stock",
                    Steps(critical=1),
                ),
            )
        ),
    ]

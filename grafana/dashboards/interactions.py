"""Interactions: who does what with which item, how often."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.boards import Section, board
from grafana.panels import About, Steps, bars, columns, descending, lines, number, shares
from grafana.queries import InfluxQL, largest, math, over_range, over_time, summed
from grafana.variables import tag_value, tag_values

UID: Final = "tidemark-interactions"
ITEM_SPIKE: Final = 500
"""Interactions with one item in one window above which it is a spike."""

_TYPE: Final = '"interaction_type"'
_CHOSEN: Final = f"{_TYPE} =~ /^$type$/"
_NAMED: Final = "$tag_interaction_type"
_COUNT: Final = 'sum("count")'
_NONE: Final = "No interactions in this time range"


class PanelId(IntEnum):
    """Panels of this dashboard."""

    SO_FAR = 1
    CURRENT_HOUR = 2
    DAY_TYPE = 3
    OVER_TIME = 4
    SHARES = 5
    TOP_TYPES = 6
    PURCHASES = 7
    RATIOS = 8
    PER_USER = 9
    PER_ITEM = 10
    TOP_ITEMS = 11
    USERS_AND_ITEMS = 12
    TYPES_OVER_TIME = 13
    IN_RANGE = 14


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return board(
        UID,
        "Tidemark: interactions",
        "What users do with which items, per window and type.",
        [
            Section("Interactions", _totals()),
            Section("By type", _by_type()),
            Section("By user and item", _by_user_and_item()),
        ],
        variables=[
            tag_values("type", "Type", "interactions", "interaction_type"),
            tag_value("base", "Ratio to", "interactions", "interaction_type", "view"),
        ],
    )


def _totals() -> list[Panel]:
    return [
        number(
            About(
                PanelId.SO_FAR,
                "Total interactions so far",
                "All that is stored, whatever the time range. Not in it: what retention has "
                "deleted.",
                "short",
                width=4,
                height=4,
                no_data="No interactions yet",
            ),
            InfluxQL('SELECT sum("total") FROM "interactions_summary"'),
        ),
        number(
            About(
                PanelId.CURRENT_HOUR,
                "Current hour",
                "Interactions since the full hour (UTC) at the end of the time range.",
                "short",
                width=4,
                height=4,
                no_data="None in the last hour",
            ),
            InfluxQL(
                'SELECT sum("total") FROM "interactions_summary" WHERE $timeFilter '
                "GROUP BY time(1h) fill(0)"
            ),
            time_from="1h",
        ),
        number(
            About(
                PanelId.IN_RANGE,
                "In this time range",
                "Interactions in the chosen time range.",
                "short",
                width=4,
                height=4,
                no_data=_NONE,
            ),
            InfluxQL(over_range('sum("total")', "interactions_summary")),
        ),
        shares(
            About(
                PanelId.DAY_TYPE,
                "Weekday against weekend",
                "Interactions on weekdays and on Saturday and Sunday, in the time zone of the "
                "setting time.time_zone. Choose whole weeks to compare.",
                "short",
                width=12,
                no_data=_NONE,
            ),
            InfluxQL(over_range(_COUNT, "interactions", by='"day_type"'), alias="$tag_day_type"),
        ),
        lines(
            About(
                PanelId.OVER_TIME,
                "Interactions over time",
                "Interactions in each step. The last step grows until its last window has closed.",
                "short",
                width=24,
                no_data=_NONE,
            ),
            InfluxQL(over_time('sum("total")', "interactions_summary"), alias="Interactions"),
        ),
    ]


def _by_type() -> list[Panel]:
    everything = over_time(_COUNT, "interactions", by=_TYPE, where=f"{_TYPE} != '$base'")
    base = over_time(_COUNT, "interactions", where=f"{_TYPE} = '$base'")
    return [
        shares(
            About(
                PanelId.SHARES,
                "Share of each event type",
                "How many per cent of the interactions are of each type.",
                "short",
                width=8,
                no_data=_NONE,
            ),
            InfluxQL(over_range(_COUNT, "interactions", by=_TYPE, where=_CHOSEN), alias=_NAMED),
        ),
        bars(
            About(
                PanelId.TOP_TYPES,
                "Top event types",
                "The ten types with the most interactions, and how many.",
                "short",
                width=8,
                no_data=_NONE,
                transformations=[
                    descending("top"),
                    columns({"interaction_type": "Type", "top": "Interactions"}),
                ],
            ),
            InfluxQL(
                largest(_COUNT, "interactions", by=_TYPE, count=10, where=_CHOSEN),
                result_format="table",
            ),
            rows=True,
        ),
        bars(
            About(
                PanelId.RATIOS,
                "Ratio between event types",
                "Interactions of each type for one of the type chosen as 'Ratio to': with 'view', "
                "purchase is the conversion rate.",
                "percentunit",
                width=8,
                decimals=2,
                no_data="No interactions, or none of the type to compare with",
                name="${__field.labels.interaction_type}",
            ),
            InfluxQL(everything, "A", alias=_NAMED, hide=True),
            summed("A", "B"),
            InfluxQL(base, "C", hide=True),
            summed("C", "D"),
            math("$B / $D", "E"),
            calc="lastNotNull",
        ),
        lines(
            About(
                PanelId.TYPES_OVER_TIME,
                "Types over time",
                "Interactions of each type in each step, one on top of the other.",
                "short",
                width=12,
                no_data=_NONE,
            ),
            InfluxQL(over_time(_COUNT, "interactions", by=_TYPE, where=_CHOSEN), alias=_NAMED),
            stacked=True,
        ),
        lines(
            About(
                PanelId.PURCHASES,
                "Purchases over time",
                "Interactions of type purchase in each step. The alert compares half an hour with "
                "the half an hour before it.",
                "short",
                width=12,
                no_data="No purchases in this time range",
            ),
            InfluxQL(
                over_time(_COUNT, "interactions", where=f"{_TYPE} = 'purchase'"), alias="Purchases"
            ),
        ),
    ]


def _by_user_and_item() -> list[Panel]:
    return [
        lines(
            About(
                PanelId.PER_USER,
                "Average per user",
                "Interactions of an active user in a window, on average over the step's windows.",
                "short",
                width=12,
                decimals=2,
                no_data=_NONE,
            ),
            InfluxQL(
                over_time('sum("total") / sum("users")', "interactions_summary"),
                alias="Interactions per user",
            ),
        ),
        lines(
            About(
                PanelId.PER_ITEM,
                "Maximum and minimum per item",
                "Most and fewest interactions with one item in a window, over the items that had "
                "any. Above the line the alert on item spikes fires.",
                "short",
                width=12,
                steps=Steps(critical=ITEM_SPIKE),
                no_data=_NONE,
            ),
            InfluxQL(
                over_time(
                    'max("item_max") AS "Maximum", min("item_min") AS "Minimum"',
                    "interactions_summary",
                ),
                alias="$col",
            ),
            limit_line=True,
        ),
        bars(
            About(
                PanelId.TOP_ITEMS,
                "Top items",
                "The ten items with the most interactions. Counted are the windows in which an "
                "item was among the top (setting top_k): a lower bound for items that come and go.",
                "short",
                width=12,
                no_data=_NONE,
                transformations=[
                    descending("top"),
                    columns({"item_id": "Item", "top": "Interactions"}),
                ],
            ),
            InfluxQL(
                largest(_COUNT, "item_interactions", by='"item_id"', count=10),
                result_format="table",
            ),
            rows=True,
        ),
        lines(
            About(
                PanelId.USERS_AND_ITEMS,
                "Users and items per window",
                "Distinct users and items in a window, on average over the step's windows.",
                "short",
                width=12,
                decimals=0,
                no_data=_NONE,
            ),
            InfluxQL(
                over_time(
                    'mean("users") AS "Users", mean("items") AS "Items"', "interactions_summary"
                ),
                alias="$col",
            ),
        ),
    ]

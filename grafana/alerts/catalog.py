"""The alert rules themselves."""

from __future__ import annotations

from typing import Final

from grafana.alerts.rules import Group, Rule
from grafana.alerts.steps import Math, Query, Reduce, Threshold
from grafana.dashboards import commerce, interactions, logins, pipeline

_MINUTE_S: Final = 60
_DAY_S: Final = 86_400

PURCHASE_FALL: Final = 0.5
"""Part of the purchases that must be missing, against the half an hour before."""
FEWEST_PURCHASES: Final = 20
"""Purchases in the half an hour before: with fewer a fall says nothing."""
FEWEST_RECORDS: Final = 20
"""Records in the time range: with fewer a share says nothing."""
MOST_STARTS: Final = 3
"""Processes one after the other in half an hour: with more something keeps failing."""


def groups() -> list[Group]:
    """Return all rules, by what they watch."""
    return [
        Group("interactions", [_item_spike(), _stopped(), _purchases_fell()]),
        Group("logins", [_suspicious_locale(), _frequent_ip()]),
        Group("commerce", [_low_stock()]),
        Group("pipeline", [*_shares(), _watermark_lag(), _restarts()]),
    ]


def _item_spike() -> Rule:
    return Rule(
        uid="tidemark-item-spike",
        title="Item spike",
        severity="warning",
        summary="Item {{ .Labels.item_id }} has a spike of interactions",
        description="Item {{ .Labels.item_id }} had {{ with .Values.B }}{{ .Value }}{{ end }} "
        f"interactions in one window; more than {interactions.ITEM_SPIKE} is a spike.",
        anchor="item-spike",
        dashboard_uid=interactions.UID,
        panel=interactions.PanelId.PER_ITEM,
        looks_back_s=5 * _MINUTE_S,
        hold="0s",
        steps=[
            Query(
                "A",
                'SELECT max("count") FROM "item_interactions" WHERE $timeFilter '
                'GROUP BY time(10s), "item_id" fill(none)',
            ),
            Reduce("B", "A", "max"),
            Threshold("C", "B", "gt", interactions.ITEM_SPIKE),
        ],
    )


def _stopped() -> Rule:
    return Rule(
        uid="tidemark-interactions-stopped",
        title="Interactions stopped",
        severity="critical",
        summary="No interactions in the last five minutes",
        description="No window of interactions has come in the last five minutes: either nobody "
        "does anything, or nothing gets from the producers through Kafka and Tidemark to InfluxDB.",
        anchor="interactions-stopped",
        dashboard_uid=interactions.UID,
        panel=interactions.PanelId.OVER_TIME,
        looks_back_s=5 * _MINUTE_S,
        hold="1m",
        on_no_data="Alerting",
        steps=[
            Query(
                "A",
                'SELECT sum("total") FROM "interactions_summary" WHERE $timeFilter '
                "GROUP BY time(1m) fill(none)",
            ),
            Reduce("B", "A", "sum"),
            Threshold("C", "B", "lt", 1),
        ],
    )


def _purchases_fell() -> Rule:
    """Both queries look at the same hour: where nothing was bought in its second half, a query of
    that half alone would return no series, and with it no number to compare."""
    purchases = (
        'SELECT sum("count") FROM "interactions" '
        "WHERE $timeFilter AND \"interaction_type\" = 'purchase'"
    )
    return Rule(
        uid="tidemark-purchases-fell",
        title="Purchases fell",
        severity="warning",
        summary="Purchases fell by {{ with .Values.E }}{{ humanizePercentage .Value }}{{ end }} "
        "against the half an hour before",
        description="In the last half an hour there were that much fewer purchases than in the "
        f"half an hour before it, which had at least {FEWEST_PURCHASES}.",
        anchor="purchases-fell",
        dashboard_uid=interactions.UID,
        panel=interactions.PanelId.PURCHASES,
        looks_back_s=60 * _MINUTE_S,
        hold="2m",
        steps=[
            Query("A", f"{purchases} GROUP BY time(1m) fill(none)"),
            Query("B", f"{purchases} AND time < now() - 30m GROUP BY time(1m) fill(none)"),
            Reduce("C", "A", "sum"),
            Reduce("D", "B", "sum"),
            Math("E", f"($D >= {FEWEST_PURCHASES}) * (1 - ($C - $D) / $D)"),
            Threshold("F", "E", "gt", PURCHASE_FALL),
        ],
    )


def _suspicious_locale() -> Rule:
    return Rule(
        uid="tidemark-suspicious-logins",
        title="Logins from a suspicious locale",
        severity="warning",
        summary="Odd android logins, such as from a suspicious locale",
        description="{{ with .Values.B }}{{ .Value }}{{ end }} android logins of the last ten "
        "minutes are odd. The topic processed-user-login has them with their anomaly_reasons.",
        anchor="logins-from-a-suspicious-locale",
        dashboard_uid=logins.UID,
        panel=logins.PanelId.ANOMALIES,
        looks_back_s=10 * _MINUTE_S,
        hold="0s",
        steps=[
            Query(
                "A",
                'SELECT sum("anomalies") FROM "processed_logins_summary" WHERE $timeFilter '
                "GROUP BY time(1m) fill(none)",
            ),
            Reduce("B", "A", "sum"),
            Threshold("C", "B", "gt", 0),
        ],
    )


def _frequent_ip() -> Rule:
    return Rule(
        uid="tidemark-frequent-ip",
        title="One IP too frequent",
        severity="warning",
        summary="Too many logins from one IP address",
        description="One address had {{ with .Values.B }}{{ .Value }}{{ end }} logins in one "
        f"window; more than {logins.FREQUENT_IP} is too many. Which one it is, the window's "
        "document of type logins says in frequent_ips.",
        anchor="one-ip-too-frequent",
        dashboard_uid=logins.UID,
        panel=logins.PanelId.FREQUENT_IP,
        looks_back_s=10 * _MINUTE_S,
        hold="0s",
        steps=[
            Query(
                "A",
                'SELECT max("max_per_ip") FROM "logins_summary" WHERE $timeFilter '
                "GROUP BY time(30s) fill(none)",
            ),
            Reduce("B", "A", "max"),
            Threshold("C", "B", "gt", logins.FREQUENT_IP),
        ],
    )


def _low_stock() -> Rule:
    return Rule(
        uid="tidemark-low-stock",
        title="Low stock",
        severity="warning",
        summary="Stock of category {{ .Labels.category }} is low or out",
        description="{{ with .Values.B }}{{ .Value }}{{ end }} products of category "
        "{{ .Labels.category }} were at or below their reorder level, or sold out, in one window. "
        "Collection inventory_levels says which.",
        anchor="low-stock",
        dashboard_uid=commerce.UID,
        panel=commerce.PanelId.STOCK_NOW,
        looks_back_s=10 * _MINUTE_S,
        hold="0s",
        steps=[
            Query(
                "A",
                'SELECT max("short") FROM (SELECT "low_stock" + "out_of_stock" AS "short" '
                'FROM "inventory_summary" WHERE $timeFilter) WHERE $timeFilter '
                'GROUP BY time(10s), "category" fill(none)',
            ),
            Reduce("B", "A", "max"),
            Threshold("C", "B", "gt", 0),
        ],
    )


def _shares() -> list[Rule]:
    def rule(what: str, field: str, limit: float, panel: pipeline.PanelId, advice: str) -> Rule:
        per_minute = 'FROM "pipeline" WHERE $timeFilter GROUP BY time(1m), "pipeline" fill(none)'
        everything = 'sum("events") + sum("rejected") + sum("late")'
        return Rule(
            uid=f"tidemark-{field}-share",
            title=f"Many {what} records",
            severity="warning",
            summary=f"{{{{ with .Values.E }}}}{{{{ humanizePercentage .Value }}}}{{{{ end }}}} of "
            f"the records of {{{{ .Labels.pipeline }}}} are {what}",
            description=f"More than {limit:.0%} of at least {FEWEST_RECORDS} records in the last "
            f"fifteen minutes of event time are {what}. {advice}",
            anchor=f"many-{what}-records",
            dashboard_uid=pipeline.UID,
            panel=panel,
            looks_back_s=15 * _MINUTE_S,
            hold="1m",
            steps=[
                Query("A", f'SELECT sum("{field}") {per_minute}'),
                Query("B", f"SELECT {everything} {per_minute}"),
                Reduce("C", "A", "sum"),
                Reduce("D", "B", "sum"),
                Math("E", f"($D >= {FEWEST_RECORDS}) * $C / ($D + ($D < 1))"),
                Threshold("F", "E", "gt", limit),
            ],
        )

    return [
        rule(
            "rejected",
            "rejected",
            pipeline.REJECT_SHARE,
            pipeline.PanelId.REJECTED_SHARE,
            "`tidemark dlq list` says why and which.",
        ),
        rule(
            "late",
            "late",
            pipeline.LATE_SHARE,
            pipeline.PanelId.LATE_SHARE,
            "They are in the topic's late topic; `tidemark recompute` takes them into their "
            "windows.",
        ),
    ]


def _watermark_lag() -> Rule:
    """A pipeline that is behind writes points that lie back by as much: its newest one is looked
    for in a whole day."""
    return Rule(
        uid="tidemark-watermark-lag",
        title="Watermark lag",
        severity="critical",
        summary="Pipeline {{ .Labels.pipeline }} is "
        "{{ with .Values.B }}{{ humanizeDuration .Value }}{{ end }} behind",
        description="The watermark that closed the newest window of {{ .Labels.pipeline }} was "
        f"more than {pipeline.WATERMARK_LAG_S} s behind the clock: reading is slower than "
        "writing, a partition holds the rest back, or a backlog is being read.",
        anchor="watermark-lag",
        dashboard_uid=pipeline.UID,
        panel=pipeline.PanelId.WATERMARK_LAG,
        looks_back_s=_DAY_S,
        hold="2m",
        steps=[
            Query(
                "A",
                'SELECT last("watermark_lag_s") FROM "pipeline" WHERE $timeFilter '
                'GROUP BY time(1m), "pipeline" fill(none)',
            ),
            Reduce("B", "A", "last"),
            Threshold("C", "B", "gt", pipeline.WATERMARK_LAG_S),
        ],
    )


def _restarts() -> Rule:
    return Rule(
        uid="tidemark-restarts",
        title="Restarts",
        severity="warning",
        summary="The processes of {{ .Labels.pipeline }} keep restarting",
        description="In the last half an hour of event time the windows of "
        "{{ .Labels.pipeline }} were closed by {{ with .Values.B }}{{ .Value }}{{ end }} "
        f"processes, one after the other; more than {MOST_STARTS} are too many.",
        anchor="restarts",
        dashboard_uid=pipeline.UID,
        panel=pipeline.PanelId.STARTS,
        looks_back_s=30 * _MINUTE_S,
        hold="0s",
        steps=[
            Query(
                "A",
                'SELECT count(distinct("started_s")) FROM "pipeline" WHERE $timeFilter '
                'GROUP BY "pipeline"',
            ),
            Reduce("B", "A", "last"),
            Threshold("C", "B", "gt", MOST_STARTS),
        ],
    )

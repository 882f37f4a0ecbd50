"""Adding the alert rules of a pipeline to a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream

from dataflows.alerting.followers import DocumentRules, KeyRules
from dataflows.alerting.resolve import rules_of
from dataflows.alerting.rule import OfTable
from dataflows.alerts import Alert, write_alerts
from dataflows.streaming.operators import Windows, follow, keep
from dataflows.streaming.outlets import Outlets
from dataflows.streaming.summary import Finals
from tidemark.log import RateLimited, get_logger

if TYPE_CHECKING:
    from dataflows.pipeline import Pipeline

_EVERY_S = 5.0
_LEVELS = {"info": "info", "warning": "warning", "critical": "error"}

log = get_logger(__name__)


def watch_rules(
    pipeline: Pipeline[Any],
    windows: Windows,
    finals: KeyedStream[Finals[Any]],
    outlets: Outlets,
) -> None:
    """Add what evaluates the rules over a pipeline; nothing where there are none."""
    rules = rules_of(pipeline)
    by_key = [rule for rule in rules if isinstance(rule.source, OfTable)]
    whole = [rule for rule in rules if not isinstance(rule.source, OfTable)]
    topic = pipeline.settings.alerts.topic
    if by_key:
        step = f"{pipeline.name}_rules_by_key"
        alerts = follow(step, windows, lambda state: KeyRules(by_key, state))
        write_alerts(f"{step}_alerts", _told(f"{step}_told", alerts), topic, outlets)
    if whole:
        step = f"{pipeline.name}_rules"
        alerts = keep(step, finals, lambda state: DocumentRules(whole, pipeline.document, state))
        write_alerts(f"{step}_alerts", _told(f"{step}_told", alerts), topic, outlets)


def _told(step_id: str, alerts: KeyedStream[list[Alert]]) -> KeyedStream[list[Alert]]:
    """Say in the log what begins and ends, rate-limited by rule; after a restart perhaps again."""
    limited = RateLimited(log, _EVERY_S)

    def tell(found: list[Alert]) -> list[Alert]:
        for alert in found:
            document = alert.document()
            level = _LEVELS[alert.rule.severity] if alert.state == "begin" else "info"
            limited.log(
                level,  # type: ignore[arg-type] # of the three above
                f"alert.{alert.state}",
                key=f"{alert.rule.name} {alert.state}",
                rule=alert.rule.name,
                subject=alert.subject,
                value=alert.value,
                threshold=alert.threshold,
                severity=alert.rule.severity,
                window=document["timestamp"].isoformat(),
                message=alert.message,
            )
        return found

    return op.map_value(step_id, alerts, tell)
